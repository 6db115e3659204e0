use std::cell::RefCell;
use std::io::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

use axum::middleware::from_fn_with_state;
use axum::routing::get;
use serde_json::json;

use super::*;

/// Lines of the log, shared with the subscriber that writes them.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

thread_local! {
    static COLLECTED: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

/// Writes what a thread logs to where that thread collects it. One subscriber serves all tests: several that come and go at once would race
/// for what each place in the code is told to log.
struct ToThread;

impl Write for ToThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        COLLECTED.with_borrow(|lines| match lines {
            Some(lines) => lines.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes),
            None => Ok(bytes.len()),
        })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

static SUBSCRIBED: LazyLock<()> = LazyLock::new(|| {
    let subscriber = tracing_subscriber::fmt().json().with_writer(|| ToThread);
    tracing::subscriber::set_global_default(subscriber.with_max_level(tracing::Level::TRACE).finish()).unwrap();
});

/// Ends the collecting of this thread when it is dropped.
struct Collecting;

impl Drop for Collecting {
    fn drop(&mut self) {
        COLLECTED.set(None);
    }
}

impl Lines {
    /// The lines about answers, parsed.
    fn answers(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|line: &Value| line["target"] == "forecourt_gateway::access").collect()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }

    /// Collects the log of this thread until the guard is dropped.
    fn collect(&self) -> Collecting {
        LazyLock::force(&SUBSCRIBED);
        COLLECTED.set(Some(self.clone()));
        Collecting
    }
}

/// INVARIANT (no-secrets-logged)
#[tokio::test]
async fn each_request_leaves_one_line_without_secrets() {
    let api = Api::new().await;
    let lines = Lines::default();
    let collecting = lines.collect();
    let boss = api.sign_in("boss").await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = Request::builder()
        .uri("/v1/stores/bj01/probe/things/find-owner?plate=JingA12345")
        .header("authorization", format!("Bearer {boss}"))
        .header("x-request-id", "order-7")
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    api.request(request.body(Body::empty()).unwrap()).await;
    api.get(&boss, "/v1/groups/demo/users/li.wei").await;
    api.get("", &format!("/lost/{boss}")).await;
    api.send("", "POST", "/v1/sessions", json!({ "user": "secret-typed-as-name", "password": "x" })).await;
    drop(collecting);
    let answers = lines.answers();
    assert_eq!(answers.len(), 5);
    let call = &answers[1];
    assert_eq!(call["fields"]["path"], "/v1/stores/bj01/probe/things/find-owner");
    assert_eq!((&call["fields"]["status"], &call["fields"]["problem"]), (&json!(404), &json!("unknown-store")));
    assert_eq!((&call["fields"]["actor"], &call["fields"]["peer"]), (&json!("demo/boss"), &json!("127.0.0.1:4321")));
    assert_eq!((&call["span"]["request_id"], &call["span"]["trace_id"]), (&json!("order-7"), &json!(trace)));
    assert!(call["fields"]["micros"].is_u64());
    assert_eq!(answers[2]["fields"]["path"], "/v1/groups/{group}/users/{user}");
    assert_eq!(answers[3]["fields"]["path"], "unknown");
    let text = lines.text();
    for secret in [boss.as_str(), PASSWORD, "JingA12345", "li.wei", "secret-typed-as-name"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_panic_is_answered_and_logged() {
    let app = crate::app::App::new(kernel().await, GatewayOptions::default());
    let boom = get(async || -> StatusCode { panic!("boom") });
    let router = Router::new().route("/boom", boom).layer(from_fn_with_state(app.clone(), crate::outer::outer));
    let api = Api { kernel: Arc::clone(app.kernel()), router };
    let lines = Lines::default();
    let collecting = lines.collect();
    let reply = api.get("", "/boom").await;
    drop(collecting);
    assert_eq!((reply.status.as_u16(), reply.problem()), (500, "internal"));
    assert_eq!(lines.answers()[0]["fields"]["problem"], "internal");
    assert!(lines.text().contains("a handler panicked"));
}
