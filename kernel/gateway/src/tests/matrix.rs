//! Every endpoint of the table that the router is made from, asked by every kind of caller, where he works and where he does not.

use super::*;
use crate::routes;

/// Who asks, and what he holds.
struct Caller {
    name: &'static str,
    token: String,
}

/// What a route takes of those who ask, in the group `demo` and its store `bj01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing: not even a token.
    Nothing,
    /// To be signed in, anywhere.
    SignedIn,
    /// To be a user of the group.
    OfGroup,
    /// A role in the store, or in the whole group for what is the group's.
    Member,
    Operate,
    Administer,
    ReadAudit,
    Deployment,
    /// Leave to call the command `probe/things/apply`.
    Apply,
    /// The same for the query `probe/things/get-thing`.
    Query,
    /// Not known to this test: only that nobody outside is told anything.
    Unknown,
}

fn need(method: &Method, path: &str) -> Need {
    let read = method == Method::GET;
    let users = path.strip_prefix("/v1/groups/{group}/users");
    match path {
        "/healthz" | "/readyz" | "/metrics" | "/problems/{name}" | "/v1/sessions" | "/v1/password-resets" => {
            Need::Nothing
        }
        "/l/{token}/{area}/{interface}/{operation}" => Need::Nothing,
        "/v1/sessions/current" => Need::SignedIn,
        "/v1/groups" if read => Need::SignedIn,
        "/v1/groups" => Need::Deployment,
        "/v1/groups/{group}/stores" if read => Need::OfGroup,
        "/v1/groups/{group}/plugins" => Need::Operate,
        _ if path.ends_with("/versions/{version}/grants") => Need::Operate,
        _ if path.starts_with("/v1/users") => Need::Deployment,
        _ if path.ends_with("/modules/{area}") && !read => Need::Operate,
        _ if path.ends_with("/audit") || path.contains("/audit/") => Need::ReadAudit,
        _ if path.ends_with("/openapi.json") || path.ends_with("/events") || path.contains("/modules") => Need::Member,
        "/v1/stores/{store}/links" => Need::Member,
        "/v1/groups/{group}/stores" => Need::Administer,
        "/v1/stores/{store}/{area}/{interface}/{operation}" => {
            if read {
                Need::Query
            } else {
                Need::Apply
            }
        }
        _ if path.starts_with("/v1/groups/{group}/roles") => {
            if read {
                Need::ReadAudit
            } else {
                Need::Administer
            }
        }
        _ => match users {
            Some("" | "/{user}") if read => Need::ReadAudit,
            Some(_) => Need::Administer,
            None => Need::Unknown,
        },
    }
}

/// The callers who have what is needed.
fn allowed(need: Need) -> &'static [&'static str] {
    match need {
        Need::Nothing | Need::SignedIn | Need::Unknown => &[],
        Need::OfGroup => &["boss", "operator", "auditor", "advisor", "nobody", "key"],
        Need::Member => &["boss", "operator", "auditor", "advisor", "key"],
        Need::Operate => &["boss", "operator"],
        Need::Administer => &["boss"],
        Need::ReadAudit => &["boss", "auditor"],
        Need::Deployment => &["root"],
        Need::Apply => &["boss", "advisor", "key"],
        Need::Query => &["boss", "auditor", "advisor", "key"],
    }
}

/// A body that the route takes, so that the right is what decides.
fn body(method: &Method, path: &str) -> Value {
    let last = path.rsplit('/').next().unwrap();
    let user = json!({ "id": "made", "name": "M", "password": PASSWORD });
    match (method.as_str(), last) {
        ("GET" | "DELETE", _) => Value::Null,
        (_, "stores") => json!({ "id": "made", "name": "M" }),
        (_, "groups") => {
            json!({ "id": "made", "name": "M", "admin": { "user": "made", "name": "M", "password": PASSWORD } })
        }
        (_, "roles") if path.contains("{user}") => json!({ "roles": [] }),
        (_, "roles") => json!({ "name": "made" }),
        (_, "grants") if path.contains("{version}") => json!({ "all_requested": true }),
        (_, "grants") => json!({ "grants": [] }),
        (_, "users") => user,
        (_, "password") => json!({ "password": "some third one 42" }),
        (_, "enabled") => json!({ "enabled": true }),
        (_, "keys") => json!({ "name": "made" }),
        (_, "{area}") => json!({ "plugin": "probe", "version": "0.1.0" }),
        (_, "links") => {
            json!({ "record": "r", "operations": ["probe/things/apply"], "expires": "2999-01-01T00:00:00Z" })
        }
        (_, "{operation}") => json!({ "what": 0 }),
        _ => json!({}),
    }
}

