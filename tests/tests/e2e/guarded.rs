//! Who may not, does not, and it is written down.

use forecourt_tests::ground::GROUP;
use forecourt_tests::log::request_id;
use forecourt_tests::server::PASSWORD;
use forecourt_tests::{Answer, Client, Place, ground};
use serde_json::{Value, json};

const ACT: &str = "probe/effects/act";

fn act(client: &Client, store: &str) -> Answer {
    client.call(store, ACT, &json!({ "note": "n", "ending": "succeed" }))
}

/// Calls with a request id of its own, and gives the audit's lines of it.
fn tracked(client: &Client, place: &Place<'_>) -> (Answer, Vec<Value>) {
    let id = request_id();
    let answer = act(&client.header("x-request-id", &id), &place.store);
    (answer, place.audit_of(&id))
}

fn without_request_id(answer: Answer, status: u16, name: &str) -> Value {
    let mut body = answer.problem(status, name);
    body["request_id"] = Value::Null;
    body
}

#[test]
fn nobody_acts_without_a_token() {
    let place = ground().place_with_guests();
    let nobody = ground().server.client();
    for client in [
        nobody.clone(),
        nobody.with_token("x"),
        nobody.with_token(&"a".repeat(64)),
        nobody.header("authorization", "Basic eDp5"),
    ] {
        let answer = act(&client, &place.store);
        assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer")), "{answer}");
        answer.problem(401, "unauthenticated");
        for path in ["modules", "audit", "events", "openapi.json"] {
            client.get(&format!("/v1/stores/{}/{path}", place.store)).problem(401, "unauthenticated");
        }
        client.get(&format!("/v1/groups/{GROUP}/plugins")).problem(401, "unauthenticated");
    }
}

#[test]
fn a_role_without_the_right_is_refused_and_audited() {
    let place = ground().place_with_guests();
    let (advisor, tech) = (place.user("advisor"), place.user("tech"));
    let (answer, lines) = tracked(&tech, &place);
    answer.problem(403, "forbidden");
    let [line] = lines.as_slice() else { panic!("{lines:#?}") };
    let expected =
        (json!(ACT), json!("denied"), json!("no-grant"), json!(place.user_name("tech")), json!(place.store), json!([]));
    let told = ["action", "outcome", "reason", "user", "store", "records"].map(|field| line[field].clone());
    let [action, outcome, reason, user, store, records] = told;
    assert_eq!((action, outcome, reason, user, store, records), expected);
    // What other plugins do for an advisor with an elevated grant, the advisor does not.
    advisor.call(&place.store, "probe/holds/take", &json!({ "slot": "a", "holder": "h" })).problem(403, "forbidden");
    assert_eq!(advisor.list(&place.store, "probe/holds/list-holds", &json!({})), Vec::<Value>::new());
    act(&advisor, &place.store).ok();
}

#[test]
fn another_store_is_refused_as_one_that_does_not_exist() {
    let (here, there) = (ground().place_with_guests(), ground().place_with_guests());
    let advisor = here.user("advisor");
    let (answer, lines) = tracked(&advisor, &there);
    let refused = without_request_id(answer, 403, "forbidden");
    assert_eq!((lines.len(), &lines[0]["outcome"]), (1, &json!("denied")), "{lines:#?}");
    assert_eq!(without_request_id(act(&advisor, "no-such-store"), 403, "forbidden"), refused);
    for path in ["modules", "audit", "events", "openapi.json"] {
        advisor.get(&format!("/v1/stores/{}/{path}", there.store)).problem(403, "forbidden");
    }
    assert_eq!(here.admin.list(&there.store, "probe/effects/list-notes", &json!({ "limit": 0 })), Vec::<Value>::new());
}

#[test]
fn another_group_sees_nothing_of_this_one() {
    let place = ground().place_with_guests();
    act(&place.user("advisor"), &place.store).ok();
    let root = ground().server.client().sign_in(None, "root", PASSWORD);
    let other =
        json!({ "id": "other", "name": "Other", "admin": { "user": "admin", "name": "Admin", "password": PASSWORD } });
    root.post("/v1/groups", &other).ok();
    let stranger = ground().server.client().sign_in(Some("other"), "admin", PASSWORD);
    // The same name in another group is another store.
    stranger.post("/v1/groups/other/stores", &json!({ "id": place.store, "name": "Other" })).ok();
    act(&stranger, &place.store).problem(404, "area-not-enabled");
    let events = stranger.get(&format!("/v1/stores/{}/events", place.store)).ok();
    assert_eq!(events["items"], json!([]));
    for path in ["plugins", "users", "stores", "roles", "audit", "modules", "users/admin"] {
        stranger.get(&format!("/v1/groups/{GROUP}/{path}")).problem(403, "forbidden");
    }
    let bytes = forecourt_tests::guests::bytes("probe");
    stranger
        .send("POST", &format!("/v1/groups/{GROUP}/plugins"), Some("application/wasm"), &bytes)
        .unwrap()
        .problem(403, "forbidden");
    // The deployment's admin makes groups and is a member of none.
    root.get(&format!("/v1/groups/{GROUP}/users")).problem(403, "forbidden");
    act(&root, &place.store).problem(403, "forbidden");
}

