//! What machines ask to see how the kernel does.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, FORWARDED};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use forecourt_storage::{Health, Mode, Transaction};
use serde_json::json;

use crate::app::App;
use crate::problem::Problem;
use crate::request::Asked;
use crate::{table, views};

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> Response {
    views::json(&json!({ "status": "ok" }))
}

/// `GET /readyz`: requests would be served. While the disk is full, those that change nothing are; after a failure of the disk a restart is needed.
pub(crate) async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    let storage = app.kernel().storage();
    let opens = Transaction::begin(storage, None, Mode::ReadOnly).is_ok();
    match storage.health() {
        _ if app.is_stopping() || !opens => Err(Problem::new(&table::UNAVAILABLE)),
        Health::Ok => Ok(views::json(&json!({ "status": "ready" }))),
        Health::ReadOnly { .. } => Ok(views::json(&json!({ "status": "read-only" }))),
        Health::Poisoned { .. } => Err(Problem::new(&table::UNAVAILABLE)),
    }
}

/// `GET /metrics`, for direct peers on the loopback unless the options say otherwise. What a proxy passes on comes from elsewhere.
pub(crate) async fn metrics(
    State(app): State<App>,
    Asked(asked): Asked,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let local = asked.peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let passed_on = headers.contains_key(FORWARDED) || headers.contains_key("x-forwarded-for");
    let options = app.options();
    if options.metrics_apart || !options.public_metrics && (!local || passed_on) {
        return Err(Problem::new(&table::UNKNOWN_PATH));
    }
    Ok(metrics_apart(State(app)).await)
}

/// `GET /metrics` where it has a listener of its own.
pub(crate) async fn metrics_apart(State(app): State<App>) -> Response {
    let mut text = app.kernel().to_prometheus();
    text.push_str("# TYPE forecourt_http_answers_total counter\n");
    for (class, count) in app.answers() {
        let _ = writeln!(text, "forecourt_http_answers_total{{status=\"{class}xx\"}} {count}");
    }
    let connections = app.connections();
    let _ = writeln!(text, "# TYPE forecourt_http_connections gauge\nforecourt_http_connections {connections}");
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, kind)], text).into_response()
}
