use serde_json::json;

use super::*;

const GRANTS: &str = "/v1/groups/demo/plugins/probe/versions/0.1.0/grants";
const MODULE: &str = "/v1/stores/bj01/modules/probe";

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_published_granted_enabled_and_disabled() {
    let api = Api::new().await;
    let boss = api.sign_in("boss").await;
    api.make_store(&boss, "bj01").await;
    let advisor = api.make_user(&boss, "li", "advisor", Some("bj01")).await;
    let module = json!({ "plugin": "probe", "version": "0.1.0" });
    let enable = async |body: &Value| api.send(&boss, "PUT", MODULE, body.clone()).await;

    assert_eq!(enable(&module).await.problem(), "unknown-plugin-version");
    let published = api.publish(&boss, probe("0.1.0")).await;
    assert_eq!(
        (published.status, &published.body["name"], &published.body["new"]),
        (StatusCode::CREATED, &json!("probe"), &json!(true))
    );
    let again = api.publish(&boss, probe("0.1.0")).await;
    assert_eq!((again.status, &again.body["new"]), (StatusCode::OK, &json!(false)));
    assert_eq!(enable(&module).await.problem(), "plugin-not-granted");

    let wide = api.send(&boss, "PUT", GRANTS, json!({ "kernel": ["storage"] })).await;
    assert_eq!((wide.status.as_u16(), wide.problem()), (409, "wider-than-requested"));
    assert_eq!(wide.body["reasons"], json!(["kernel interface `storage`"]));
    let granted = api.send(&boss, "PUT", GRANTS, json!({ "all_requested": true })).await.ok();
    assert_eq!((&granted["changed"], &granted["sha256"]), (&json!(true), &published.body["sha256"]));
    let unknown = api.send(&boss, "PUT", &GRANTS.replace("0.1.0", "9.0.0"), json!({ "all_requested": true })).await;
    assert_eq!(unknown.problem(), "unknown-plugin-version");

    let plugins = api.get(&boss, "/v1/groups/demo/plugins").await.ok();
    let version = &plugins["items"][0]["versions"][0];
    assert_eq!((&version["version"], &version["areas"]), (&json!("0.1.0"), &json!(["probe"])));
    assert!(version["published"].as_str().unwrap().ends_with('Z') && version["granted"].is_object());

    assert_eq!(api.get(&boss, MODULE).await.problem(), "area-not-enabled");
    let other = api.send(&boss, "PUT", "/v1/stores/bj01/modules/parts", module.clone()).await;
    assert_eq!((other.status.as_u16(), other.problem()), (409, "area-not-served"));
    let enabled = enable(&module).await.ok();
    assert_eq!((&enabled["changed"], &enabled["previous"]), (&json!(true), &Value::Null));
    assert_eq!(api.get(&advisor, MODULE).await.ok()["module"], module);
    assert_eq!(api.get(&advisor, "/v1/stores/bj01/modules").await.ok()["items"][0]["area"], "probe");

    let openapi = api.get(&advisor, "/v1/stores/bj01/openapi.json").await.ok();
    assert!(
        openapi["paths"].as_object().unwrap().keys().any(|path| path.ends_with("/probe/things/apply")),
        "{openapi}"
    );
    assert_eq!(
        api.get(&advisor, "/v1/stores/bj01/events?topics=probe.made&limit=5").await.ok(),
        json!({ "items": [], "next": null })
    );
    let cursor = api.get(&advisor, "/v1/stores/bj01/events?after=zz").await;
    assert_eq!((cursor.problem(), &cursor.body["errors"][0]["pointer"]), ("invalid-fields", &json!("/after")));

    assert_eq!(
        api.send(&boss, "DELETE", &format!("{MODULE}?force=perhaps"), Value::Null).await.problem(),
        "invalid-fields"
    );
    let disabled = api.send(&boss, "DELETE", &format!("{MODULE}?force=true"), Value::Null).await.ok();
    assert_eq!(disabled["previous"], module);
    let gone = api.send(&boss, "DELETE", MODULE, Value::Null).await;
    assert_eq!((gone.status.as_u16(), gone.problem()), (404, "area-not-enabled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_publish_and_only_components_are_taken() {
    let api = Api::new().await;
    let boss = api.sign_in("boss").await;
    api.make_store(&boss, "bj01").await;
    let advisor = api.make_user(&boss, "li", "advisor", Some("bj01")).await;
    assert_eq!(api.publish(&advisor, probe("0.1.0")).await.problem(), "forbidden");
    let operator = api.make_user(&boss, "op", "operator", None).await;
    let refused = api.publish(&operator, b"no component".to_vec()).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "component-refused"));
    assert!(refused.body["reasons"][0].as_str().unwrap().starts_with("not-a-component: "));
    assert_eq!(api.publish(&operator, probe("0.1.0")).await.status, StatusCode::CREATED);
    let json = api.send(&operator, "POST", "/v1/groups/demo/plugins", json!({})).await;
    assert_eq!((json.status.as_u16(), json.problem()), (415, "unsupported-media-type"));
    let mut request = Request::builder().method("POST").uri("/v1/groups/demo/plugins");
    request = request.header("authorization", format!("Bearer {operator}")).header("content-type", "application/wasm");
    request = request.header("content-length", forecourt_base::limits::COMPONENT_BYTES + 1);
    let large = api.request(request.body(Body::empty()).unwrap()).await;
    assert_eq!((large.status.as_u16(), large.problem()), (413, "body-too-large"));
    assert_eq!(
        api.send(&operator, "POST", "/v1/groups/demo/stores", json!({ "id": "x", "name": "X" })).await.problem(),
        "forbidden"
    );
}
