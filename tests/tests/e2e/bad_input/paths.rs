//! Paths and methods: what is nowhere, what is unknown, and tricks.

use super::cases::Case;
use super::examples::{self, Example};
use super::world::world;

/// Segments that can name nothing. `{` and the like do not get past a client.
fn tricks() -> Vec<String> {
    let tricks = [
        "..",
        ".",
        "%2E%2E",
        "%2F",
        "a%2Fb",
        "%5C",
        "%00",
        "a%00",
        "%0D%0A",
        "%FF",
        "%zz",
        "%",
        "a%20b",
        "%E5%BA%97",
        "-a",
        "*",
        "a;b=c",
        "a:b",
    ];
    tricks.into_iter().map(str::to_owned).chain(["x".repeat(65), "x".repeat(5_000)]).collect()
}

fn with_segment(example: &Example, at: usize, value: &str) -> Case {
    let mut segments = example.segments.clone();
    value.clone_into(&mut segments[at]);
    let query = if example.given.is_empty() { String::new() } else { format!("?{}", example.given) };
    Case { path: example.path_of(&segments) + &query, ..example.case() }
}

#[test]
fn segments_that_can_name_nothing_lead_nowhere() {
    for example in examples::of(world()) {
        for at in 0..example.names().len() {
            for trick in tricks() {
                if example.route.starts_with("/l/") {
                    link_leads_nowhere(&example, at, &trick);
                    continue;
                }
                with_segment(&example, at, &trick).is(404, "unknown-path");
            }
        }
    }
    world().unchanged();
}

/// A link does not tell what is the matter; what no path can hold never gets to it. Its token is a guess, for calls through the good one are counted.
fn link_leads_nowhere(example: &Example, at: usize, trick: &str) {
    let guessed = Example { segments: [&["A".repeat(43)][..], &example.segments[1..]].concat(), ..example.clone() };
    let answer = with_segment(&guessed, at, trick).send("en");
    let told = answer.body["type"].as_str().unwrap_or_default();
    assert!(answer.status == 404 && ["/problems/unknown-path", "/problems/link-refused"].contains(&told), "{answer}");
}

/// What is answered where a name is well formed but names nothing.
fn unknown(example: &Example, name: &str) -> (u16, &'static str) {
    if example.route.starts_with("/l/") {
        return (404, "link-refused");
    }
    let module = example.route.contains("/modules/");
    match name {
        // What exists in another group is nobody else's business, and neither is whether the group does.
        "group" => (403, "forbidden"),
        "store" => (404, "unknown-store"),
        "user" | "role" | "plugin" => (404, "unknown-resource"),
        "area" if module && example.method == "PUT" => (409, "area-not-served"),
        "area" => (404, "area-not-enabled"),
        "interface" | "operation" => (404, "unknown-operation"),
        "version" => (404, "unknown-plugin-version"),
        "name" | "secret" if example.route.contains("/secrets") => (404, "unknown-resource"),
        "name" if example.route.contains("/plugins/") => (404, "unknown-plugin-version"),
        _ => (404, "unknown-path"),
    }
}

#[test]
fn names_that_name_nothing_are_told_apart() {
    for example in examples::of(world()) {
        for (at, name) in example.names().into_iter().enumerate() {
            // Where there is no secret of the name, one is stored.
            if name == "secret" && example.method == "PUT" {
                continue;
            }
            let value = if name == "version" { "9.9.9" } else { "nowhere" };
            let (status, problem) = unknown(&example, name);
            with_segment(&example, at, value).is(status, problem);
        }
    }
    world().unchanged();
}

#[test]
fn another_groups_people_are_refused_alike() {
    let world = world();
    for example in examples::of(world).into_iter().filter(|example| example.signed) {
        let (expected, problem) = match example.names().first() {
            Some(&"group") => (403, "forbidden"),
            // Stores are those of the sender's group, which has none of this name.
            Some(&"store") => (404, "unknown-store"),
            _ if example.route.starts_with("/v1/users") => (403, "forbidden"),
            _ if (example.method, example.route) == ("POST", "/v1/groups") => (403, "forbidden"),
            _ => continue,
        };
        Case { who: world.outsider.clone(), ..example.case() }.is(expected, problem);
    }
    world.unchanged();
}

#[test]
fn other_methods_are_refused_with_those_there_are() {
    let examples = examples::of(world());
    for example in &examples {
        let known: Vec<&str> =
            examples.iter().filter(|other| other.route == example.route).map(|other| other.method).collect();
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            if known.contains(&method) {
                continue;
            }
            let case = Case { method, content_type: None, body: Vec::new(), ..example.case() };
            case.is(405, "method-not-allowed");
            let answer = case.send("en");
            let allowed = answer.header("allow").unwrap_or_default();
            assert!(known.iter().all(|known| allowed.contains(known)), "{known:?} of {allowed}: {case}");
        }
    }
    world().unchanged();
}

#[test]
fn paths_that_are_none_lead_nowhere() {
    let example = examples::of(world()).into_iter().find(|example| example.route == "/v1/groups").unwrap();
    for path in [
        "/",
        "//",
        "/v1",
        "/v1/",
        "/v2/groups",
        "/V1/groups",
        "/v1/groups/",
        "//v1/groups",
        "/v1//groups",
        "/v1/./groups",
        "/v1/x/../groups",
        "/v1/groups%2Fg",
        "/v1/groups/g/",
        "/v1/groups/g/nothing",
        "/v1/stores",
        "/v1/stores/bj01",
        "/v1/stores/bj01/probe/effects",
        "/v1/stores/bj01/probe/effects/act/more",
        "/v1/sessions/other",
        "/healthz/",
        "/problems",
        "/.git/config",
        "/index.html",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let case = Case { method, path: path.to_owned(), content_type: None, body: Vec::new(), ..example.case() };
            case.is(404, "unknown-path");
        }
    }
    world().unchanged();
}
