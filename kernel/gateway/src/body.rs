//! Bodies, read within a size and a time.
//!
//! INVARIANT (bounded-requests): a body larger than announced limits is refused before it is read where its length is told, else as soon as it is
//! over; one that does not come in time is given up.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::Bytes;
use forecourt_base::limits;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::{fields, strict, table};

/// A body of JSON; an empty one is an empty object.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Value);

/// A body of JSON with the fields of `T`.
#[derive(Debug)]
pub(crate) struct Fields<T>(pub(crate) T);

/// A component's bytes.
#[derive(Debug)]
pub(crate) struct ComponentBody(pub(crate) Bytes);

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let json = is_type(request.headers(), &["application/json"]) && in_utf8(request.headers());
        let typed = request.headers().contains_key(CONTENT_TYPE);
        if typed && !json {
            return Err(Problem::new(&table::UNSUPPORTED_MEDIA_TYPE).word("expected", "application/json"));
        }
        plain(request.headers())?;
        let bytes = read(request, limits::BODY_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Self(Value::Object(Map::new())));
        }
        // Without a content type a page of another origin could send it unasked.
        if !json {
            return Err(Problem::new(&table::UNSUPPORTED_MEDIA_TYPE).word("expected", "application/json"));
        }
        strict::parse(&bytes).map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Fields<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonBody(value) = JsonBody::from_request(request, state).await?;
        fields::read(value).map(Self)
    }
}

impl<S: Sync> FromRequest<S> for ComponentBody {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_type(request.headers(), &["application/wasm", "application/octet-stream"]) {
            return Err(Problem::new(&table::UNSUPPORTED_MEDIA_TYPE).word("expected", "application/wasm"));
        }
        plain(request.headers())?;
        read(request, limits::COMPONENT_BYTES).await.map(Self)
    }
}

fn is_type(headers: &HeaderMap, expected: &[&str]) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    expected.iter().any(|expected| essence.eq_ignore_ascii_case(expected))
}

/// JSON is UTF-8 (RFC 8259 §8.1); a sender who names another charset means other bytes.
fn in_utf8(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parameters = given.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    let charsets = parameters.filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
    charsets.into_iter().all(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

/// Bodies come as they are: what is packed is not unpacked here, for a small body could become any size.
pub(crate) fn plain(headers: &HeaderMap) -> Result<(), Problem> {
    let packed =
        headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if packed {
        return Err(Problem::new(&table::UNSUPPORTED_MEDIA_TYPE).word("expected", "Content-Encoding: identity"));
    }
    Ok(())
}

async fn read(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    read_within(request, bytes_max, Duration::from_millis(limits::REQUEST_READ_MS)).await
}

async fn read_within(request: Request, bytes_max: usize, wait: Duration) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(&table::BODY_TOO_LARGE).word("max", bytes_max);
    let told = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large());
    }
    let body: Limited<Body> = Limited::new(request.into_body(), bytes_max);
    match tokio::time::timeout(wait, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(&table::BROKEN_BODY)),
        Err(_) => Err(Problem::new(&table::REQUEST_TIMEOUT).word("seconds", wait.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn chunks(chunks: Vec<Result<&'static str, std::io::Error>>) -> Request {
        Request::new(Body::from_stream(stream::iter(chunks)))
    }

    async fn refused(request: Request) -> &'static str {
        read_within(request, 8, Duration::from_secs(5)).await.unwrap_err().kind().name
    }

    #[tokio::test]
    async fn bodies_are_read_up_to_their_limit() {
        let whole = read_within(chunks(vec![Ok("1234"), Ok("5678")]), 8, Duration::from_secs(5)).await;
        assert_eq!(whole.unwrap(), "12345678");
        assert_eq!(refused(chunks(vec![Ok("1234"), Ok("56789")])).await, "body-too-large");
    }

    #[tokio::test]
    async fn a_length_over_the_limit_is_refused_unread() {
        let mut request = Request::new(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()));
        request.headers_mut().insert(CONTENT_LENGTH, 9.into());
        assert_eq!(refused(request).await, "body-too-large");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_or_never_comes_is_given_up() {
        assert_eq!(refused(chunks(vec![Ok("1"), Err(std::io::Error::other("gone"))])).await, "broken-body");
        let pending = Request::new(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()));
        let late = read_within(pending, 8, Duration::ZERO).await.unwrap_err();
        assert_eq!(late.kind().name, "request-timeout");
    }
}
