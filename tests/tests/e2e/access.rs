//! Who may: roles that are edited, API keys, sessions, and passwords that are set anew.

use forecourt_tests::ground::GROUP;
use forecourt_tests::server::{PASSWORD, forecourt, run};
use forecourt_tests::{Client, Place, Server, ground};
use serde_json::{Value, json};

const ACT: &str = "probe/effects/act";
const NEXT: &str = "another long road 43";

fn act(client: &Client, store: &str) -> forecourt_tests::Answer {
    client.call(store, ACT, &json!({ "note": "n", "ending": "succeed" }))
}

fn group(rest: &str) -> String {
    format!("/v1/groups/{GROUP}/{rest}")
}

/// A role of this test's own, held by a new user.
fn holder(place: &Place<'_>) -> (String, Client) {
    let role = format!("valet-{}", place.store);
    place.admin.post(&group("roles"), &json!({ "name": role, "names": { "en": "Valet", "zh-CN": "代客泊车" } })).ok();
    (role.clone(), place.user(&role))
}

#[test]
fn grants_and_powers_that_are_edited_hold_at_the_next_call() {
    let place = ground().place_with_guests();
    let (role, valet) = holder(&place);
    let path = group(&format!("roles/{role}"));
    let set = |grants: Value, powers: Value| {
        place.admin.put(&format!("{path}/grants"), &json!({ "grants": grants, "powers": powers })).ok();
    };
    let notes = || valet.call(&place.store, "probe/effects/list-notes", &json!({ "limit": 1 })).status;
    let shown = place.admin.get(&path).ok();
    assert_eq!((&shown["grants"], &shown["built_in"]), (&json!([]), &json!(false)));
    assert_eq!((act(&valet, &place.store).status, notes()), (403, 403));

    set(json!([{ "area": "probe", "interface": "effects", "operation": "act", "kind": "any" }]), json!([]));
    assert_eq!((act(&valet, &place.store).status, notes()), (200, 403));
    set(json!([{ "area": "probe", "interface": "effects", "kind": "query" }]), json!([]));
    assert_eq!((act(&valet, &place.store).status, notes()), (403, 200));
    set(json!([{ "area": "probe", "kind": "command" }]), json!([]));
    assert_eq!((act(&valet, &place.store).status, notes()), (200, 403));

    let shout = || valet.call(&place.store, "probe/effects/check-power", &json!({})).ok();
    set(json!([{ "area": "probe", "kind": "any" }]), json!([]));
    assert_eq!(shout(), json!(false));
    set(json!([{ "area": "probe", "kind": "any" }]), json!(["probe.shout"]));
    assert_eq!(shout(), json!(true));
    set(json!([{ "area": "probe", "kind": "any" }]), json!([]));
    assert_eq!(shout(), json!(false));

    let holders = |client: &Client| client.all(&format!("{path}/holders?limit=3"));
    let users: Vec<Value> = holders(&place.admin).iter().map(|user| user["id"].clone()).collect();
    assert_eq!(users, [json!(place.user_name(&role))]);
    let held = place.admin.header("accept-language", "zh-CN").delete(&path).problem(409, "role-held");
    assert!(held["detail"].as_str().unwrap().contains(&place.user_name(&role)), "{held}");
    place.admin.delete(&group("roles/advisor")).problem(409, "built-in-role");
    place.admin.put(&group(&format!("users/{}/roles", place.user_name(&role))), &json!({ "roles": [] })).ok();
    assert_eq!(place.admin.delete(&path).status, 204);
    place.admin.get(&path).problem(404, "unknown-resource");
    for refused in [valet.get(&path), valet.get(&format!("{path}/holders")), valet.delete(&path)] {
        refused.problem(403, "forbidden");
    }
}

