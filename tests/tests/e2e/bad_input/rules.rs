//! Rules of names, passwords, zones, roles and grants, each broken once.

use forecourt_base::limits;
use forecourt_tests::ground::GROUP;
use forecourt_tests::server::PASSWORD;
use forecourt_tests::{Answer, Client};
use serde_json::{Value, json};

use super::cases::Case;
use super::world::world;

fn case(who: &Client, method: &'static str, path: &str, body: &Value) -> Case {
    Case {
        who: who.clone(),
        method,
        path: path.to_owned(),
        content_type: Some("application/json"),
        body: body.to_string().into_bytes(),
    }
}

/// A body with one of its fields, found by pointer, set to something wrong.
fn broken(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn ids(length_max: usize) -> Vec<Value> {
    let wrong = ["", "A", "a b", "-a", "_a", "店", "a/b", "a\u{0}", "a\n", "a\u{202e}"];
    wrong.iter().map(|id| json!(id)).chain([json!("x".repeat(length_max + 1))]).collect()
}

fn names() -> Vec<Value> {
    ["", "   ", "a\nb", "a\u{0}b", "\u{7f}", &"店".repeat(81)].iter().map(|name| json!(name)).collect()
}

fn passwords() -> Vec<Value> {
    let long = "ab3$".repeat(limits::PASSWORD_BYTES / 4 + 1);
    ["", "short", "aaaaaaaaaaaa", "with\u{0}control1", "forecourt123", "1234567890", &long]
        .iter()
        .map(|word| json!(word))
        .collect()
}

/// Each of these values for the field breaks a rule of that field.
#[track_caller]
fn each(who: &Client, method: &'static str, path: &str, body: &Value, fields: &[(&str, &str, Vec<Value>)]) {
    for (set, named, values) in fields {
        for value in values {
            case(who, method, path, &broken(body, set, value.clone())).is_field(named);
        }
    }
}

#[test]
fn names_passwords_and_zones_keep_their_rules() {
    let world = world();
    let group = format!("/v1/groups/{GROUP}");
    let languages = json!({ "a": "A", "zh_CN": "x" });
    let many: serde_json::Map<String, Value> = (0..9).map(|at| (format!("e{at}"), json!("x"))).collect();
    let sets = || vec![languages.clone(), json!({ "en": "" }), json!({ "en": "a\nb" }), Value::Object(many.clone())];
    let store = json!({ "id": "sh01", "name": "上海一店", "names": {}, "time_zone": "Asia/Shanghai" });
    let zones = ["", "Beijing", "Asia/Beijing", "+08:00", "../etc/passwd", "Asia/Shanghai\u{0}"]
        .map(|zone| json!(zone))
        .to_vec();
    each(
        &world.admin,
        "POST",
        &format!("{group}/stores"),
        &store,
        &[
            ("/id", "/id", ids(40)),
            ("/name", "/name", names()),
            ("/names", "/names", sets()),
            ("/time_zone", "/time_zone", zones),
        ],
    );
    let role = json!({ "name": "washer", "names": {} });
    each(
        &world.admin,
        "POST",
        &format!("{group}/roles"),
        &role,
        &[("/name", "/name", ids(40)), ("/names", "/names", sets())],
    );
    let admin = json!({ "user": "chief", "name": "Chief", "password": PASSWORD });
    let new = json!({ "id": "third", "name": "Third", "names": {}, "admin": admin });
    each(
        &world.root,
        "POST",
        "/v1/groups",
        &new,
        &[
            ("/id", "/id", ids(40)),
            ("/name", "/name", names()),
            ("/names", "/names", sets()),
            ("/admin/user", "/admin/user", ids(64)),
            ("/admin/name", "/admin/name", names()),
            ("/admin/password", "/admin/password", passwords()),
        ],
    );
    world.unchanged();
}

#[test]
fn users_and_their_roles_keep_their_rules() {
    let world = world();
    let users = format!("/v1/groups/{GROUP}/users");
    let roles = || {
        let unknown = json!([{ "role": "nobody", "store": world.store }]);
        let elsewhere = json!([{ "role": "advisor", "store": "far" }]);
        let nobody = json!([{ "role": "customer" }]);
        let narrow = json!([{ "role": "group-admin", "store": world.store }]);
        let odd = json!([{ "role": "Advisor" }]);
        let odd_store = json!([{ "role": "advisor", "store": "A" }]);
        let more = json!([{ "role": "advisor", "stores": [] }]);
        let without = json!([{ "store": world.store }]);
        let many: Vec<Value> = (0..2_000).map(|_| json!({ "role": "advisor", "store": world.store })).collect();
        vec![unknown, elsewhere, nobody, narrow, odd, odd_store, more, without, json!(many)]
    };
    let departments = || {
        let many: Vec<String> = (0..17).map(|at| format!("d{at}")).collect();
        vec![json!([""]), json!(["Workshop"]), json!(["a b"]), json!(["x".repeat(41)]), json!(many)]
    };
    let user = json!({ "id": "zhao.min", "name": "赵敏", "password": PASSWORD, "roles": [], "departments": [] });
    let with_name = json!("my zhao.min word");
    each(
        &world.admin,
        "POST",
        &users,
        &user,
        &[
            ("/id", "/id", ids(64)),
            ("/name", "/name", names()),
            ("/password", "/password", passwords().into_iter().chain([with_name]).collect()),
            ("/roles", "/roles", roles()),
            ("/departments", "/departments", departments()),
        ],
    );
    let given = json!({ "roles": [], "departments": [] });
    each(
        &world.admin,
        "PUT",
        &format!("{users}/li.wei/roles"),
        &given,
        &[("/roles", "/roles", roles()), ("/departments", "/departments", departments())],
    );
    let password = json!({ "password": "another road 43" });
    each(
        &world.admin,
        "PUT",
        &format!("{users}/li.wei/password"),
        &password,
        &[("/password", "/password", passwords())],
    );
    let own = format!("{users}/{}/password", world.advisor.get("/v1/sessions/current").ok()["user"].as_str().unwrap());
    case(&world.advisor, "PUT", &own, &password).is_field("/current");
    case(&world.advisor, "PUT", &own, &broken(&password, "/current", json!("wrong road 42"))).is_field("/current");
    let chief = json!({ "id": "third", "name": "Third", "password": PASSWORD, "roles": [{ "role": "advisor" }] });
    case(&world.root, "POST", "/v1/users", &chief).is_field("/roles");
    let reserved = broken(&user, "/roles", json!([{ "role": "deployment-admin" }]));
    case(&world.admin, "POST", &users, &reserved).is(409, "reserved-role");
    world.unchanged();
}

#[test]
fn grants_keep_their_rules() {
    let world = world();
    let group = format!("/v1/groups/{GROUP}");
    let grants = [
        json!([{ "area": "probe" }]),
        json!([{ "area": "Probe", "kind": "any" }]),
        json!([{ "area": "probe", "kind": "all" }]),
        json!([{ "area": "probe", "operation": "act", "kind": "any" }]),
        json!([{ "area": "probe", "interface": "a b", "kind": "any" }]),
        json!([{ "area": "probe", "interface": "effects", "operation": "Act!", "kind": "any" }]),
        json!([{ "area": "probe", "kind": "any", "more": 1 }]),
        json!(vec![json!({ "area": "probe", "kind": "any" }); 4_097]),
    ];
    let powers = [
        json!(["reopen"]),
        json!(["Repair.reopen"]),
        json!(["repair.reopen!"]),
        json!([format!("a.{}", "x".repeat(80))]),
    ];
    let body = json!({ "grants": [], "powers": [] });
    each(
        &world.admin,
        "PUT",
        &format!("{group}/roles/tech/grants"),
        &body,
        &[("/grants", "/grants", grants.to_vec()), ("/powers", "/powers", powers.to_vec())],
    );
    for fixed in ["group-admin", "auditor"] {
        case(&world.admin, "PUT", &format!("{group}/roles/{fixed}/grants"), &body).is(409, "fixed-role");
    }
    let wide =
        |approval: Value| case(&world.admin, "PUT", &format!("{group}/plugins/types/versions/0.1.0/grants"), &approval);
    wide(json!({ "all_requested": true, "kernel": [] })).is_field("/kernel");
    wide(json!({ "imports": { "forecourt:parts/stock": { "more": 1 } } }))
        .is_field("/imports/forecourt:parts~1stock/more");
    let reasons = [
        wide(json!({ "kernel": ["storage"] })),
        wide(json!({ "topics": ["types.made"] })),
        wide(json!({ "imports": { "forecourt:parts/stock": { "operations": ["receive"], "elevated": true } } })),
    ];
    for case in reasons {
        assert_eq!(case.is(409, "wider-than-requested")["reasons"].as_array().map(Vec::len), Some(1));
    }
    world.unchanged();
}

#[test]
fn what_does_not_fit_together_is_told_with_reasons() {
    let world = world();
    let modules = |store: &str, area: &str| format!("/v1/stores/{store}/modules/{area}");
    let module = |plugin: &str, version: &str| json!({ "plugin": plugin, "version": version });
    let enable = |store: &str, area: &str, body: Value| case(&world.admin, "PUT", &modules(store, area), &body);
    enable("empty", "repair", module("repair", "0.1")).is_field("/version");
    enable("empty", "repair", module("repair", "")).is_field("/version");
    enable("empty", "repair", module("Repair", "0.1.0")).is_field("/plugin");
    enable("empty", "repair", module("nobody", "0.1.0")).is(404, "unknown-plugin-version");
    enable("empty", "repair", module("repair", "9.0.0")).is(404, "unknown-plugin-version");
    enable("empty", "repair", module("parts", "0.1.0")).is(409, "area-not-served");
    let unresolved = enable("empty", "relay", module("relay", "0.1.0")).is(409, "unresolved-imports");
    assert!(unresolved["reasons"].to_string().contains("forecourt:probe/"), "{unresolved}");
    let nothing =
        |path: String| Case { content_type: None, body: Vec::new(), ..case(&world.admin, "DELETE", &path, &json!({})) };
    let required = nothing(modules(&world.store, "probe")).is(409, "required-by-others");
    assert!(required["reasons"].to_string().contains("relay"), "{required}");
    nothing(modules("empty", "probe")).is(404, "area-not-enabled");
    nothing(modules(&world.store, "types")).is(409, "enabled-for-the-group");
    world.unchanged();
}

#[test]
fn who_cannot_sign_in_is_told_nothing_more() {
    let world = world();
    let sign_in = |group: Value, user: &str, password: &str| {
        case(&world.nobody(), "POST", "/v1/sessions", &json!({ "group": group, "user": user, "password": password }))
    };
    let refused: [Answer; 4] = [
        sign_in(json!(GROUP), "li.wei", "wrong road 42").send("en"),
        sign_in(json!(GROUP), "nobody", PASSWORD).send("en"),
        sign_in(json!("nowhere"), "li.wei", PASSWORD).send("en"),
        sign_in(json!(GROUP), "LI WEI", PASSWORD).send("en"),
    ];
    let without_id = |answer: Answer| {
        let mut problem = answer.problem(401, "bad-credentials");
        problem.as_object_mut().unwrap().swap_remove("request_id");
        problem
    };
    let told: Vec<Value> = refused.into_iter().map(without_id).collect();
    assert!(told.iter().all(|problem| *problem == told[0]), "{told:#?}");
    sign_in(json!(GROUP), "li.wei", &"x".repeat(10_000)).is(401, "bad-credentials");
    sign_in(json!("A"), "li.wei", PASSWORD).is_field("/group");
    let needed = sign_in(Value::Null, "li.wei", PASSWORD).is(400, "group-needed");
    assert_eq!(needed["errors"][0]["pointer"], "/group");
    world.unchanged();
}