/// The path with its variables given; `operation` decides which one is called.
fn filled(path: &str, group: &str, store: &str, method: &Method) -> String {
    let operation = if method == Method::GET { "get-thing" } else { "apply" };
    let values = [
        ("{group}", group),
        ("{store}", store),
        ("{user}", "target"),
        ("{role}", "tech"),
        ("{area}", "probe"),
        ("{interface}", "things"),
        ("{operation}", operation),
        ("{name}", "probe"),
        ("{version}", "0.1.0"),
        ("{session}", "0123456789abcdef"),
        ("{key}", "0123456789abcdef"),
        ("{link}", "0123456789abcdef"),
    ];
    let path = values.iter().fold(path.to_owned(), |path, (variable, value)| path.replace(variable, value));
    // Variables that this test knows nothing of: no such thing exists.
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "none" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

impl Api {
    async fn ask(&self, caller: &Caller, method: &Method, path: &str, body: Value) -> Reply {
        if path.ends_with("/plugins") && method == Method::POST {
            let request = Request::builder()
                .method(Method::POST)
                .uri(path)
                .header("authorization", format!("Bearer {}", caller.token))
                .header("content-type", "application/wasm");
            return self.request(request.body(Body::from("no component")).unwrap()).await;
        }
        self.send(&caller.token, method.as_str(), path, body).await
    }
}

async fn stage() -> (Api, Vec<Caller>, Vec<Caller>) {
    let api = Api::new().await;
    let boss = api.sign_in("boss").await;
    for store in ["bj01", "sh01"] {
        api.make_store(&boss, store).await;
        api.enable_probe(&boss, store).await;
    }
    api.make_user(&boss, "target", "tech", Some("sh01")).await;
    let root = api.sign_in("root").await;
    let other = json!({ "id": "other", "name": "O", "admin": { "user": "chief", "name": "C", "password": PASSWORD } });
    api.send(&root, "POST", "/v1/groups", other).await.ok();
    let chief = json!({ "group": "other", "user": "chief", "password": PASSWORD });
    let chief = api.send("", "POST", "/v1/sessions", chief).await.ok()["token"].as_str().unwrap().to_owned();
    let nobody = json!({ "id": "nobody", "name": "N", "password": PASSWORD });
    api.send(&boss, "POST", "/v1/groups/demo/users", nobody).await.ok();
    let advisor = api.make_user(&boss, "advisor", "advisor", Some("bj01")).await;
    let key = json!({ "name": "k", "roles": [{ "role": "advisor", "store": "bj01" }] });
    let key = api.send(&advisor, "POST", "/v1/groups/demo/users/advisor/keys", key).await.ok()["secret"].clone();
    let caller = |name, token: String| Caller { name, token };
    let own = vec![
        caller("operator", api.make_user(&boss, "operator", "operator", None).await),
        caller("auditor", api.make_user(&boss, "auditor", "auditor", None).await),
        caller("nobody", api.sign_in("nobody").await),
        caller("advisor", advisor),
        caller("key", key.as_str().unwrap().to_owned()),
        caller("boss", boss),
    ];
    (api, own, vec![caller("chief", chief), caller("root", root)])
}

fn without_request_id(reply: Reply) -> (StatusCode, Value) {
    let Reply { status, mut body, .. } = reply;
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (status, body)
}

fn all() -> Vec<(Method, String)> {
    let mut all = Vec::new();
    for (path, methods) in routes() {
        all.extend(methods.into_iter().map(|method| (method, path.clone())));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_what_lies_where_he_has_no_part() {
    let (api, own, strangers) = stage().await;
    let unknown = Caller { name: "unsigned", token: String::new() };
    let link = api.send("", "POST", "/l/none/probe/things/apply", json!({})).await;
    assert_eq!((link.status, link.problem()), (StatusCode::NOT_FOUND, "link-refused"));
    for (method, path) in all() {
        let ask = async |caller: &Caller, group: &str, store: &str| {
            let asked = filled(&path, group, store, &method);
            without_request_id(api.ask(caller, &method, &asked, body(&method, &path)).await)
        };
        if need(&method, &path) != Need::Nothing {
            let (status, told) = ask(&unknown, "demo", "bj01").await;
            assert_eq!((status.as_u16(), &told["type"]), (401, &json!("/problems/unauthenticated")), "{method} {path}");
        }
        // INVARIANT (told-to-members): a group that is not his, and a store in which he has no role, are like those that do not exist.
        for stranger in &strangers {
            if path.contains("{group}") {
                let (there, nowhere) = (ask(stranger, "demo", "bj01").await, ask(stranger, "nowhere", "bj01").await);
                assert_eq!(there, nowhere, "{} {method} {path}", stranger.name);
                assert!(there.0.is_client_error(), "{} {method} {path}: {there:?}", stranger.name);
            }
            if path.contains("{store}") {
                let (there, nowhere) = (ask(stranger, "other", "bj01").await, ask(stranger, "other", "nowhere").await);
                assert_eq!(there, nowhere, "{} {method} {path}", stranger.name);
                assert!(there.0.is_client_error(), "{} {method} {path}: {there:?}", stranger.name);
            }
        }
        for caller in own.iter().filter(|caller| ["advisor", "key", "nobody"].contains(&caller.name)) {
            if path.contains("{store}") {
                let (there, nowhere) = (ask(caller, "demo", "sh01").await, ask(caller, "demo", "nowhere").await);
                assert_eq!(there, nowhere, "{} {method} {path}", caller.name);
                assert!(there.0.is_client_error(), "{} {method} {path}: {there:?}", caller.name);
            }
            if path.contains("{group}") {
                let (there, nowhere) = (ask(caller, "other", "bj01").await, ask(caller, "nowhere", "bj01").await);
                assert_eq!(there, nowhere, "{} {method} {path}", caller.name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_takes_its_right_and_no_other() {
    let (api, own, strangers) = stage().await;
    let mut known = 0;
    for (method, path) in all() {
        let need = need(&method, &path);
        // The two ends of a session are asked for elsewhere: here they would end those of this test.
        if matches!(need, Need::Nothing | Need::SignedIn | Need::Unknown) {
            continue;
        }
        known += 1;
        // What is the group's takes a role in the whole group.
        let whole = need == Need::Member && path.contains("{group}");
        for caller in own.iter().chain(&strangers) {
            let has = allowed(need).contains(&caller.name) && !(whole && ["advisor", "key"].contains(&caller.name));
            let asked = filled(&path, "demo", "bj01", &method);
            let reply = api.ask(caller, &method, &asked, body(&method, &path)).await;
            let told = format!("{} {method} {path} ({need:?}): {reply:?}", caller.name);
            assert_ne!(reply.status, StatusCode::UNAUTHORIZED, "{told}");
            // Whose roles hold in every store of his own group is told that it has none of this name.
            let refused = match caller.name {
                "chief" if path.contains("{store}") => "unknown-store",
                _ => "forbidden",
            };
            assert_eq!(reply.status.is_client_error() && reply.problem() == refused, !has, "{told}");
        }
        // What was done may have taken the module away.
        if path.ends_with("/modules/{area}") {
            let boss = own.last().unwrap();
            let module = json!({ "plugin": "probe", "version": "0.1.0" });
            api.send(&boss.token, "PUT", "/v1/stores/bj01/modules/probe", module).await.ok();
        }
    }
    assert!(known >= 40, "{known} endpoints");
}
