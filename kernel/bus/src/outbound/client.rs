//! The client that sends outbound requests: one connection for each, to an address that was checked, and no step further than asked.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forecourt_base::limits;
use ureq::config::Config;
use ureq::http::{HeaderMap, Uri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error, http};

use super::address::Outlets;
use super::host::host_of;

/// A request as it goes out, secrets included: never logged.
pub struct Wire {
    /// One of [`METHODS`](super::METHODS).
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// The value of `Idempotency-Key`.
    pub idempotency_key: String,
}

/// What was answered, whatever the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, those of the connection and cookies left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it asks to wait before it is asked again.
    pub retry_after_s: Option<u64>,
}

impl Answer {
    /// Whether another attempt may end better: 429 and 5xx.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.status == 429 || self.status >= 500
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// It will never be sent so: a stable code.
    Refused(&'static str),
    /// It may have arrived or not, and another attempt may end better: a stable code.
    Passing(&'static str),
    /// It arrived, and the answer cannot be taken: a stable code.
    Unreadable(&'static str),
}

/// Sends requests. Blocks its thread while it does.
#[derive(Debug, Clone)]
pub struct Client {
    outlets: Arc<Outlets>,
}

/// Answers a name's addresses when all of them may be connected to. INVARIANT (public-addresses): what it answers is what is connected to.
#[derive(Debug)]
struct Checked {
    inner: DefaultResolver,
    outlets: Arc<Outlets>,
    refused: Arc<AtomicBool>,
}

impl Resolver for Checked {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        if addresses.iter().all(|address: &SocketAddr| self.outlets.allows(address.ip())) {
            return Ok(addresses);
        }
        self.refused.store(true, Ordering::Relaxed);
        Err(Error::HostNotFound)
    }
}

impl Client {
    /// A client that keeps to `outlets`.
    #[must_use]
    pub fn new(outlets: Arc<Outlets>) -> Self {
        Self { outlets }
    }

    /// What the deployment allows.
    #[must_use]
    pub fn outlets(&self) -> &Outlets {
        &self.outlets
    }

    /// Sends a request once and reads its answer. Redirects are answers like others.
    ///
    /// # Errors
    /// [`NotSent`].
    pub fn send(&self, wire: &Wire) -> Result<Answer, NotSent> {
        let host = host_of(&wire.url).ok_or(NotSent::Refused("bad-url"))?;
        if !host.secure && !self.outlets.plain.contains(&host.name) {
            return Err(NotSent::Refused("not-encrypted"));
        }
        let refused = Arc::new(AtomicBool::new(false));
        let resolver = Checked {
            inner: DefaultResolver::default(),
            outlets: Arc::clone(&self.outlets),
            refused: Arc::clone(&refused),
        };
        let agent = Agent::with_parts(config(), DefaultConnector::default(), resolver);
        let mut request = http::Request::builder()
            .method(wire.method.as_str())
            .uri(&wire.url)
            .header("idempotency-key", &wire.idempotency_key);
        for (name, value) in &wire.headers {
            request = request.header(name, value);
        }
        let answered = match &wire.body {
            Some(body) => request.body(body.as_str()).map(|request| agent.run(request)),
            None => request.body(()).map(|request| agent.run(request)),
        };
        match answered {
            Err(_) => Err(NotSent::Refused("bad-request")),
            Ok(Ok(response)) => read(response),
            Ok(Err(_)) if refused.load(Ordering::Relaxed) => Err(NotSent::Refused("address-refused")),
            Ok(Err(error)) => Err(told(&error)),
        }
    }
}

fn config() -> Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .max_idle_connections(0)
        .timeout_connect(Some(Duration::from_millis(limits::OUTBOUND_CONNECT_MS)))
        .timeout_global(Some(Duration::from_millis(limits::OUTBOUND_MS)))
        .max_response_header_size(limits::OUTBOUND_ANSWER_HEAD_BYTES)
        .accept_encoding("")
        .user_agent(concat!("forecourt/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// What of a failure may be told: the library's own words could hold what was sent.
fn told(error: &Error) -> NotSent {
    match error {
        Error::Timeout(_) => NotSent::Passing("timeout"),
        Error::HostNotFound => NotSent::Passing("host-not-found"),
        Error::LargeResponseHeader(..) => NotSent::Unreadable("answer-too-large"),
        Error::BadUri(_) | Error::Http(_) => NotSent::Refused("bad-request"),
        Error::Rustls(_) | Error::Tls(_) => NotSent::Passing("not-trusted"),
        _ => NotSent::Passing("connection-failed"),
    }
}

fn read(response: http::Response<ureq::Body>) -> Result<Answer, NotSent> {
    let (head, body) = response.into_parts();
    let mut bytes = Vec::new();
    let limit = limits::OUTBOUND_ANSWER_BYTES as u64;
    let mut reader = body.into_reader().take(limit + 1);
    reader.read_to_end(&mut bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::TimedOut => NotSent::Passing("timeout"),
        _ => NotSent::Passing("connection-failed"),
    })?;
    if bytes.len() > limits::OUTBOUND_ANSWER_BYTES {
        return Err(NotSent::Unreadable("answer-too-large"));
    }
    let retry_after_s = head.headers.get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Ok(Answer { status: head.status.as_u16(), headers: kept(&head.headers), body: bytes, retry_after_s })
}

/// The headers that tell something of the answer.
fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    const DROPPED: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let kept = headers.iter().filter(|(name, _)| !DROPPED.contains(&name.as_str()));
    kept.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests;
