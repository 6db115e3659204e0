//! The command line: what operators type, and what the program says and exits with when it cannot.

use std::process::Output;

use forecourt_tests::ground::GROUP;
use forecourt_tests::random::Seeded;
use forecourt_tests::server::{PASSWORD, forecourt, kill_while_starting, run};
use forecourt_tests::{Folder, Ground, Server, guests};
use serde_json::{Value, json};

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs the program against a kernel, signed in by this token.
fn asked(url: &str, token: &str, arguments: &[&str], input: &str) -> Output {
    run(forecourt(arguments).env("FORECOURT_URL", url).env("FORECOURT_TOKEN", token), input)
}

/// The standard output of a command that succeeds.
fn done(url: &str, token: &str, arguments: &[&str], input: &str) -> String {
    let output = asked(url, token, arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_operator_does_everything_from_the_command_line() {
    let folder = Folder::with_group(GROUP);
    let server = Server::start(&folder, &[]);
    let url = server.url();
    let sign_in = |user: &str| {
        done(url, "", &["sign-in", user, "--group", GROUP, "--password-stdin"], &format!("{PASSWORD}\n"))
            .trim()
            .to_owned()
    };
    let admin = sign_in("admin");
    let as_admin = |arguments: &[&str]| done(url, &admin, arguments, &format!("{PASSWORD}\n"));
    as_admin(&["store", "add", "bj01", "--name", "北京一店"]);
    as_admin(&["store", "add", "sh01"]);
    as_admin(&["user", "add", "li.wei", "--name", "李伟", "--role", "advisor@bj01", "--password-stdin"]);
    let file = format!("{}/probe.wasm", folder.data());
    std::fs::write(&file, guests::bytes("probe")).unwrap();
    assert!(as_admin(&["publish", &file]).contains("probe"));
    let early = asked(url, &admin, &["enable", "probe", "probe@0.1.0", "--stores", "bj01"], "");
    assert_eq!((early.status.code(), said(&early).contains("grant")), (Some(3), true), "{}", said(&early));
    as_admin(&["grant", "probe@0.1.0"]);
    as_admin(&["enable", "probe", "probe@0.1.0", "--stores", "all"]);
    let plugins: Value = serde_json::from_str(&as_admin(&["plugins", "--format", "json"])).unwrap();
    assert!(
        ["parts", "repair", "probe"].iter().all(|name| plugins.to_string().contains(&format!("\"{name}\""))),
        "{plugins}"
    );
    let modules = as_admin(&["modules"]);
    assert!(modules.contains("bj01") && modules.contains("sh01") && modules.contains("probe"), "{modules}");

    let advisor = sign_in("li.wei");
    let note =
        done(url, &advisor, &["call", "bj01", "probe/effects/act", "{\"note\": \"n\", \"ending\": \"succeed\"}"], "");
    assert_eq!(serde_json::from_str::<Value>(&note).unwrap()["by"], "li.wei");
    let list = done(url, &advisor, &["call", "bj01", "probe/effects/list-notes", "-"], "{\"limit\": 5}");
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap()["items"].as_array().unwrap().len(), 1);
    let refused =
        asked(url, &advisor, &["call", "bj01", "probe/effects/act", "{\"note\": \"m\", \"ending\": \"fail\"}"], "");
    assert_eq!(refused.status.code(), Some(3));
    assert!(said(&refused).contains("asked_to"), "{}", said(&refused));
    assert_eq!(asked(url, &advisor, &["call", "sh01", "probe/effects/act", "{}"], "").status.code(), Some(3));
    as_admin(&["disable", "probe", "--stores", "bj01"]);
    let gone = asked(url, &advisor, &["call", "bj01", "probe/effects/list-notes", "{\"limit\": 5}"], "");
    assert!(gone.status.code() == Some(3) && said(&gone).contains("not enabled"), "{}", said(&gone));
    assert!(server.stop().success());
}

#[test]
fn what_cannot_be_is_said_and_told_by_the_exit_code() {
    let folder = Folder::with_group(GROUP);
    let again = folder.init(GROUP);
    assert_eq!(again.status.code(), Some(5), "{}", said(&again));
    let serve = |arguments: &[&str]| run(forecourt(&["serve"]).args(arguments), "");
    let empty = Folder::new();
    let refused = serve(&["--data", empty.data(), "--listen", "127.0.0.1:0"]);
    assert_eq!(
        (refused.status.code(), said(&refused).contains("forecourt init")),
        (Some(5), true),
        "{}",
        said(&refused)
    );

    let server = Server::start(&folder, &[]);
    let locked = serve(&["--data", folder.data(), "--listen", "127.0.0.1:0"]);
    assert_eq!(locked.status.code(), Some(5), "{}", said(&locked));
    let address = server.url().trim_start_matches("http://");
    let taken = serve(&["--data", empty.data(), "--listen", address]);
    assert_eq!((taken.status.code(), said(&taken).contains(address)), (Some(6), true), "{}", said(&taken));
    assert!(server.stop().success());

    let configuration = format!("{}/forecourt.toml", empty.data());
    std::fs::write(&configuration, "listen = \"127.0.0.1:0\"\nlisten_twice = true\n").unwrap();
    let unknown = serve(&["--config", &configuration]);
    assert_eq!((unknown.status.code(), said(&unknown).contains("listen_twice")), (Some(2), true), "{}", said(&unknown));
    let public = serve(&["--demo", "--ephemeral", "--listen", "0.0.0.0:0"]);
    assert_eq!(public.status.code(), Some(2), "{}", said(&public));
    // Nobody listens on the discard port.
    let nobody = asked("http://127.0.0.1:9", "t", &["call", "bj01", "a/b/get-c"], "");
    assert_eq!(
        (nobody.status.code(), said(&nobody).contains("http://127.0.0.1:9")),
        (Some(4), true),
        "{}",
        said(&nobody)
    );
}

#[test]
fn every_limit_is_shown() {
    let shown = run(&mut forecourt(&["limits", "--format", "json"]), "");
    let limits: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let names: Vec<&str> = limits.as_array().unwrap().iter().filter_map(|limit| limit["name"].as_str()).collect();
    let known: Vec<&str> = forecourt_base::limits::all().iter().map(|limit| limit.name).collect();
    assert_eq!(names, known);
}

#[test]
fn a_kernel_that_is_asked_to_stop_answers_what_it_began() {
    const CALLERS: usize = 3;
    let ground = Ground::begin();
    let place = ground.place_with_guests();
    let (advisor, store) = (place.user("advisor"), place.store.clone());
    let Ground { folder, server, .. } = ground;
    let (sender, answered) = std::sync::mpsc::channel();
    let path = format!("/v1/stores/{store}/probe/effects/act");
    let notes: Vec<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (advisor, path, sender) = (&advisor, &path, sender.clone());
                scope.spawn(move || {
                    let mut notes = Vec::new();
                    for number in 0.. {
                        let note = format!("{caller}-{number}");
                        let body = json!({ "note": note, "ending": "succeed" }).to_string();
                        match advisor.send("POST", path, Some("application/json"), body.as_bytes()) {
                            Ok(answer) if answer.status == 200 => notes.push(note),
                            Ok(answer) => assert_eq!(answer.status, 503, "{answer}"),
                            Err(_) => break,
                        }
                        let _ = sender.send(());
                    }
                    notes
                })
            })
            .collect();
        answered.iter().take(20).for_each(drop);
        assert!(server.stop().success());
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let server = Server::start(&folder, &[]);
    let kept = advisor.at(server.url()).list(&store, "probe/effects/list-notes", &json!({ "limit": 200 }));
    let kept: Vec<&str> = kept.iter().filter_map(|note| note["id"].as_str()).collect();
    assert!(notes.len() >= 20 && notes.iter().all(|note| kept.contains(&note.as_str())), "{notes:?} {kept:?}");
}

#[test]
fn a_demo_that_is_killed_half_made_is_completed_by_the_next_start() {
    let mut random = Seeded::new();
    let folder = Folder::new();
    for _ in 0..3 {
        kill_while_starting(&folder, &["--demo"], usize::try_from(random.below(400)).unwrap());
    }
    let orders = |server: &Server| {
        let advisor = server.client().sign_in(Some("demo"), "advisor", PASSWORD);
        let orders = advisor.list("bj01", "repair/orders/list-orders", &json!({}));
        let mut told: Vec<String> =
            orders.iter().map(|order| format!("{} {} {}", order["number"], order["state"], order["version"])).collect();
        told.sort();
        told
    };
    let first = Server::start(&folder, &["--demo"]);
    let made = orders(&first);
    assert!(first.stop().success());
    let second = Server::start(&folder, &["--demo"]);
    assert_eq!(orders(&second), made);
    let fresh_folder = Folder::new();
    let fresh = Server::start(&fresh_folder, &["--demo"]);
    let states = |orders: &[String]| {
        orders.iter().map(|order| order.split(' ').skip(1).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let (mut completed, mut at_once) = (states(&made), states(&orders(&fresh)));
    completed.sort();
    at_once.sort();
    assert_eq!(completed, at_once);
}