#[test]
fn a_session_that_ended_is_refused_and_audited() {
    let place = ground().place_with_guests();
    let user = place.user_name("advisor");
    let first = place.user("advisor");
    let sign_in = || ground().server.client().sign_in(Some(GROUP), &user, PASSWORD);
    act(&first, &place.store).ok();
    assert_eq!(first.delete("/v1/sessions/current").status, 204);
    act(&first, &place.store).problem(401, "unauthenticated");

    let (second, third) = (sign_in(), sign_in());
    assert_eq!(second.get("/v1/sessions/current").ok()["user"], user.as_str());
    let revoked = place.admin.delete(&format!("/v1/groups/{GROUP}/users/{user}/sessions")).ok();
    assert_eq!(revoked["ended"], 2);
    for ended in [&second, &third] {
        act(ended, &place.store).problem(401, "unauthenticated");
    }

    let fourth = sign_in();
    place.admin.put(&format!("/v1/groups/{GROUP}/users/{user}/enabled"), &json!({ "enabled": false })).ok();
    act(&fourth, &place.store).problem(401, "unauthenticated");
    let body = json!({ "group": GROUP, "user": user, "password": PASSWORD });
    ground().server.client().post("/v1/sessions", &body).problem(401, "bad-credentials");
    let actions: Vec<Value> = place
        .admin
        .all(&format!("/v1/groups/{GROUP}/audit?limit=200&user={user}"))
        .iter()
        .map(|line| line["action"].clone())
        .collect();
    assert!(actions.contains(&json!("sign-in")) && actions.contains(&json!("sign-out")), "{actions:?}");
}

#[test]
fn an_unknown_user_and_a_wrong_password_are_answered_alike() {
    let place = ground().place();
    let user = place.user_name("advisor");
    place.user("advisor");
    let sign_in = |user: &str, password: &str| {
        let id = request_id();
        let client = ground().server.client().header("x-request-id", &id);
        let answer = client.post("/v1/sessions", &json!({ "group": GROUP, "user": user, "password": password }));
        let line = forecourt_tests::log::audit_of(&place.admin, &format!("/v1/groups/{GROUP}"), &id);
        (without_request_id(answer, 401, "bad-credentials"), line)
    };
    let (wrong, wrong_lines) = sign_in(&user, "another road 43");
    let (unknown, unknown_lines) = sign_in("nobody-of-that-name", PASSWORD);
    let (malformed, _) = sign_in("NO / NAME", PASSWORD);
    assert_eq!(wrong, unknown);
    assert_eq!(wrong, malformed);
    for lines in [&wrong_lines, &unknown_lines] {
        assert_eq!((lines.len(), &lines[0]["outcome"]), (1, &json!("denied")), "{lines:#?}");
    }
}

