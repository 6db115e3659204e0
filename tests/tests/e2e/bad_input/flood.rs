//! Good requests made wrong by chance, some thousands of them: none fails the kernel, none hangs, and nothing is changed.
//!
//! Commands are sent by people who may not give them, so that one that is still good after all is refused too. `FORECOURT_FLOOD` sets how many.

use forecourt_tests::mutation::{mutate, pick};
use forecourt_tests::random::Seeded;

use super::examples::{self, Example};
use super::raw::exchange;
use super::world::World;

const REQUESTS: u64 = 3_000;

/// Pieces that mean something to a reader of requests.
const PIECES: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\0",
    " ",
    "\t",
    "%00",
    "%2F",
    "..",
    "/",
    "?",
    "&",
    "=",
    "#",
    ";",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    "null",
    "true",
    "-",
    "0",
    "1e999",
    "9007199254740993",
    "18446744073709551616",
    "content-length: 0\r\n",
    "transfer-encoding: chunked\r\n",
    "expect: 100-continue\r\n",
    "content-encoding: gzip\r\n",
    "accept-language: zh\r\n",
    "idempotency-key: k\r\n",
    "\u{feff}",
    "京",
    "\u{202e}",
    "after=",
    "limit=",
    "HTTP/1.0",
    "HTTP/1.1",
];

/// A request as bytes, and who sends it.
fn bytes(world: &World, example: &Example, tokens: &Tokens) -> Vec<u8> {
    let case = example.case();
    let query = matches!(example.method, "GET") || example.segments.last().is_some_and(|last| last.starts_with("get-"));
    let token = if !query {
        &tokens.outsider
    } else if example.route.starts_with("/v1/users") {
        &tokens.root
    } else {
        &tokens.admin
    };
    let content_type = case.content_type.map(|kind| format!("content-type: {kind}\r\n")).unwrap_or_default();
    let host = world.ground.server.url().trim_start_matches("http://");
    let (method, path, length) = (case.method, &case.path, case.body.len());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{content_type}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), &case.body].concat()
}

struct Tokens {
    admin: String,
    root: String,
    outsider: String,
}

#[test]
fn requests_made_wrong_by_chance_fail_nothing() {
    let world = World::begin();
    let mut random = Seeded::new();
    let token = |client: &forecourt_tests::Client| client.token().unwrap().to_owned();
    let tokens = Tokens { admin: token(&world.admin), root: token(&world.root), outsider: token(&world.outsider) };
    let good: Vec<Vec<u8>> = examples::of(&world)
        .iter()
        // Its sender would be gone after it; a component's body is the work of other tests.
        .filter(|example| {
            (example.method, example.route) != ("DELETE", "/v1/sessions/current") && example.status != 500
        })
        .map(|example| bytes(&world, example, &tokens))
        .filter(|request| request.len() < 10_000)
        .collect();
    let count = std::env::var("FORECOURT_FLOOD").ok().and_then(|count| count.parse().ok()).unwrap_or(REQUESTS);
    let mut statuses = std::collections::BTreeMap::<u16, u64>::new();
    for _ in 0..count {
        let mut request = good[pick(&mut random, good.len())].clone();
        let other = &good[pick(&mut random, good.len())];
        for _ in 0..=random.below(4) {
            mutate(&mut random, &mut request, other, PIECES);
        }
        let heard = exchange(&world.ground.server, &request);
        for status in heard.statuses() {
            *statuses.entry(status).or_default() += 1;
            // 501 and 505 name what this kernel does not speak. 503 is the answer to more sign-ins than it hashes.
            assert!(
                status < 500 || [501, 503, 505].contains(&status),
                "{}\n{}",
                String::from_utf8_lossy(&request),
                heard.text()
            );
        }
    }
    assert!(statuses.len() > 5, "the requests reach too little: {statuses:?}");
    world.unchanged();
}
