use serde_json::json;

use super::*;

async fn with_cookie(api: &Api, method: &str, cookie: &str, origin: Option<&str>) -> Reply {
    let mut request = Request::builder().method(method).uri("/v1/sessions/current").header("host", "kernel.example");
    request = request.header("cookie", cookie);
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    api.request(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_gives_a_token_and_signing_out_ends_it() {
    let api = Api::new().await;
    let body = json!({ "user": "boss", "password": PASSWORD });
    let reply = api.send("", "POST", "/v1/sessions", body).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    assert!(!reply.headers.contains_key("set-cookie") && reply.body["expires"].as_str().unwrap().ends_with('Z'));
    let token = reply.body["token"].as_str().unwrap();
    let current = api.get(token, "/v1/sessions/current").await.ok();
    assert_eq!((&current["group"], &current["user"]), (&json!("demo"), &json!("boss")));
    assert_eq!(current["roles"], json!([{ "role": "group-admin", "store": null }]));
    assert_eq!(api.send(token, "DELETE", "/v1/sessions/current", Value::Null).await.status, StatusCode::NO_CONTENT);
    let ended = api.get(token, "/v1/sessions/current").await;
    assert_eq!(ended.problem(), "unauthenticated");
    assert_eq!(ended.headers["www-authenticate"], "Bearer realm=\"forecourt\", error=\"invalid_token\"");
    assert_eq!(api.get("made-up", "/v1/groups").await.problem(), "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_and_passwords_answer_alike_and_are_slowed_down() {
    let api = Api::new().await;
    let sign_in = |user: &'static str, password: &'static str| {
        api.send("", "POST", "/v1/sessions", json!({ "group": "demo", "user": user, "password": password }))
    };
    let mut bodies = Vec::new();
    for (user, password) in [("boss", "wrong"), ("nobody", PASSWORD)] {
        let runs = api.kernel.auth().argon2_runs();
        let mut reply = sign_in(user, password).await;
        assert_eq!((reply.status, reply.problem()), (StatusCode::UNAUTHORIZED, "bad-credentials"));
        assert!(reply.headers.contains_key("www-authenticate"));
        assert_eq!(api.kernel.auth().argon2_runs() - runs, 1);
        reply.body["request_id"] = Value::Null;
        bodies.push(reply.body);
    }
    assert_eq!(bodies[0], bodies[1]);
    let mut reply = sign_in("nobody", "wrong").await;
    for _ in 0..forecourt_base::limits::SIGN_IN_FAILURES {
        reply = sign_in("nobody", "wrong").await;
    }
    assert_eq!((reply.status, reply.problem()), (StatusCode::TOO_MANY_REQUESTS, "throttled"));
    let seconds: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=900).contains(&seconds));
    assert!(sign_in("boss", PASSWORD).await.status.is_success(), "the owner of another account is not kept out");
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_get_a_cookie_that_counts_for_pages_of_this_origin() {
    let api = Api::new().await;
    let body = json!({ "user": "boss", "password": PASSWORD, "cookie": true });
    let request = |origin: &str| {
        let request = Request::builder().method("POST").uri("/v1/sessions").header("host", "kernel.example");
        let request = request.header("origin", origin).header("content-type", "application/json");
        request.body(Body::from(body.to_string())).unwrap()
    };
    assert_eq!(api.request(request("https://evil.example")).await.problem(), "foreign-origin");
    let reply = api.request(request("https://kernel.example")).await;
    assert!(reply.status.is_success() && reply.body.get("token").is_none());
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict; Max-Age=43200");
    assert_eq!(with_cookie(&api, "GET", pair, None).await.ok()["user"], "boss");
    for foreign in [None, Some("null"), Some("https://evil.example"), Some("https://kernel.example.evil.example")] {
        let reply = with_cookie(&api, "DELETE", pair, foreign).await;
        assert_eq!((reply.status, reply.problem()), (StatusCode::FORBIDDEN, "foreign-origin"), "{foreign:?}");
    }
    let out = with_cookie(&api, "DELETE", pair, Some("http://Kernel.example")).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.headers["set-cookie"].to_str().unwrap().ends_with("Max-Age=0"));
    assert_eq!(with_cookie(&api, "GET", pair, None).await.problem(), "unauthenticated");
    let options =
        GatewayOptions { secure: true, origins: vec!["https://desk.example".to_owned()], ..Default::default() };
    let secure = Api { router: router(Arc::clone(&api.kernel), options), kernel: Arc::clone(&api.kernel) };
    assert_eq!(secure.request(request("http://kernel.example")).await.problem(), "foreign-origin");
    let reply = secure.request(request("https://desk.example")).await;
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-forecourt=") && cookie.contains("; Secure"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_several_groups_the_sign_in_names_one() {
    let api = Api::new().await;
    let root = api.sign_in("root").await;
    let admin = json!({ "user": "chief", "name": "Chief", "password": PASSWORD });
    let group = json!({ "id": "north", "name": "North", "names": { "zh-CN": "北方" }, "admin": admin });
    let made = api.send(&root, "POST", "/v1/groups", group.clone()).await;
    assert_eq!((made.status, &made.body["names"]["zh-CN"]), (StatusCode::CREATED, &json!("北方")));
    assert_eq!(api.send(&root, "POST", "/v1/groups", group).await.problem(), "already-exists");
    let needed = api.send("", "POST", "/v1/sessions", json!({ "user": "boss", "password": PASSWORD })).await;
    assert_eq!((needed.status, needed.problem()), (StatusCode::BAD_REQUEST, "group-needed"));
    assert_eq!(needed.body["errors"][0]["pointer"], "/group");
    assert_eq!(api.get(&root, "/v1/groups").await.ok()["items"].as_array().unwrap().len(), 2);
    let weak = json!({ "id": "south", "name": "South", "admin": { "user": "x", "name": "X", "password": "short" } });
    let refused = api.send(&root, "POST", "/v1/groups", weak).await;
    assert_eq!(refused.body["errors"][0]["pointer"], "/admin/password");
}
