use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn stores_are_made_and_listed_for_those_who_work_there() {
    let api = Api::new().await;
    let boss = api.sign_in("boss").await;
    let store =
        json!({ "id": "bj01", "name": "Beijing One", "names": { "zh-CN": "北京一店" }, "time_zone": "Asia/Shanghai" });
    let made = api.send(&boss, "POST", "/v1/groups/demo/stores", store.clone()).await;
    assert_eq!((made.status, &made.body["time_zone"]), (StatusCode::CREATED, &json!("Asia/Shanghai")));
    assert!(made.body["created_at"].as_str().unwrap().ends_with('Z'));
    let again = api.send(&boss, "POST", "/v1/groups/demo/stores", store).await;
    assert_eq!(
        (again.status.as_u16(), again.problem(), &again.body["detail"]),
        (409, "already-exists", &json!("the store `bj01` exists already"))
    );
    let zone = json!({ "id": "x", "name": "X", "time_zone": "Beijing" });
    let wrong = api.send(&boss, "POST", "/v1/groups/demo/stores", zone).await;
    assert_eq!((wrong.problem(), &wrong.body["errors"][0]["pointer"]), ("invalid-fields", &json!("/time_zone")));
    api.make_store(&boss, "sh01").await;
    let advisor = api.make_user(&boss, "li", "advisor", Some("sh01")).await;
    let ids = async |token: &str, query: &str| {
        let page = api.get(token, &format!("/v1/groups/demo/stores{query}")).await.ok();
        let ids: Vec<String> =
            page["items"].as_array().unwrap().iter().map(|store| store["id"].as_str().unwrap().to_owned()).collect();
        (ids, page["next"].as_str().map(str::to_owned))
    };
    assert_eq!(ids(&advisor, "").await, (vec!["sh01".to_owned()], None));
    let (first, next) = ids(&boss, "?limit=1").await;
    assert_eq!(first, ["bj01"]);
    assert_eq!(ids(&boss, &format!("?limit=1&after={}", next.unwrap())).await.0, ["sh01"]);
    assert_eq!(api.get(&advisor, "/v1/groups").await.ok()["items"][0]["id"], "demo");
    assert_eq!(
        api.send(
            &boss,
            "POST",
            "/v1/groups",
            json!({ "id": "x", "name": "X", "admin": { "user": "u", "name": "U", "password": PASSWORD } })
        )
        .await
        .problem(),
        "forbidden"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_changed_and_disabled() {
    let api = Api::new().await;
    let boss = api.sign_in("boss").await;
    api.make_store(&boss, "bj01").await;
    let li = api.make_user(&boss, "li", "advisor", Some("bj01")).await;
    let user = |rest: &str| format!("/v1/groups/demo/users/{rest}");
    let shown = api.get(&boss, &user("li")).await.ok();
    assert_eq!((&shown["enabled"], &shown["roles"]), (&json!(true), &json!([{ "role": "advisor", "store": "bj01" }])));
    assert!(shown.get("password").is_none());
    assert_eq!(api.get(&boss, "/v1/groups/demo/users").await.ok()["items"].as_array().unwrap().len(), 2);
    assert_eq!(api.get(&li, "/v1/groups/demo/users").await.problem(), "forbidden");
    let unknown = api.get(&boss, &user("nobody")).await;
    assert_eq!((unknown.status.as_u16(), unknown.problem()), (404, "unknown-resource"));
    assert_eq!(api.get(&boss, &user("NOBODY!")).await.problem(), "unknown-path");

    let roles = json!({ "roles": [{ "role": "svc_manager", "store": "bj01" }], "departments": ["workshop"] });
    let changed = api.send(&boss, "PUT", &user("li/roles"), roles).await.ok();
    assert_eq!((&changed["roles"][0]["role"], &changed["departments"]), (&json!("svc_manager"), &json!(["workshop"])));
    assert_eq!(api.get(&li, "/v1/sessions/current").await.ok()["roles"][0]["role"], "svc_manager");
    let missing = api.send(&boss, "PUT", &user("li/roles"), json!({ "roles": [{ "role": "wizard" }] })).await;
    assert_eq!((missing.status.as_u16(), &missing.body["errors"][0]["pointer"]), (400, &json!("/roles")));
    let misspelt =
        api.send(&boss, "PUT", &user("li/roles"), json!({ "roles": [{ "role": "tech", "stores": "bj01" }] })).await;
    assert_eq!(misspelt.body["errors"][0]["pointer"], "/roles/0/stores");
    let reserved =
        api.send(&boss, "PUT", &user("li/roles"), json!({ "roles": [{ "role": "deployment-admin" }] })).await;
    assert_eq!((reserved.status.as_u16(), reserved.problem()), (409, "reserved-role"));
    let last = api.send(&boss, "PUT", &user("boss/enabled"), json!({ "enabled": false })).await;
    assert_eq!((last.status.as_u16(), last.problem()), (409, "last-admin"));

    let disabled = api.send(&boss, "PUT", &user("li/enabled"), json!({ "enabled": false })).await.ok();
    assert_eq!(disabled["enabled"], false);
    assert_eq!(api.get(&li, "/v1/sessions/current").await.problem(), "unauthenticated");
    let body = json!({ "group": "demo", "user": "li", "password": PASSWORD });
    assert_eq!(api.send("", "POST", "/v1/sessions", body).await.problem(), "bad-credentials");
    api.send(&boss, "PUT", &user("li/enabled"), json!({ "enabled": true })).await.ok();
    let li = api.sign_in("li").await;
    assert_eq!(api.send(&boss, "DELETE", &user("li/sessions"), Value::Null).await.ok(), json!({ "ended": 1 }));
    assert_eq!(api.get(&li, "/v1/sessions/current").await.problem(), "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_changed_by_their_owner_or_an_admin() {
    let api = Api::new().await;
    let boss = api.sign_in("boss").await;
    api.make_store(&boss, "bj01").await;
    let li = api.make_user(&boss, "li", "advisor", Some("bj01")).await;
    let path = "/v1/groups/demo/users/li/password";
    let fresh = "another horse 4S";
    let pointer = async |body: Value| api.send(&li, "PUT", path, body).await.body["errors"][0]["pointer"].clone();
    assert_eq!(pointer(json!({ "password": fresh })).await, "/current");
    assert_eq!(pointer(json!({ "current": "wrong", "password": fresh })).await, "/current");
    assert_eq!(pointer(json!({ "current": PASSWORD, "password": "short" })).await, "/password");
    let changed = api.send(&li, "PUT", path, json!({ "current": PASSWORD, "password": fresh })).await;
    assert_eq!((changed.status, changed.body), (StatusCode::NO_CONTENT, json!("")));
    assert_eq!(api.get(&li, "/v1/sessions/current").await.problem(), "unauthenticated");
    assert_eq!(api.send(&boss, "PUT", path, json!({ "password": PASSWORD })).await.status, StatusCode::NO_CONTENT);
    let li = api.sign_in("li").await;
    let of_boss = api.send(&li, "PUT", "/v1/groups/demo/users/boss/password", json!({ "password": fresh })).await;
    assert_eq!(of_boss.problem(), "forbidden");
    let root = api.sign_in("root").await;
    let own = json!({ "current": PASSWORD, "password": fresh });
    assert_eq!(api.send(&root, "PUT", "/v1/users/root/password", own).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(&boss, "/v1/users").await.problem(), "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_made_and_granted() {
    let api = Api::new().await;
    let boss = api.sign_in("boss").await;
    let roles = "/v1/groups/demo/roles";
    let made = api.send(&boss, "POST", roles, json!({ "name": "painter", "names": { "en": "Painter" } })).await;
    assert_eq!((made.status, &made.body["built_in"]), (StatusCode::CREATED, &json!(false)));
    let grants = json!({
        "grants": [{ "area": "repair", "interface": "orders", "operation": "report_findings", "kind": "command" }],
        "powers": ["repair.discount-over-limit"],
    });
    let granted = api.send(&boss, "PUT", &format!("{roles}/painter/grants"), grants.clone()).await.ok();
    assert_eq!(granted["grants"][0]["operation"], "report-findings");
    let fixed = api.send(&boss, "PUT", &format!("{roles}/auditor/grants"), grants).await;
    assert_eq!((fixed.status.as_u16(), fixed.problem()), (409, "fixed-role"));
    let wrong = json!({ "grants": [{ "area": "repair", "kind": "everything" }] });
    let wrong = api.send(&boss, "PUT", &format!("{roles}/painter/grants"), wrong).await;
    assert_eq!(wrong.body["errors"][0]["pointer"], "/grants/0/kind");
    let unknown = api.send(&boss, "PUT", &format!("{roles}/wizard/grants"), json!({ "grants": [] })).await;
    assert_eq!(
        (unknown.problem(), &unknown.body["detail"]),
        ("unknown-resource", &json!("the role `wizard` is not known"))
    );
    let page = api.get(&boss, &format!("{roles}?limit=200")).await.ok();
    assert!(page["items"].as_array().unwrap().iter().any(|role| role["name"] == "painter"));
}