#[test]
fn what_operators_and_admins_do_is_theirs_alone() {
    let place = ground().place_with_guests();
    let (advisor, operator) = (place.user("advisor"), place.user("operator"));
    let group = |rest: &str| format!("/v1/groups/{GROUP}/{rest}");
    let module = format!("/v1/stores/{}/modules/probe", place.store);
    let enable = json!({ "plugin": "probe", "version": "0.1.0" });
    let bytes = forecourt_tests::guests::bytes("probe");
    let publish = |client: &Client| client.send("POST", &group("plugins"), Some("application/wasm"), &bytes).unwrap();
    let user =
        json!({ "id": "x", "name": "X", "password": PASSWORD, "roles": [{ "role": "group-admin", "store": null }] });

    publish(&advisor).problem(403, "forbidden");
    advisor.put(&module, &enable).problem(403, "forbidden");
    advisor.delete(&module).problem(403, "forbidden");
    advisor
        .put(&group("plugins/probe/versions/0.1.0/grants"), &json!({ "all_requested": true }))
        .problem(403, "forbidden");
    advisor.get(&format!("/v1/stores/{}/audit", place.store)).problem(403, "forbidden");
    operator.put(&module, &enable).ok();
    for client in [&advisor, &operator] {
        client.post(&group("users"), &user).problem(403, "forbidden");
        client.post(&group("stores"), &json!({ "id": "mine", "name": "Mine" })).problem(403, "forbidden");
        client.put(&group("roles/advisor/grants"), &json!({ "grants": [] })).problem(403, "forbidden");
        client
            .post(
                "/v1/groups",
                &json!({ "id": "mine", "name": "M", "admin": { "user": "a", "name": "A", "password": PASSWORD } }),
            )
            .problem(403, "forbidden");
    }
    let denied = place
        .admin
        .all(&format!("/v1/groups/{GROUP}/audit?limit=200&outcome=denied&user={}", place.user_name("advisor")));
    let actions: Vec<&str> = denied.iter().filter_map(|line| line["action"].as_str()).collect();
    for action in ["publish", "grant", "create-user", "create-store"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
}

#[test]
fn rights_that_an_admin_takes_away_are_gone_at_the_next_call() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    act(&advisor, &place.store).ok();
    let path = format!("/v1/groups/{GROUP}/users/{}/roles", place.user_name("advisor"));
    place.admin.put(&path, &json!({ "roles": [{ "role": "tech", "store": place.store }] })).ok();
    act(&advisor, &place.store).problem(403, "forbidden");
    place.admin.put(&path, &json!({ "roles": [{ "role": "advisor", "store": place.store }] })).ok();
    act(&advisor, &place.store).ok();
}

#[test]
fn a_browsers_cookie_moves_nothing_for_a_foreign_page() {
    let place = ground().place_with_guests();
    place.user("advisor");
    let url = ground().server.url();
    let client = ground().server.client().header("origin", url);
    let body = json!({ "group": GROUP, "user": place.user_name("advisor"), "password": PASSWORD, "cookie": true });
    let signed_in = client.post("/v1/sessions", &body);
    let cookie = signed_in.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(signed_in.ok()["token"], Value::Null);
    let cookie = cookie.split(';').next().unwrap();
    let browser = ground().server.client().header("cookie", cookie);
    act(&browser.header("origin", url), &place.store).ok();
    act(&browser, &place.store).problem(403, "foreign-origin");
    act(&browser.header("origin", "http://evil.example"), &place.store).problem(403, "foreign-origin");
    browser.get(&format!("/v1/stores/{}/modules", place.store)).ok();
}

#[test]
fn guesses_are_slowed_down_for_the_account_alone() {
    let place = ground().place();
    let (user, other) = (place.user_name("advisor"), place.user_name("tech"));
    place.user("advisor");
    place.user("tech");
    let client = ground().server.client();
    let sign_in = |user: &str, password: &str| {
        client.post("/v1/sessions", &json!({ "group": GROUP, "user": user, "password": password }))
    };
    let refused = (0..=forecourt_base::limits::SIGN_IN_FAILURES)
        .map(|_| sign_in(&user, "another road 43"))
        .find(|answer| answer.status != 401);
    let throttled = refused.expect("guesses end");
    assert!(throttled.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok()), "{throttled}");
    throttled.problem(429, "throttled");
    sign_in(&other, PASSWORD).ok();
}

#[test]
fn events_are_told_to_those_who_may_read_the_area() {
    let place = ground().place_with_guests();
    let (advisor, cashier) = (place.user("advisor"), place.user("cashier"));
    for note in ["a", "b", "c"] {
        advisor.call(&place.store, ACT, &json!({ "note": note, "ending": "succeed" })).ok();
    }
    advisor.call(&place.store, "relay/trips/endure", &json!({ "trip": "t", "slot": "s" })).ok();
    let path = format!("/v1/stores/{}/events", place.store);
    let topics = |client: &Client, query: &str| {
        let events = client.all(&format!("{path}?limit=2{query}"));
        events.iter().map(|event| event["topic"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let noted = ["probe.noted"; 3];
    assert_eq!(topics(&advisor, ""), [&noted[..], &["probe.held", "relay.travelled"]].concat());
    assert_eq!(topics(&advisor, "&topics=probe.noted"), noted);
    assert_eq!(topics(&cashier, ""), Vec::<String>::new());
    advisor.get(&format!("{path}?after=nonsense")).problem(400, "invalid-fields");
}
