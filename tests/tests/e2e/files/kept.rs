//! What a folder keeps of files: whatever a record names is there after kills, `verify` finds what is damaged, and a backup brings it back.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use forecourt_tests::ground::GROUP;
use forecourt_tests::server::{PASSWORD, forecourt, run};
use forecourt_tests::{Folder, Server};
use serde_json::json;

use super::refused::{count, incoming};
use super::*;

const ROUNDS: u64 = 6;

fn begin(folder: &Folder) -> (Server, Client) {
    let server = Server::start(folder, &[]);
    let admin = server.client().sign_in(Some(GROUP), "admin", PASSWORD);
    (server, admin)
}

fn prepare(admin: &Client) -> Client {
    offer_archive(admin);
    admin.post(&format!("/v1/groups/{GROUP}/stores"), &json!({ "id": "s", "name": "s" })).ok();
    let module = json!({ "plugin": "archive", "version": "0.1.0" });
    admin.put("/v1/stores/s/modules/archive", &module).ok();
    admin.clone()
}

fn file_paper(client: &Client, id: &str, scan: &[u8]) -> Answer {
    let side = json!({ "scan": name_of(scan), "note": "" });
    let paper = json!({ "paper": { "id": id, "sides": [side], "signature": null } });
    client.call("s", "archive/papers/file", &paper)
}

fn blob(folder: &Folder, content: &[u8]) -> PathBuf {
    let name = name_of(content);
    Path::new(folder.data()).join("storage/files").join(GROUP).join("s").join(&name[..2]).join(name)
}

