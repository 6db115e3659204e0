use serde_json::json;

use super::*;

fn with_header(path: &str, header: &str, value: &str) -> Request {
    Request::builder().uri(path).header(header, value).body(Body::empty()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_its_id_and_its_guards() {
    let api = Api::new().await;
    let reply = api.get("", "/healthz").await;
    assert_eq!((reply.status, &reply.body), (StatusCode::OK, &json!({ "status": "ok" })));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(reply.headers[name], value);
    }
    assert_eq!(reply.headers["x-request-id"].len(), 36);
    assert!(!reply.headers.contains_key("strict-transport-security"));
    let named = api.request(with_header("/nowhere", "x-request-id", "order-7")).await;
    assert_eq!((named.headers["x-request-id"].to_str().unwrap(), named.problem()), ("order-7", "unknown-path"));
    assert_eq!(named.headers["cache-control"], "no-store");
    let unsafe_name = api.request(with_header("/healthz", "x-request-id", "a b")).await;
    assert_eq!(unsafe_name.headers["x-request-id"].len(), 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_are_told_in_the_readers_language() {
    let api = Api::new().await;
    let chinese = api.request(with_header("/v1/groups", "accept-language", "zh-CN,zh;q=0.9,en;q=0.8")).await;
    let id = chinese.headers["x-request-id"].to_str().unwrap();
    assert_eq!(
        chinese.body,
        json!({
            "type": "/problems/unauthenticated",
            "title": "请先登录",
            "status": 401,
            "detail": "请求未携带有效会话的令牌：请通过 POST /v1/sessions 登录",
            "request_id": id,
        })
    );
    assert_eq!(chinese.headers["content-language"], "zh-CN");
    assert_eq!(chinese.headers["www-authenticate"], "Bearer realm=\"forecourt\"");
    let english = api.get("", "/v1/groups").await;
    assert_eq!((english.problem(), &english.body["title"]), ("unauthenticated", &json!("Sign in first")));
    let explained = api.get("", "/problems/unauthenticated").await.ok();
    assert_eq!(explained["title"], json!({ "en": "Sign in first", "zh-CN": "请先登录" }));
    assert_eq!((&explained["status"], &explained["type"]), (&json!(401), &json!("/problems/unauthenticated")));
    for kind in crate::table::ALL {
        assert_eq!(api.get("", &format!("/problems/{}", kind.name)).await.status, StatusCode::OK);
    }
    assert_eq!(api.get("", "/problems/none").await.problem(), "unknown-path");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_read_strictly() {
    let api = Api::new().await;
    let post = |kind: &str, body: String| {
        let request = Request::builder().method("POST").uri("/v1/sessions").header("content-type", kind);
        api.request(request.body(Body::from(body)).unwrap())
    };
    let json = "application/json; charset=utf-8";
    assert_eq!(post("text/plain", "{}".to_owned()).await.problem(), "unsupported-media-type");
    assert_eq!(post(json, "{".to_owned()).await.problem(), "malformed-json");
    let twice = post(json, r#"{"user": "a", "user": "b", "password": "c"}"#.to_owned()).await;
    assert_eq!((twice.problem(), &twice.body["errors"][0]["pointer"]), ("invalid-fields", &json!("/user")));
    let unknown = post(json, r#"{"user": "a", "password": "c", "admin": true}"#.to_owned()).await;
    assert_eq!(
        unknown.body["errors"],
        json!([{ "pointer": "/admin", "rule": "unknown-field", "detail": "is not a known field" }])
    );
    assert_eq!(post(json, "[".repeat(100_000)).await.body["errors"][0]["rule"], "too-deep");
    assert_eq!(post(json, String::new()).await.body["errors"][0]["pointer"], "/user");
    let large = post(json, " ".repeat(forecourt_base::limits::BODY_BYTES + 1)).await;
    assert_eq!((large.status, large.problem()), (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_are_refused_with_those_there_are() {
    let api = Api::new().await;
    let reply = api.send("", "PATCH", "/v1/groups", Value::Null).await;
    assert_eq!((reply.status, reply.problem()), (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"));
    assert_eq!(reply.headers["allow"], "GET,HEAD,POST");
    assert_eq!(api.send("", "DELETE", "/healthz", Value::Null).await.headers["allow"], "GET,HEAD");
    for absent in ["approvals", "settings/parts"] {
        assert_eq!(api.get("", &format!("/v1/stores/bj01/{absent}")).await.problem(), "unknown-path", "{absent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_the_loopback() {
    let api = Api::new().await;
    let from = |peer: &str, header: Option<&str>| {
        let mut request = Request::builder().uri("/metrics");
        if let Some(header) = header {
            request = request.header(header, "10.0.0.9");
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        request
    };
    assert_eq!(api.get("", "/readyz").await.body, json!({ "status": "ready" }));
    let text = api.request(from("[::ffff:127.0.0.1]:1", None)).await;
    let text = text.body.as_str().unwrap();
    assert!(text.contains("forecourt_http_answers_total{status=\"2xx\"} 1\n"), "{text}");
    assert!(text.contains("forecourt_conflicts_total 0\n") && text.contains("forecourt_http_connections 0\n"));
    assert_eq!(api.request(from("10.0.0.9:1", None)).await.problem(), "unknown-path");
    assert_eq!(api.request(from("127.0.0.1:1", Some("x-forwarded-for"))).await.problem(), "unknown-path");
    let options = GatewayOptions { public_metrics: true, secure: true, ..GatewayOptions::default() };
    let router = router(Arc::clone(&api.kernel), options);
    let public = Api { kernel: api.kernel, router };
    let reply = public.request(from("10.0.0.9:1", None)).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.headers["strict-transport-security"], "max-age=31536000");
}