#[test]
fn a_key_acts_within_its_roles_until_it_is_revoked() {
    let place = ground().place_with_guests();
    let (advisor, name) = (place.user("advisor"), place.user_name("advisor"));
    let keys = group(&format!("users/{name}/keys"));
    let made =
        advisor.post(&keys, &json!({ "name": "till", "roles": [{ "role": "advisor", "store": place.store }] })).ok();
    let key = ground().server.client().with_token(made["secret"].as_str().unwrap());
    let id = forecourt_tests::log::request_id();
    act(&key.header("x-request-id", &id), &place.store).ok();
    let line = place.audit_of(&id);
    assert_eq!((&line[0]["user"], &line[0]["api_key"]), (&json!(name), &made["id"]));
    assert_eq!(key.get("/v1/sessions/current").ok()["api_key"], made["id"]);

    let list = advisor.get(&keys).ok();
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["secret"]), (&made["id"], &Value::Null));
    assert!(list["items"][0]["last_used"].is_string(), "{list}");
    // What is the owner's own is not the key's.
    key.post(&keys, &json!({ "name": "more" })).problem(403, "forbidden");
    key.get(&group(&format!("users/{name}/sessions"))).problem(403, "forbidden");
    let password = json!({ "current": PASSWORD, "password": NEXT });
    key.put(&group(&format!("users/{name}/password")), &password).problem(403, "forbidden");
    key.delete("/v1/sessions/current").problem(400, "invalid-fields");

    let wide = advisor.post(&keys, &json!({ "name": "x", "roles": [{ "role": "group-admin" }] }));
    assert_eq!(wide.problem(400, "invalid-fields")["errors"][0]["pointer"], "/roles");
    let past = advisor.post(&keys, &json!({ "name": "x", "expires": "2020-01-01T00:00:00Z" }));
    assert_eq!(past.problem(400, "invalid-fields")["errors"][0]["pointer"], "/expires");
    place.admin.post(&keys, &json!({ "name": "x" })).problem(400, "invalid-fields");
    place.user("tech").post(&keys, &json!({ "name": "x" })).problem(403, "forbidden");

    let narrow = advisor.post(&keys, &json!({ "name": "none", "roles": [] })).ok();
    act(&key.with_token(narrow["secret"].as_str().unwrap()), &place.store).problem(403, "forbidden");
    assert_eq!(advisor.delete(&format!("{keys}/{}", made["id"].as_str().unwrap())).status, 204);
    act(&key, &place.store).problem(401, "unauthenticated");
    advisor.delete(&format!("{keys}/{}", made["id"].as_str().unwrap())).problem(404, "unknown-resource");
}

#[test]
fn programs_are_users_with_keys_alone() {
    let place = ground().place_with_guests();
    let name = place.user_name("till");
    let roles = json!([{ "role": "advisor", "store": place.store }]);
    let user = |more: Value| {
        let mut body = json!({ "id": name, "name": "Till", "roles": roles });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        place.admin.post(&group("users"), &body)
    };
    user(json!({})).problem(400, "invalid-fields");
    user(json!({ "service": true, "password": PASSWORD })).problem(400, "invalid-fields");
    assert_eq!(user(json!({ "service": true })).ok()["service"], true);
    let body = json!({ "group": GROUP, "user": name, "password": PASSWORD });
    ground().server.client().post("/v1/sessions", &body).problem(401, "bad-credentials");
    let key = place.admin.post(&group(&format!("users/{name}/keys")), &json!({ "name": "till 3" })).ok();
    let till = ground().server.client().with_token(key["secret"].as_str().unwrap());
    act(&till, &place.store).ok();
    place.admin.put(&group(&format!("users/{name}/enabled")), &json!({ "enabled": false })).ok();
    act(&till, &place.store).problem(401, "unauthenticated");
}

#[test]
fn sessions_are_listed_and_ended_one_by_one() {
    let place = ground().place_with_guests();
    let (first, name) = (place.user("advisor"), place.user_name("advisor"));
    let second = ground().server.client().header("user-agent", "till/3").sign_in(Some(GROUP), &name, PASSWORD);
    let path = group(&format!("users/{name}/sessions"));
    let list = first.get(&path).ok()["items"].as_array().unwrap().clone();
    assert_eq!(list.len(), 2);
    assert_eq!(
        (&list[0]["current"], &list[1]["agent"], &list[1]["address"]),
        (&json!(true), &json!("till/3"), &json!("127.0.0.1"))
    );
    place.user("tech").get(&path).problem(403, "forbidden");
    let other = format!("{path}/{}", list[1]["id"].as_str().unwrap());
    assert_eq!(place.admin.delete(&other).status, 204);
    act(&second, &place.store).problem(401, "unauthenticated");
    act(&first, &place.store).ok();
    first.delete(&other).problem(404, "unknown-resource");
    first.delete(&path).ok();
    act(&first, &place.store).problem(401, "unauthenticated");
}

