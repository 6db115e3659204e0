//! The router over a real kernel in memory. The binary and its files are driven by the end-to-end tests.

mod administration;
mod calls;
mod edges;
mod logging;
mod matrix;
mod plugins;
mod serving;
mod sessions;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use forecourt_auth::{Bootstrap, FirstAdmin, Names, NewGroup};
use forecourt_base::{GroupId, OsRandom, SystemClock, UserId};
use forecourt_runtime::{Compiler, FilesOptions, Kernel, KernelOptions, OutboundOptions};
use forecourt_schema::fixtures::Fixture;
use forecourt_storage::{Engine, MemoryEngine};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{GatewayOptions, Peer, router};

const PASSWORD: &str = "correct horse 4S";

/// A kernel with group `demo`, its admin `boss`, and `root`, who administers the deployment.
struct Api {
    kernel: Arc<Kernel>,
    router: Router,
}

/// An answer.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    /// The name of the problem.
    fn problem(&self) -> &str {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status.as_u16());
        assert_eq!(self.body["request_id"], self.headers["x-request-id"].to_str().unwrap());
        self.body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap()
    }

    fn ok(self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        self.body
    }
}

fn first_admin(user: &str) -> FirstAdmin {
    FirstAdmin { user: UserId::new(user).unwrap(), name: user.to_owned(), password: PASSWORD.to_owned() }
}

impl Api {
    async fn new() -> Self {
        Self::with(GatewayOptions::default()).await
    }

    async fn with(options: GatewayOptions) -> Self {
        let kernel = kernel().await;
        Self { router: router(Arc::clone(&kernel), options), kernel }
    }

    async fn request(&self, mut request: Request) -> Reply {
        let peer: SocketAddr = "127.0.0.1:4321".parse().unwrap();
        if request.extensions().get::<Peer>().is_none() {
            request.extensions_mut().insert(Peer(peer));
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Sends JSON, or nothing for null.
    async fn send(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Value::Null => Body::empty(),
            body => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
        };
        self.request(request.body(body).unwrap()).await
    }

    async fn get(&self, token: &str, path: &str) -> Reply {
        self.send(token, "GET", path, Value::Null).await
    }

    async fn sign_in(&self, user: &str) -> String {
        let group = if user == "root" { Value::Null } else { "demo".into() };
        let body = json!({ "group": group, "user": user, "password": PASSWORD });
        self.send("", "POST", "/v1/sessions", body).await.ok()["token"].as_str().unwrap().to_owned()
    }

    async fn make_user(&self, boss: &str, user: &str, role: &str, store: Option<&str>) -> String {
        let roles = json!([{ "role": role, "store": store }]);
        let body = json!({ "id": user, "name": user, "password": PASSWORD, "roles": roles });
        self.send(boss, "POST", "/v1/groups/demo/users", body).await.ok();
        self.sign_in(user).await
    }

    async fn make_store(&self, boss: &str, store: &str) {
        let body = json!({ "id": store, "name": store });
        self.send(boss, "POST", "/v1/groups/demo/stores", body).await.ok();
    }

    async fn publish(&self, token: &str, bytes: Vec<u8>) -> Reply {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/groups/demo/plugins")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/wasm");
        self.request(request.body(Body::from(bytes)).unwrap()).await
    }

    /// Publishes, grants and enables the probe in a store.
    async fn enable_probe(&self, boss: &str, store: &str) {
        self.publish(boss, probe("0.1.0")).await.ok();
        let grants = "/v1/groups/demo/plugins/probe/versions/0.1.0/grants";
        self.send(boss, "PUT", grants, json!({ "all_requested": true })).await.ok();
        let body = json!({ "plugin": "probe", "version": "0.1.0" });
        self.send(boss, "PUT", &format!("/v1/stores/{store}/modules/probe"), body).await.ok();
    }
}

async fn kernel() -> Arc<Kernel> {
    let kernel = kernel_over(MemoryEngine::new()).await;
    let group = NewGroup { id: GroupId::new("demo").unwrap(), name: "Demo".to_owned(), names: Names::new() };
    let (admin, deployment_admin) = (first_admin("boss"), Some(first_admin("root")));
    kernel.auth().bootstrap(&Bootstrap { group, admin, deployment_admin }, "test").await.unwrap();
    kernel
}

async fn kernel_over(storage: Arc<dyn Engine>) -> Arc<Kernel> {
    let options = KernelOptions {
        storage,
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        artefacts: None,
        compiler: Compiler::InProcess,
        files: FilesOptions::temporary().unwrap(),
        outbound: OutboundOptions::default(),
    };
    Kernel::open(options).await.unwrap()
}

/// A component of area `probe`: `apply` answers the error case that it is asked for, traps for 100 and never ends for 101.
fn probe(version: &str) -> Vec<u8> {
    Fixture::new("probe", version, "export forecourt:probe/things@0.1.0;")
        .package(include_str!("tests/probe.wit"))
        .extra("[roles]\n\"things/get-thing\" = [\"advisor\"]\n\"things/apply\" = [\"advisor\"]")
        .module(wat::parse_str(include_str!("tests/probe.wat")).unwrap())
        .build()
}
