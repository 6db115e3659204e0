//! Query strings.

use forecourt_base::limits;
use forecourt_tests::ground::GROUP;

use super::cases::Case;
use super::examples::{self, Example};
use super::world::world;

fn with_query(example: &Example, query: &str) -> Case {
    let path = example.path();
    let separator = if path.contains('?') { '&' } else { '?' };
    Case { path: format!("{path}{separator}{query}"), ..example.case() }
}

/// Values that a parameter of any list refuses.
fn wrong(name: &str) -> Vec<String> {
    let most = limits::PAGE_ROWS + 1;
    let texts: &[&str] = match name {
        "limit" => &["0", "-1", "1.5", "1e3", "x", "", "9007199254740993", "18446744073709551616", "%00", "%D9%A3"],
        "after" => &["!!!", "AAAA", "AQ", "x%20y", "%00", "bGkud2Vp", "../..", ""],
        "outcome" => &["", "maybe", "DONE"],
        "user" => &["", "A%20B", "%E6%9D%8E"],
        "from" | "until" => &["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-10", "2026-01-10T08:30:00", "0"],
        "force" => &["", "1", "yes", "TRUE"],
        _ => &[],
    };
    let long = "x".repeat(2_000);
    let bound: &[String] = if name == "limit" { &[most.to_string()] } else { &[] };
    let long: &[String] = if ["limit", "after", "outcome", "from"].contains(&name) { &[long] } else { &[] };
    texts.iter().map(|text| (*text).to_owned()).chain(bound.iter().chain(long).cloned()).collect()
}

#[test]
fn parameters_of_a_wrong_value_are_named() {
    for example in examples::of(world()) {
        for name in example.query.unwrap_or_default() {
            for value in wrong(name) {
                with_query(&example, &format!("{name}={value}")).is_field(&format!("/{name}"));
            }
        }
    }
    world().unchanged();
}

#[test]
fn parameters_that_are_unknown_or_given_twice_are_named() {
    for example in examples::of(world()) {
        let Some(known) = example.query else { continue };
        with_query(&example, "nothing=1").is_field("/nothing");
        with_query(&example, "%E5%BA%97=1").is_field("/店");
        with_query(&example, "__proto__").is_field("/__proto__");
        for name in known {
            with_query(&example, &format!("{name}=1&{name}=1")).is_field(&format!("/{name}"));
        }
        with_query(&example, "x=1&x=2").is_field("/x");
    }
    world().unchanged();
}

/// A token says where one list goes on, and is none for another list.
#[test]
fn the_token_of_another_list_is_refused() {
    let world = world();
    let pages = [
        (&world.admin, format!("/v1/groups/{GROUP}/stores")),
        (&world.admin, format!("/v1/groups/{GROUP}/roles")),
        (&world.admin, format!("/v1/groups/{GROUP}/users")),
        (&world.admin, format!("/v1/groups/{GROUP}/audit")),
        (&world.root, "/v1/groups".to_owned()),
        (&world.root, "/v1/users".to_owned()),
    ];
    let kind = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let next = |(who, path): &(&forecourt_tests::Client, String)| {
        let page = who.get(&format!("{path}?limit=1")).ok();
        page["next"].as_str().unwrap_or_else(|| panic!("{path} is one page")).to_owned()
    };
    let tokens: Vec<(String, String)> = pages.iter().map(|page| (kind(&page.1), next(page))).collect();
    let example = &examples::of(world)[0];
    for (who, path) in &pages {
        for (of, token) in &tokens {
            let case = Case { who: (*who).clone(), path: format!("{path}?after={token}"), ..example.case() };
            if *of == kind(path) {
                case.send("en").ok();
            } else {
                case.is_field("/after");
            }
        }
    }
    let events = Case {
        who: world.admin.clone(),
        path: format!("/v1/stores/{}/events?after={}", world.store, tokens[0].1),
        ..example.case()
    };
    events.is_field("/after");
    world.unchanged();
}

/// What a query string holds is text; what it cannot be is told as for a body.
#[test]
fn arguments_in_a_query_string_are_checked_like_those_in_a_body() {
    let world = world();
    let examples = examples::of(world);
    let plain = examples.iter().find(|example| example.given.starts_with("count")).unwrap();
    let path = plain.path_of(&plain.segments);
    for (query, pointer) in [
        ("", "/count"),
        ("sure=true", "/count"),
        ("count=1", "/sure"),
        ("count=&sure=true", "/count"),
        ("count=-1&sure=true", "/count"),
        ("count=4294967296&sure=true", "/count"),
        ("count=1.5&sure=true", "/count"),
        ("count=1&sure=yes", "/sure"),
        ("count=1&sure=1", "/sure"),
        ("count=1&sure=true&colour=blue", "/colour"),
        ("count=1&sure=true&colour=RED", "/colour"),
        ("count=1&sure=true&more=1", "/more"),
        ("count=1&count=1&sure=true", "/count"),
        ("count=1&sure=true&sure=true", "/sure"),
    ] {
        Case { path: format!("{path}?{query}"), ..plain.case() }.is_field(pointer);
    }
    let in_store = |operation: &str| format!("/v1/stores/{}/{operation}", world.store);
    Case { path: in_store("probe/effects/act?note=x&ending=succeed"), ..plain.case() }.is(405, "command-by-get");
    Case { path: in_store("repair/orders/list-orders?page=a%20b"), ..plain.case() }.is_field("/page");
    world.unchanged();
}