#[test]
fn a_forgotten_password_is_set_anew_once() {
    let place = ground().place_with_guests();
    let (advisor, name) = (place.user("advisor"), place.user_name("advisor"));
    let key = advisor.post(&group(&format!("users/{name}/keys")), &json!({ "name": "till" })).ok();
    let issue = |client: &Client| client.post(&group(&format!("users/{name}/password-reset")), &json!({}));
    issue(&advisor).problem(403, "forbidden");
    let token = issue(&place.admin).ok()["token"].as_str().unwrap().to_owned();
    let set = |token: &str, password: &str| {
        ground().server.client().post("/v1/password-resets", &json!({ "token": token, "password": password }))
    };
    set(&token, "short").problem(400, "invalid-fields");
    set("nonsense", NEXT).problem(403, "token-refused");
    assert_eq!(set(&token, NEXT).status, 204);
    set(&token, NEXT).problem(403, "token-refused");
    act(&advisor, &place.store).problem(401, "unauthenticated");
    act(&advisor.with_token(key["secret"].as_str().unwrap()), &place.store).problem(401, "unauthenticated");
    let sign_in = |password: &str| {
        ground().server.client().post("/v1/sessions", &json!({ "group": GROUP, "user": name, "password": password }))
    };
    sign_in(PASSWORD).problem(401, "bad-credentials");
    sign_in(NEXT).ok();
}

#[test]
fn all_of_it_is_done_from_the_command_line() {
    let folder = forecourt_tests::Folder::with_group(GROUP);
    let server = Server::start(&folder, &[]);
    let admin = server.client().sign_in(Some(GROUP), "admin", PASSWORD);
    admin.post(&group("stores"), &json!({ "id": "bj01", "name": "One" })).ok();
    let said = |token: &str, arguments: &[&str], input: &str| {
        let output = run(forecourt(arguments).env("FORECOURT_URL", server.url()).env("FORECOURT_TOKEN", token), input);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), text)
    };
    let done = |arguments: &[&str], input: &str| {
        let (code, printed, text) = said(admin.token().unwrap(), arguments, input);
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
        printed
    };
    done(&["role", "add", "valet", "--name-en", "Valet", "--name-zh", "代客泊车"], "");
    let grants = r#"{"grants": [{"area": "repair", "interface": "orders", "kind": "query"}], "powers": []}"#;
    assert!(done(&["role", "set", "valet", grants], "").contains("1 grants"));
    assert!(done(&["role", "list"], "").lines().any(|line| line.starts_with("valet ") && line.ends_with("代客泊车")));
    done(&["user", "add", "till", "--service", "--role", "valet@bj01"], "");
    let shown: Value = serde_json::from_str(&done(&["role", "show", "valet"], "")).unwrap();
    assert_eq!((&shown["held_by"], &shown["grants"][0]["kind"]), (&json!(["till"]), &json!("query")));
    let (code, _, text) = said(admin.token().unwrap(), &["role", "delete", "valet"], "");
    assert!(code == Some(3) && text.contains("till"), "{text}");

    let secret = done(&["key", "add", "till", "--name", "till 3", "--role", "valet@bj01"], "");
    let till = server.client().with_token(secret.trim());
    let key = till.get("/v1/sessions/current").ok()["api_key"].as_str().unwrap().to_owned();
    let list = done(&["key", "list", "till"], "");
    assert!(list.contains(&key) && list.contains("valet@bj01") && list.contains("till 3"), "{list}");
    done(&["key", "revoke", "till", &key], "");
    till.get("/v1/sessions/current").problem(401, "unauthenticated");

    done(&["user", "add", "li.wei", "--role", "valet@bj01", "--password-stdin"], &format!("{PASSWORD}\n"));
    let li = server.client().sign_in(Some(GROUP), "li.wei", PASSWORD);
    let sessions = done(&["user", "sessions", "li.wei"], "");
    let id = sessions.lines().nth(1).unwrap().split(' ').next().unwrap();
    done(&["user", "end-sessions", "li.wei", "--session", id], "");
    li.get("/v1/sessions/current").problem(401, "unauthenticated");
    let token = done(&["user", "reset-password", "li.wei"], "");
    let (code, _, text) =
        said("", &["user", "new-password", "--password-stdin"], &format!("{}\n{NEXT}\n", token.trim()));
    assert_eq!(code, Some(0), "{text}");
    let _ = server.client().sign_in(Some(GROUP), "li.wei", NEXT);
    assert!(done(&["user", "end-sessions", "li.wei"], "").contains("ended: 1"));
}
