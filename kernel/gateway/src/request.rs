//! What is known of a request beside what it asks for: who connected, its id, its trace, its reader's language.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use forecourt_auth::Principal;
use forecourt_base::{Clock, Random, TraceContext, uuid_v7};

use crate::language::Language;
use crate::problem::Problem;
use crate::table;

/// The other end of the connection. [`serve`](crate::serve) adds it to each request's extensions; whoever drives the router in another way does so, too.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID_BYTES: usize = 64;

/// The circumstances of one request.
#[derive(Debug)]
pub(crate) struct Circumstances {
    pub(crate) request_id: String,
    /// The trace that the request is part of, as its `traceparent` says.
    pub(crate) trace: Option<TraceContext>,
    pub(crate) language: Language,
    /// Where the request came from; none when the router is driven without [`Peer`].
    pub(crate) peer: Option<SocketAddr>,
    /// `group/user` once the sender is known.
    pub(crate) actor: OnceLock<String>,
}

/// The circumstances as handlers are given them.
#[derive(Debug, Clone)]
pub(crate) struct Asked(pub(crate) Arc<Circumstances>);

impl Circumstances {
    pub(crate) fn of(headers: &HeaderMap, peer: Option<Peer>, clock: &dyn Clock, random: &dyn Random) -> Self {
        Self {
            request_id: given_id(headers).map_or_else(|| uuid_v7(clock.now(), random), str::to_owned),
            trace: headers.get(TRACEPARENT).and_then(|text| TraceContext::parse(text.to_str().ok()?)),
            language: Language::preferred(headers),
            peer: peer.map(|Peer(address)| address),
            actor: OnceLock::new(),
        }
    }

    /// The address that failed sign-ins are counted under.
    pub(crate) fn address(&self) -> IpAddr {
        self.peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical())
    }

    pub(crate) fn sent_by(&self, principal: &Principal) {
        let group = principal.group.as_ref().map_or("", |group| group.as_str());
        let _ = self.actor.set(format!("{group}/{}", principal.user));
    }
}

/// The client's own id for the request, when it is short and can stand in logs and headers as it is.
fn given_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    ((1..=REQUEST_ID_BYTES).contains(&id.len()) && id.bytes().all(safe)).then_some(id)
}

/// A header's value of text that was checked or made here.
pub(crate) fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(&table::INTERNAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap())])
    }

    #[test]
    fn ids_of_clients_are_taken_when_they_are_harmless() {
        for good in ["a", "2f1c-77_x.y", &"x".repeat(64)] {
            assert_eq!(given_id(&headers(&REQUEST_ID, good)), Some(good));
        }
        for bad in ["", "a b", "a\"b", "编号", "a/b", &"x".repeat(65)] {
            assert_eq!(given_id(&headers(&REQUEST_ID, bad)), None, "{bad}");
        }
        assert_eq!(given_id(&HeaderMap::new()), None);
    }
}
