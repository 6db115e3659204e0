//! What is wrong on the command line, in the environment or in a file: one message that names it, an exit code, and nothing done.

use forecourt_tests::Folder;
use forecourt_tests::server::{forecourt, run};

/// Arguments, where `@` stands for a folder with the files below; the exit code; and what the message names.
const CASES: &[(&[&str], i32, &str)] = &[
    (&["nonsense"], 2, "nonsense"),
    (&["serve", "--nonsense"], 2, "--nonsense"),
    (&["serve", "--listen", "nowhere"], 2, "`nowhere`"),
    (&["serve", "--listen", "127.0.0.1:99999"], 2, "`127.0.0.1:99999`"),
    (&["serve", "--config", "@/missing.toml"], 2, "missing.toml` was not read"),
    (&["serve", "--config", "@"], 2, "was not read"),
    (&["serve", "--config", "@/broken.toml"], 2, "line 1, column 10"),
    (&["serve", "--config", "@/mistyped.toml"], 2, "invalid type: integer `1`"),
    (&["serve", "--config", "@/unknown.toml"], 2, "listen_twice"),
    (&["serve", "--config", "@/twice.toml"], 2, "duplicate key"),
    (&["serve", "--config", "@/binary"], 2, "UTF-8"),
    (&["serve", "--data", "@/broken.json"], 5, "is no folder"),
    (&["serve", "--data", "@/broken.json/within"], 5, "within"),
    (&["serve", "--ephemeral"], 2, "--demo"),
    (&["serve", "--demo", "--log", "a=loud"], 2, "`a=loud`"),
    (&["serve", "--demo", "--log-format", "xml"], 2, "xml"),
    (&["init", "--group", "BAD", "--admin", "a"], 2, "`BAD` is not a group id"),
    (&["init", "--group", "g", "--admin", "A B"], 2, "`A B` is not a user id"),
    (&["init", "--group", "g"], 2, "--admin"),
    (&["init", "--data", "@/new", "--group", "g", "--admin", "a", "--password-stdin"], 2, "standard input is empty"),
    (&["publish", "@/missing.wasm"], 2, "missing.wasm` was not read"),
    (&["publish", "@"], 2, "was not read"),
    (&["publish"], 2, "<FILE>"),
    (&["call", "bj01", "a/b/get-c", "{"], 2, "no JSON"),
    (&["call", "bj01", "a/b/get-c", "@@/broken.json"], 2, "no JSON"),
    (&["call", "bj01", "a/b/get-c", "@@/missing.json"], 2, "missing.json` was not read"),
    (&["call", "bj01", "a/b/get-c", "@@/binary"], 2, "binary"),
    (&["call", "bj01", "a/b/get-c", "-"], 2, "no JSON"),
    (&["call", "bj01", "a/b"], 2, "`a/b` is not a"),
    (&["call", "BJ01", "a/b/get-c"], 2, "`BJ01` is not a store id"),
    (&["call", "@", "a/b/get-c"], 2, "is not a"),
    (&["call", "bj01"], 2, "<OPERATION>"),
    (&["grant", "parts"], 2, "NAME@VERSION"),
    (&["grant", "parts@1"], 2, "`1` is not a version"),
    (&["grant", "Parts@1.0.0"], 2, "Parts"),
    (&["grant", "parts@1.0.0", "--only", "{"], 2, "no JSON"),
    (&["grant", "parts@1.0.0", "--only", "@@/missing.json"], 2, "missing.json` was not read"),
    (&["enable", "parts", "parts@0.1.0"], 2, "--stores"),
    (&["enable", "Parts", "parts@0.1.0", "--stores", "bj01"], 2, "`Parts` is not a area"),
    (&["disable", "parts", "--stores", "bj01,BJ02"], 2, "`BJ02` is not a store id"),
    (&["modules", "--format", "xml"], 2, "xml"),
    (&["user", "add", "li.wei", "--role", "Advisor"], 2, "`Advisor` is not a role name"),
    (&["user", "add", "li.wei", "--role", "advisor@BJ"], 2, "`BJ` is not a store id"),
    (&["user"], 2, "Usage"),
    (&["store", "add", "BJ"], 2, "`BJ` is not a store id"),
    (&["plugins", "--url", "https://kernel.example"], 2, "begins with http://"),
    (&["plugins", "--url", "nonsense"], 2, "`nonsense`"),
    (&["plugins", "--url", "http://"], 2, "http://"),
    (&["plugins"], 4, "http://127.0.0.1:9"),
    (&["limits", "--format", "xml"], 2, "xml"),
];

#[test]
fn one_message_names_what_is_wrong() {
    let folder = Folder::new();
    let data = folder.data();
    for (name, text) in [
        ("broken.toml", b"listen = ".as_slice()),
        ("mistyped.toml", b"listen = 1"),
        ("unknown.toml", b"listen_twice = true"),
        ("twice.toml", b"log = \"info\"\nlog = \"warn\""),
        ("broken.json", b"{"),
        ("binary", b"\xff\xfe{}"),
    ] {
        std::fs::write(format!("{data}/{name}"), text).unwrap();
    }
    for (arguments, code, named) in CASES {
        let place = |argument: &&str| match argument.strip_prefix('@') {
            Some("") if arguments.first() == Some(&"call") => "@".to_owned(),
            Some(rest) if rest.starts_with('@') => format!("@{data}{}", &rest[1..]),
            Some(rest) => format!("{data}{rest}"),
            None => (*argument).to_owned(),
        };
        let arguments: Vec<String> = arguments.iter().map(place).collect();
        let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = run(forecourt(&texts).env("FORECOURT_TOKEN", "t").env("FORECOURT_URL", "http://127.0.0.1:9"), "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {said}");
        assert!(said.contains(named), "{arguments:?} names no {named}: {said}");
        assert!(
            output.stdout.is_empty() && !said.contains("panicked") && !said.contains("RUST_BACKTRACE"),
            "{arguments:?}: {said}"
        );
        assert!(
            ["error: ", "forecourt: ", "A kernel", "Users of"].iter().any(|start| said.starts_with(start)),
            "{arguments:?}: {said}"
        );
    }
    assert!(!folder.has("new"), "a folder was made for what was refused");
}

#[test]
fn what_the_environment_has_wrong_is_named() {
    for (name, value) in [
        ("FORECOURT_LISTEN", "nowhere"),
        ("FORECOURT_DEMO", "yes"),
        ("FORECOURT_LOG_FORMAT", "xml"),
        ("FORECOURT_CONFIG", "/nowhere.toml"),
        ("FORECOURT_SECURE", "maybe"),
    ] {
        let output = run(forecourt(&["serve"]).env(name, value), "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(value) && output.stdout.is_empty(), "{name}: {said}");
    }
    let unset = run(&mut forecourt(&["plugins"]), "");
    assert_eq!(
        (unset.status.code(), String::from_utf8_lossy(&unset.stderr).contains("FORECOURT_TOKEN")),
        (Some(2), true)
    );
}