fn verify(folder: &Folder) -> (Option<i32>, String) {
    let out = run(&mut forecourt(&["verify", "--data", folder.data()]), "");
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Uploads and files papers until the kernel is gone; whether each was answered.
fn work(client: &Client, round: u64, lane: u8, stop: &AtomicBool, filed: &AtomicBool) -> Vec<(String, Vec<u8>)> {
    let mut answered = Vec::new();
    for n in 0_u16.. {
        let scan = [bytes(20_000, lane), [round as u8, lane].to_vec(), n.to_be_bytes().to_vec()].concat();
        let name = path("s", &name_of(&scan));
        let Ok(up) = client.send("PUT", &name, Some("application/octet-stream"), &scan) else { break };
        if up.status >= 300 || stop.load(Ordering::SeqCst) {
            break;
        }
        let id = format!("p-{round}-{lane}-{n}");
        let side = json!({ "scan": name_of(&scan), "note": "" });
        let body = json!({ "paper": { "id": id, "sides": [side], "signature": null } }).to_string();
        let operation = "/v1/stores/s/archive/papers/file";
        match client.send("POST", operation, Some("application/json"), body.as_bytes()) {
            Ok(answer) if answer.status == 200 => answered.push((id, scan)),
            _ => break,
        }
        filed.store(true, Ordering::SeqCst);
    }
    answered
}

#[test]
fn no_kill_leaves_a_record_that_names_a_missing_file() {
    let folder = Folder::with_group(GROUP);
    let (server, admin) = begin(&folder);
    let mut client = prepare(&admin);
    let mut server = Some(server);
    for round in 0..ROUNDS {
        let (stop, filed) = (AtomicBool::new(false), AtomicBool::new(false));
        let answered: Vec<(String, Vec<u8>)> = std::thread::scope(|threads| {
            let lanes: Vec<_> = (0..3)
                .map(|lane| {
                    let (client, stop, filed) = (&client, &stop, &filed);
                    threads.spawn(move || work(client, round, lane, stop, filed))
                })
                .collect();
            super::refused::wait_until("a paper is filed", || filed.load(Ordering::SeqCst));
            server.take().unwrap().kill();
            stop.store(true, Ordering::SeqCst);
            lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
        });
        assert!(!answered.is_empty());
        let again = Server::start(&folder, &[]);
        client = client.at(again.url());
        assert_eq!(count(&incoming(&folder)), 0);
        for (id, scan) in &answered {
            let paper = client.call("s", "archive/papers/get-paper", &json!({ "id": id })).ok();
            assert_eq!(paper["sides"][0]["scan"], name_of(scan));
            let came = fetch(again.url(), &client, "GET", &path("s", &name_of(scan)), &[]).unwrap();
            assert!(came.status == 200 && came.body == *scan, "round {round}: {id}");
        }
        server = Some(again);
    }
    assert!(server.take().unwrap().stop().success());
    let (code, said) = verify(&folder);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn verify_finds_what_is_damaged_and_a_backup_brings_it_back() {
    let folder = Folder::with_group(GROUP);
    let (server, admin) = begin(&folder);
    let client = prepare(&admin);
    let contents: Vec<Vec<u8>> = (20..24).map(|seed| bytes(90_000, seed)).collect();
    for (n, content) in contents.iter().enumerate() {
        put(&client, "s", content).ok();
        file_paper(&client, &n.to_string(), content).ok();
    }
    assert!(server.stop().success());
    let (code, said) = verify(&folder);
    assert!(code == Some(0) && said.contains(", 4 files\n"), "{said}");
    let (backups, restored) = (Folder::new(), Folder::new());
    let backup = Path::new(backups.data()).join("backup");
    let backup = backup.to_str().unwrap();
    let made = run(&mut forecourt(&["backup", backup, "--data", folder.data()]), "");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Damage: one is changed, one is gone, one is there that nobody knows.
    let mut changed = contents[0].clone();
    changed[40_000] ^= 1;
    std::fs::write(blob(&folder, &contents[0]), &changed).unwrap();
    std::fs::remove_file(blob(&folder, &contents[1])).unwrap();
    let unknown = blob(&folder, b"nobody's");
    std::fs::create_dir_all(unknown.parent().unwrap()).unwrap();
    std::fs::write(&unknown, b"nobody's").unwrap();
    let (code, said) = verify(&folder);
    assert_eq!(code, Some(5), "{said}");
    let finding =
        |content: &[u8]| said.lines().find(|line| line.starts_with("wrong:") && line.contains(&name_of(content)));
    assert!(finding(&contents[0]).is_some_and(|line| line.contains("damaged")), "{said}");
    assert!(finding(&contents[1]).is_some_and(|line| line.contains("missing")), "{said}");
    assert!(finding(&contents[2]).is_none() && finding(&contents[3]).is_none(), "{said}");
    assert!(said.contains("note: 1 files of"), "{said}");
    // A damaged file is never taken for a good one, and uploading it again mends it.
    let (server, _) = begin(&folder);
    let client = client.at(server.url());
    assert!(fetch(server.url(), &client, "GET", &path("s", &name_of(&contents[0])), &[]).is_err(), "it breaks off");
    assert_eq!(fetch(server.url(), &client, "GET", &path("s", &name_of(&contents[1])), &[]).unwrap().status, 500);
    for content in &contents[..2] {
        assert_eq!(put(&client, "s", content).status, 200);
        assert!(fetch(server.url(), &client, "GET", &path("s", &name_of(content)), &[]).unwrap().body == *content);
    }
    assert!(server.stop().success());
    assert_eq!(verify(&folder).0, Some(0));
    // The backup holds them as they were.
    let done = run(&mut forecourt(&["restore", backup, "--data", restored.data()]), "");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let (code, said) = verify(&restored);
    assert!(code == Some(0) && said.contains(", 4 files\n"), "{said}");
    let (server, admin) = begin(&restored);
    for content in &contents {
        assert!(fetch(server.url(), &admin, "GET", &path("s", &name_of(content)), &[]).unwrap().body == *content);
    }
}

#[test]
fn the_command_line_uploads_and_downloads() {
    let place = place();
    let token = place.user("advisor").token().unwrap().to_owned();
    let folder = Folder::new();
    let file = |name: &str| format!("{}/{name}", folder.data());
    let content = bytes(1 << 20, 30);
    std::fs::write(file("up"), &content).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = forecourt(arguments);
        command.env("FORECOURT_TOKEN", &token).env("FORECOURT_URL", shared().server.url());
        run(&mut command, "")
    };
    let put = run(&["file", "put", &place.store, &file("up")]);
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    let name = String::from_utf8(put.stdout).unwrap();
    assert_eq!(name.trim(), name_of(&content));
    let got = run(&["file", "get", &place.store, name.trim(), "--output", &file("down")]);
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    assert!(std::fs::read(file("down")).unwrap() == content);
    let none = run(&["file", "get", &place.store, &name_of(b"none"), "--output", &file("none")]);
    assert_eq!(none.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&none.stderr).contains("is not known"));
    assert!(!folder.has("none") && !folder.has("none.part"));
    assert_eq!(run(&["file", "get", &place.store, "abc"]).status.code(), Some(2));
}
