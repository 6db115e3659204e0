//! What surrounds every request: its id, its trace, its place in the log, and the headers of its answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY};
use axum::http::header::{X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::Instrument;

use crate::app::App;
use crate::problem::{Problem, Unwritten};
use crate::request::{Asked, Circumstances, Peer, REQUEST_ID, header_value};
use crate::table;

/// The headers of every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

pub(crate) async fn outer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let peer = request.extensions().get::<Peer>().copied();
    let kernel = app.kernel();
    let asked = Arc::new(Circumstances::of(request.headers(), peer, kernel.clock(), kernel.random()));
    request.extensions_mut().insert(Asked(Arc::clone(&asked)));
    let (method, path) = (request.method().clone(), logged_path(&request));
    let span = tracing::info_span!("request", request_id = asked.request_id, trace_id = asked.trace_id);
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let _entered = span.enter();
    let mut response = answered.unwrap_or_else(|_| Problem::internal(&"a handler panicked").into_response());
    let problem = response.extensions_mut().remove::<Unwritten>();
    if let Some(Unwritten(problem)) = &problem {
        let written = problem.render(&asked);
        // What was added outside the handler, such as `Allow`, stays.
        let (parts, body) = written.into_parts();
        response.headers_mut().extend(parts.headers);
        *response.body_mut() = body;
    }
    finish(&app, &asked, &mut response);
    let status = response.status().as_u16();
    app.answered(status);
    tracing::info!(
        target: "forecourt_gateway::access",
        %method,
        path,
        status,
        micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        problem = problem.as_ref().map(|Unwritten(problem)| problem.kind().name),
        actor = asked.actor.get(),
        peer = asked.peer.map(tracing::field::display),
        "answered"
    );
    response
}

fn finish(app: &App, asked: &Circumstances, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, header_value(&asked.request_id));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if app.options().secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// INVARIANT (no-secrets-logged): a path is logged when it is one of ours, and as its pattern when it names a person; never its query string.
fn logged_path(request: &Request) -> String {
    match request.extensions().get::<MatchedPath>() {
        None => "unknown".to_owned(),
        Some(pattern) if pattern.as_str().contains("{user}") => pattern.as_str().to_owned(),
        Some(_) => request.uri().path().chars().take(200).collect(),
    }
}

/// The answer where no route has the path.
pub(crate) async fn unknown_path() -> Problem {
    Problem::new(&table::UNKNOWN_PATH)
}

/// The answer where the path has other methods; the router adds `Allow`.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(&table::METHOD_NOT_ALLOWED)
}
