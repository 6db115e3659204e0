//! What surrounds every request: its id, its trace, its place in the log, and the headers of its answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::header::{STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
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
    let asked = Arc::new(Circumstances::of(request.headers(), peer, kernel.clock(), kernel.numbers()));
    request.extensions_mut().insert(Asked(Arc::clone(&asked)));
    let (method, path, with_body) = (request.method().clone(), logged_path(&request), has_body(request.headers()));
    let span = tracing::info_span!(
        "request",
        request_id = asked.request_id,
        trace_id = asked.trace.map(|trace| trace.trace_id())
    );
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
    if with_body && problem.as_ref().is_some_and(|Unwritten(problem)| leaves_body(problem)) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
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

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// Whether the request was refused before its body was read. The connection then ends with the answer, and says so, since what the
/// client goes on sending is no request.
fn leaves_body(problem: &Problem) -> bool {
    let name = problem.kind().name;
    matches!(problem.kind().status, 401 | 413 | 415)
        || name == table::UNKNOWN_PATH.name
        || name == table::METHOD_NOT_ALLOWED.name
}

pub(crate) fn finish(app: &App, asked: &Circumstances, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, header_value(&asked.request_id));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if app.options().secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// INVARIANT (no-secrets-logged): a path is logged when it is one of ours, and as its pattern when it names a person or holds a token; never its query string.
fn logged_path(request: &Request) -> String {
    match request.extensions().get::<MatchedPath>() {
        None => "unknown".to_owned(),
        Some(pattern) if ["{user}", "{token}"].iter().any(|part| pattern.as_str().contains(part)) => {
            pattern.as_str().to_owned()
        }
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
