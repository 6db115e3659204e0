//! The floor over HTTP: the duties that the gateway has around every call.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::header::{X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use forecourt_auth::Principal;
use forecourt_base::{OperationPath, Scope, StoreId, limits, uuid_v7};
use futures::FutureExt;
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tokio::net::TcpListener;
use tracing::Instrument;

use super::Native;
use super::call::Call;
use super::refusal::Refusal;
use crate::bench::http::{self, Peer, Stop};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// Serves until `stop` is ready, and ends storage cleanly.
pub async fn serve(native: Arc<Native>, listener: TcpListener, stop: Stop) {
    let router = Router::new()
        .route("/v1/stores/{store}/{area}/{interface}/{operation}", post(operation))
        .layer(from_fn_with_state(Arc::clone(&native), outer))
        .with_state(Arc::clone(&native));
    http::serve(listener, router, stop).await;
    native.engine.close().await.unwrap();
}

#[derive(Debug, Clone)]
struct RequestId(Arc<str>);

/// The sender of a request, signed in.
struct Signed(Arc<Principal>);

impl FromRequestParts<Arc<Native>> for Signed {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, native: &Arc<Native>) -> Result<Self, Refusal> {
        let token = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "no token"))?;
        Ok(Self(native.auth.authenticate(token).await?))
    }
}

/// A body of JSON, read within a size and a time.
struct JsonBody(Value);

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = Refusal;
    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        if request.headers().get(CONTENT_TYPE).is_none_or(|given| given != "application/json") {
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no JSON"));
        }
        let body: Limited<Body> = Limited::new(request.into_body(), limits::BODY_BYTES);
        let read = tokio::time::timeout(Duration::from_millis(limits::REQUEST_READ_MS), body.collect()).await;
        let late = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come");
        let broken = |error| Refusal::new(StatusCode::BAD_REQUEST, error);
        Ok(Self(serde_json::from_slice(&read.map_err(late)?.map_err(broken)?.to_bytes())?))
    }
}

async fn operation(
    State(native): State<Arc<Native>>,
    Signed(principal): Signed,
    Path((store, area, interface, operation)): Path<(StoreId, String, String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let not_found = |_| Refusal::new(StatusCode::NOT_FOUND, "no such operation");
    let operation = OperationPath::new(&area, &interface, &operation).map_err(not_found)?;
    let group = principal.group.clone().ok_or_else(|| Refusal::new(StatusCode::FORBIDDEN, "no group"))?;
    let scope = Scope::store(group, store);
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let id = request.extensions().get::<RequestId>().map(|RequestId(id)| id.to_string()).unwrap_or_default();
    let JsonBody(arguments) = JsonBody::from_request(request, &()).await?;
    let call = Call { principal, scope, operation, arguments, idempotency_key: key, request_id: id };
    let answer = native.call(call).await?;
    let json = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, json)], serde_json::to_vec(&answer)?).into_response())
}

async fn outer(State(native): State<Arc<Native>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let peer = request.extensions().get::<Peer>().copied();
    let id = given_id(request.headers()).unwrap_or_else(|| uuid_v7(native.clock.now(), &native.numbers).into());
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", request_id = &*id);
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let _entered = span.enter();
    let mut response = answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    tracing::info!(
        %method,
        path,
        status = response.status().as_u16(),
        micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        peer = peer.map(|Peer(address)| tracing::field::display(address)),
        "answered"
    );
    response
}

fn given_id(headers: &HeaderMap) -> Option<Arc<str>> {
    Some(headers.get(REQUEST_ID)?.to_str().ok()?.into())
}
