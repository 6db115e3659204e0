//! Headers: who asks, in which language, under which name and key.

use forecourt_tests::ground::GROUP;
use forecourt_tests::server::PASSWORD;
use serde_json::json;

use super::cases::Case;
use super::examples::{self, Body};
use super::world::world;

#[test]
fn whoever_shows_no_good_token_is_nobody_everywhere() {
    let world = world();
    let forms = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic YWRtaW46eA==",
        "Token x",
        "x",
        "Bearer x y",
        "Bearer \"x\"",
        "Bearer =",
        &format!("Bearer {}", "A".repeat(43)),
        &format!("Bearer {}", "A".repeat(8_000)),
    ];
    for example in examples::of(world).into_iter().filter(|example| example.signed) {
        let case = example.case();
        Case { who: world.nobody(), ..case.clone() }.is(401, "unauthenticated");
        for form in forms {
            Case { who: world.nobody().header("authorization", form), ..case.clone() }.is(401, "unauthenticated");
        }
    }
    world.unchanged();
}

/// Of the languages that a reader cannot be given, English; whatever the header holds, there is an answer.
#[test]
fn any_language_header_is_answered() {
    let client = world().nobody();
    let long = "zh,".repeat(5_000);
    for odd in [
        "",
        ",",
        ";",
        "q=1",
        "zh;q=",
        "zh;q=-1",
        "zh;q=1e9",
        "zh;q=NaN",
        "*;q=0",
        "x-klingon",
        "en;q=0, de",
        "zh\u{e9}",
        &long,
    ] {
        let answer = client.header("accept-language", odd).get("/v1/nothing");
        let language = answer.header("content-language").map(str::to_owned);
        assert!(["en", "zh-CN"].contains(&language.as_deref().unwrap_or_default()), "{odd}: {language:?}");
        answer.problem(404, "unknown-path");
    }
}

#[test]
fn ids_and_traces_that_are_none_are_left_out() {
    let client = world().nobody();
    for odd in [" ", "a b", "a\"b", "a/b", "<script>", "${jndi:ldap://x}", &"x".repeat(65), "编号"] {
        let answer = client.header("x-request-id", odd).get("/v1/nothing");
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 36), "{odd}: {answer}");
        answer.problem(404, "unknown-path");
    }
    for odd in ["", "x", "00-0-0-0", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &"0".repeat(9_000)] {
        client.header("traceparent", odd).get("/v1/nothing").problem(404, "unknown-path");
    }
}

#[test]
fn keys_that_are_none_are_refused() {
    let world = world();
    let long = "k".repeat(forecourt_base::limits::IDEMPOTENCY_KEY_BYTES + 1);
    for example in examples::of(world) {
        if example.method != "POST" || !example.route.ends_with("{operation}") {
            continue;
        }
        for key in ["", " ", "a b", "\u{e9}", "键", &long] {
            let case = example.case();
            Case { who: case.who.header("idempotency-key", key), ..case }.is(400, "invalid-idempotency-key");
        }
    }
    world.unchanged();
}

/// INVARIANT (own-origin): a browser's cookie moves nothing from another page.
#[test]
fn a_cookie_counts_from_a_page_of_this_origin_alone() {
    let world = world();
    let own = world.ground.server.url();
    let browser = world.nobody().header("origin", own);
    let signed =
        browser.post("/v1/sessions", &json!({ "group": GROUP, "user": "admin", "password": PASSWORD, "cookie": true }));
    assert_eq!(signed.status, 201, "{signed}");
    let cookie = signed.header("set-cookie").and_then(|cookie| cookie.split(';').next()).unwrap().to_owned();
    let with_cookie = world.nobody().header("cookie", &cookie);
    with_cookie.get("/v1/sessions/current").ok();
    let port = own.rsplit(':').next().unwrap();
    let foreign = [
        "",
        "null",
        "http://evil.example",
        &format!("http://localhost:{port}"),
        &format!("{own}.evil.example"),
        &format!("{own}/"),
        "http://",
        "file://",
    ];
    for example in examples::of(world).into_iter().filter(|example| example.signed && example.method != "GET") {
        let case = example.case();
        Case { who: with_cookie.clone(), ..case.clone() }.is(403, "foreign-origin");
        for origin in foreign {
            Case { who: with_cookie.header("origin", origin), ..case.clone() }.is(403, "foreign-origin");
        }
        let broken = browser.header("cookie", format!("{cookie}x"));
        Case { who: broken, ..case }.is(401, "unauthenticated");
    }
    let sign_in = json!({ "group": GROUP, "user": "admin", "password": PASSWORD, "cookie": true });
    let example = examples::of(world).into_iter().find(|example| matches!(example.body, Body::Json(..))).unwrap();
    let body = sign_in.to_string().into_bytes();
    Case { who: world.nobody().header("origin", "http://evil.example"), body, ..example.case() }
        .is(403, "foreign-origin");
    world.unchanged();
}
