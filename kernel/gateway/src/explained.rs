//! Connections on which what is no HTTP is refused by a problem too.
//!
//! INVARIANT (explained-refusals): a head that can't be read never gets to a handler. The library that reads it answers by itself, with a status and
//! nothing else, as the last thing on the connection; in its place goes a problem. Such an answer is known by having no request id, which every
//! answer of ours has. No body of ours holds the bytes of a head, since JSON escapes line ends.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::HeaderMap;
use axum::response::Response;
use futures::FutureExt;
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::app::App;
use crate::outer::finish;
use crate::problem::Problem;
use crate::request::{Circumstances, Peer, REQUEST_ID};
use crate::server::HEAD_BYTES;
use crate::table;

const HEAD_END: &[u8] = b"\r\n\r\n";
const STATUS_LINE: &[u8] = b"HTTP/1.";

/// A connection whose bare refusals are explained.
#[derive(Debug)]
pub(crate) struct Explained<S> {
    stream: S,
    app: App,
    peer: SocketAddr,
    /// What goes out in the place of what was taken, from `sent` on.
    instead: Vec<u8>,
    sent: usize,
}

impl<S: AsyncWrite + Unpin> Explained<S> {
    pub(crate) fn new(stream: S, app: App, peer: SocketAddr) -> Self {
        Self { stream, app, peer, instead: Vec::new(), sent: 0 }
    }

    /// Takes `bytes` when they end in a bare refusal.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let Some((before, status)) = bare_refusal(bytes) else { return false };
        self.instead = [before, &problem(status, &self.app, self.peer)].concat();
        self.sent = 0;
        true
    }

    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.instead.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What stands before a bare refusal at the end of `bytes`, and its status.
fn bare_refusal(bytes: &[u8]) -> Option<(&[u8], u16)> {
    if !bytes.ends_with(HEAD_END) {
        return None;
    }
    let at = bytes.windows(STATUS_LINE.len()).rposition(|window| window == STATUS_LINE)?;
    let (before, head) = bytes.split_at_checked(at)?;
    let id = REQUEST_ID;
    let id = id.as_str().as_bytes();
    if head.windows(id.len()).any(|window| window.eq_ignore_ascii_case(id)) {
        return None;
    }
    let status = std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()?;
    (400..600).contains(&status).then_some((before, status))
}

/// The answer with this status. Nothing is known of its reader's language.
fn problem(status: u16, app: &App, peer: SocketAddr) -> Vec<u8> {
    let problem = match status {
        414 => Problem::new(&table::ADDRESS_TOO_LONG),
        431 => Problem::new(&table::HEAD_TOO_LARGE).word("max", HEAD_BYTES),
        _ => Problem::new(&table::NOT_HTTP),
    };
    let kernel = app.kernel();
    let asked = Circumstances::of(&HeaderMap::new(), Some(Peer(peer)), kernel.clock(), kernel.numbers());
    let mut response = problem.render(&asked);
    finish(app, &asked, &mut response);
    app.answered(response.status().as_u16());
    tracing::info!(target: "forecourt_gateway::access", status, problem = problem.kind().name, %peer, "answered");
    written(response)
}

fn written(response: Response) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let body = body.collect().now_or_never().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    let reason = parts.status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\nconnection: close\r\n", parts.status.as_u16()).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        if self.take(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        let last = slices.iter().rfind(|slice| !slice.is_empty());
        if last.is_some_and(|last| last.ends_with(HEAD_END)) {
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            if self.take(&bytes) {
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_without_an_id_is_bare() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(bare_refusal(bare), Some((&b""[..], 431)));
        let ours = b"HTTP/1.1 404 Not Found\r\nX-Request-Id: a\r\n\r\n";
        assert_eq!(bare_refusal(ours), None);
        let both = [&b"HTTP/1.1 200 OK\r\nx-request-id: a\r\ncontent-length: 2\r\n\r\n{}"[..], bare].concat();
        assert_eq!(
            bare_refusal(&both).map(|(before, status)| (before.len(), status)),
            Some((both.len() - bare.len(), 431))
        );
        for other in
            [&b"HTTP/1.1 100 Continue\r\n\r\n"[..], b"{\"text\": \"HTTP/1.1 400\"}", b"\r\n\r\n", b"HTTP/1.1 4\r\n\r\n"]
        {
            assert_eq!(bare_refusal(other), None);
        }
    }
}
