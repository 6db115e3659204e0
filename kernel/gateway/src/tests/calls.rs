use serde_json::json;

use super::*;

const APPLY: &str = "/v1/stores/bj01/probe/things/apply";

struct Desk {
    api: Api,
    boss: String,
    advisor: String,
}

/// Store `bj01` with the probe and an advisor, store `sh01` without.
async fn desk() -> Desk {
    let api = Api::new().await;
    let boss = api.sign_in("boss").await;
    api.make_store(&boss, "bj01").await;
    api.make_store(&boss, "sh01").await;
    api.enable_probe(&boss, "bj01").await;
    let advisor = api.make_user(&boss, "li", "advisor", Some("bj01")).await;
    Desk { api, boss, advisor }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_called_by_post_and_queries_by_get() {
    let Desk { api, boss, advisor } = desk().await;
    let done = api.send(&advisor, "POST", APPLY, json!({ "what": 0 })).await;
    assert_eq!((done.status, &done.body), (StatusCode::OK, &json!(42)));
    let get = |query: &str| format!("/v1/stores/bj01/probe/things/get_thing?{query}");
    assert_eq!(api.get(&advisor, &get("id=7&flag=true&count=5")).await.ok(), 1005);
    assert_eq!(api.get(&advisor, &get("id=7&flag=false&count=")).await.ok(), 0);
    let wrong = api.get(&advisor, &get("id=7&flag=maybe&more=1")).await;
    assert_eq!((wrong.status, wrong.problem()), (StatusCode::BAD_REQUEST, "invalid-fields"));
    let mut pointers: Vec<_> =
        wrong.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    pointers.sort_by_key(Value::to_string);
    assert_eq!(pointers, ["/flag", "/more"]);
    let by_post =
        api.send(&advisor, "POST", "/v1/stores/bj01/probe/things/get-thing", json!({ "id": "1", "flag": true }));
    assert_eq!(by_post.await.ok(), 1000);
    let twice = api.get(&advisor, &get("id=1&id=2&flag=true")).await;
    assert_eq!(twice.body["errors"][0]["rule"], "duplicate");
    let command = api.get(&advisor, &format!("{APPLY}?what=0")).await;
    assert_eq!((command.status, command.problem()), (StatusCode::METHOD_NOT_ALLOWED, "command-by-get"));
    assert_eq!(command.headers["allow"], "POST");
    let personal = api.get(&boss, "/v1/stores/bj01/probe/things/find-owner?plate=x").await;
    assert_eq!(personal.problem(), "personal-by-get");
    let vin = json!({ "vin": "1hgcm82643a004352" });
    let odd = api.send(&boss, "POST", "/v1/stores/bj01/probe/things/check-vin", vin).await;
    let warnings = odd.headers["x-warnings"].to_str().unwrap();
    assert!(warnings.starts_with("UTF-8''`%2Fvin`%20") && odd.body == 2, "{warnings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_operations_have_their_status_and_value() {
    let Desk { api, advisor, .. } = desk().await;
    let cases = [
        (1, 404, "not-found", json!("not_found")),
        (2, 409, "stale", json!("stale")),
        (3, 403, "refused-to-caller", json!("forbidden")),
        (4, 424, "not-enabled", json!("not_enabled")),
        (5, 422, "operation-refused", json!({ "held_by": "lift" })),
        (6, 422, "operation-refused", json!({ "other": "lift" })),
    ];
    for (what, status, name, error) in cases {
        let reply = api.send(&advisor, "POST", APPLY, json!({ "what": what })).await;
        assert_eq!((reply.status.as_u16(), reply.problem(), &reply.body["error"]), (status, name, &error));
    }
    let trap = api.send(&advisor, "POST", APPLY, json!({ "what": 100 })).await;
    assert_eq!((trap.status.as_u16(), trap.problem()), (500, "trap"));
    let endless = api.send(&advisor, "POST", APPLY, json!({ "what": 101 })).await;
    assert_eq!((endless.status.as_u16(), endless.problem()), (500, "limit-exceeded"));
    let limits = forecourt_base::limits::all();
    assert!(limits.iter().any(|limit| endless.body["limit"] == limit.name), "{endless:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_command_is_answered_again() {
    let Desk { api, advisor, .. } = desk().await;
    let send = |key: &'static str, what: u32| {
        let request = Request::builder().method("POST").uri(APPLY).header("idempotency-key", key);
        let request = request.header("authorization", format!("Bearer {advisor}"));
        let request = request.header("content-type", "application/json");
        api.request(request.body(Body::from(json!({ "what": what }).to_string())).unwrap())
    };
    for what in [0, 5] {
        let key = if what == 0 { "a" } else { "b" };
        let (first, second) = (send(key, what).await, send(key, what).await);
        assert_eq!(first.status, second.status);
        assert_eq!(first.body.get("error"), second.body.get("error"));
        assert!(!first.headers.contains_key("idempotency-replayed"));
        assert_eq!(second.headers["idempotency-replayed"], "true");
    }
    let other = send("a", 5).await;
    assert_eq!((other.status.as_u16(), other.problem()), (422, "idempotency-mismatch"));
    assert_eq!(send("a b", 0).await.problem(), "invalid-idempotency-key");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_not_told_what_exists() {
    let Desk { api, boss, advisor } = desk().await;
    let call = |store: &str, rest: &str| format!("/v1/stores/{store}/probe/things/{rest}");
    for path in [call("bj01", "apply"), call("none", "apply"), "/v1/groups/demo/x/y/z".to_owned()] {
        let reply = api.send("", "POST", &path, json!({ "what": 0 })).await;
        assert_eq!((reply.status.as_u16(), reply.problem()), (401, "unauthenticated"), "{path}");
    }
    let refusal = async |token: &str, path: &str| {
        let mut reply = api.send(token, "POST", path, json!({ "what": 0 })).await;
        reply.body["request_id"] = Value::Null;
        (reply.status.as_u16(), reply.body)
    };
    let expected = refusal(&advisor, &call("sh01", "apply")).await;
    assert_eq!((expected.0, &expected.1["type"]), (403, &json!("/problems/forbidden")));
    assert_eq!(refusal(&advisor, &call("none", "apply")).await, expected);
    assert_eq!(refusal(&advisor, "/v1/groups/demo/probe/things/apply").await, expected);
    let root = api.sign_in("root").await;
    for path in [call("bj01", "apply"), call("none", "apply"), "/v1/groups/demo/probe/things/apply".to_owned()] {
        assert_eq!(refusal(&root, &path).await, expected, "{path}");
    }
    let admin = json!({ "user": "chief", "name": "Chief", "password": PASSWORD });
    api.send(&root, "POST", "/v1/groups", json!({ "id": "north", "name": "North", "admin": admin })).await.ok();
    let body = json!({ "group": "north", "user": "chief", "password": PASSWORD });
    let chief = api.send("", "POST", "/v1/sessions", body).await.ok()["token"].as_str().unwrap().to_owned();
    for group in ["demo", "no-such-group"] {
        for rest in ["probe/things/apply", "probe/things/none", "none/none/none"] {
            assert_eq!(refusal(&chief, &format!("/v1/groups/{group}/{rest}")).await, expected, "{group}/{rest}");
        }
        for rest in ["modules", "events", "audit", "plugins", "users", "roles", "stores", "openapi.json"] {
            let mut reply = api.get(&chief, &format!("/v1/groups/{group}/{rest}")).await;
            reply.body["request_id"] = Value::Null;
            assert_eq!((reply.status.as_u16(), reply.body), expected, "{group}/{rest}");
        }
    }
    // Members learn what there is.
    assert_eq!(refusal(&boss, &call("none", "apply")).await.1["type"], "/problems/unknown-store");
    assert_eq!(refusal(&boss, &call("bj01", "none")).await.1["type"], "/problems/unknown-operation");
    assert_eq!(refusal(&boss, &call("sh01", "apply")).await.1["type"], "/problems/area-not-enabled");
    assert_eq!(refusal(&boss, &call("bj01", "%20")).await.1["type"], "/problems/unknown-path");
    assert_eq!(refusal(&advisor, &call("bj01", "find-owner")).await.1["type"], "/problems/forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_refusals_stand_in_the_audit() {
    let Desk { api, boss, advisor } = desk().await;
    api.send(&advisor, "POST", APPLY, json!({ "what": 0 })).await.ok();
    api.send(&advisor, "POST", APPLY, json!({ "what": 5 })).await;
    api.send(&advisor, "POST", "/v1/stores/bj01/probe/things/find-owner", json!({ "plate": "x" })).await;
    let audit = |query: &str| format!("/v1/stores/bj01/audit?{query}");
    let outcomes = async |query: &str| {
        let page = api.get(&boss, &audit(query)).await.ok();
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["outcome"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("user=li").await, ["denied", "failed", "done"]);
    assert_eq!(outcomes("user=li&outcome=failed&action=probe/").await, ["failed"]);
    assert_eq!(outcomes("user=li&until=2000-01-01T00:00:00Z").await, [""; 0]);
    assert_eq!(outcomes("user=li&from=2000-01-01T08:00:00%2B08:00").await.len(), 3);
    let first = api.get(&boss, &audit("user=li&limit=1")).await.ok();
    let next = first["next"].as_str().unwrap();
    assert_eq!(outcomes(&format!("user=li&limit=2&after={next}")).await, ["failed", "done"]);
    assert_eq!(first["items"][0]["action"], "probe/things/find-owner");
    let of_group = api.get(&boss, "/v1/groups/demo/audit?user=li&action=probe/things/apply").await.ok();
    assert_eq!(of_group["items"].as_array().unwrap().len(), 2);
    assert_eq!(of_group["items"][0]["store"], "bj01");
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("from=yesterday", "/from"),
        ("outcome=x", "/outcome"),
        ("x=1", "/x"),
        ("after=!", "/after"),
    ] {
        let reply = api.get(&boss, &audit(query)).await;
        assert_eq!(
            (reply.problem(), &reply.body["errors"][0]["pointer"]),
            ("invalid-fields", &json!(pointer)),
            "{query}"
        );
    }
    assert_eq!(api.get(&advisor, &audit("")).await.problem(), "forbidden");
    let denied = api.get(&boss, "/v1/groups/demo/audit?action=read-audit&outcome=denied").await.ok();
    assert_eq!(denied["items"][0]["user"], "li");
}
