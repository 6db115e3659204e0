//! Events as they come: server-sent events that go on from `Last-Event-ID`.
//!
//! A stream sends page after page of what its reader may read, then waits until events of the place are committed. Each page is authorised
//! like a request of its own, so a stream ends when its session does, and shows nothing of an area that its reader may read no more.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use forecourt_auth::Principal;
use forecourt_base::{Scope, limits};
use forecourt_runtime::{Acting, KernelError};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Instant;

use crate::app::App;
use crate::problem::Problem;
use crate::request::Asked;
use crate::{table, views};

/// Whether the request asks for a stream rather than for a page.
pub(crate) fn wanted(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all("accept").iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepts.flat_map(|value| value.split(','));
    kinds.any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream")))
}

/// Where a client that connects again wants to go on.
pub(crate) fn last_id(headers: &HeaderMap) -> Option<String> {
    headers.get("last-event-id")?.to_str().ok().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// A reader of events.
struct Reader {
    app: App,
    asked: Asked,
    principal: Arc<Principal>,
    scope: Scope,
    topics: Vec<String>,
    after: Option<String>,
    changed: watch::Receiver<()>,
    out: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

/// Begins a stream behind `after`; without it with the events that come from now on.
pub(crate) async fn begin(
    app: &App,
    asked: Asked,
    principal: Arc<Principal>,
    scope: Scope,
    topics: Vec<String>,
    after: Option<String>,
) -> Result<Response, Problem> {
    let place = app.stream_place().ok_or_else(|| Problem::new(&table::FULL).limit("EVENT_STREAMS"))?;
    let changed = app.kernel().listen(&scope);
    let (out, mut chunks) = mpsc::channel(1);
    let after = match after {
        Some(after) => Some(after),
        None => Some(app.kernel().newest_cursor().to_string()),
    };
    let mut reader = Reader { app: app.clone(), asked, principal, scope, topics, after, changed, out, _place: place };
    // What is refused is refused with a status, not within a stream.
    let first = reader.page().await?;
    tokio::spawn(reader.run(first));
    let body =
        futures::stream::poll_fn(move |context| chunks.poll_recv(context).map(|chunk| chunk.map(Ok::<_, Infallible>)));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

impl Reader {
    /// The next page as text, and whether there is more at once.
    async fn page(&mut self) -> Result<(String, bool), KernelError> {
        let acting = Acting { principal: &self.principal, request_id: &self.asked.0.request_id };
        let kernel = self.app.kernel();
        let read =
            kernel.events(acting, &self.scope, &self.topics, self.after.as_deref(), limits::PAGE_ROWS_DEFAULT).await?;
        let mut text = String::new();
        for placed in &read.items {
            let event = views::event(placed);
            text.push_str(&format!("id: {}\nevent: {}\ndata: {event}\n\n", placed.cursor, placed.event.topic));
        }
        if let Some(last) = &read.last {
            self.after = Some(last.clone());
        }
        Ok((text, read.next.is_some()))
    }

    async fn run(mut self, first: (String, bool)) {
        let (mut text, mut more) = first;
        // An answer that is begun shows that the stream stands.
        text.insert_str(0, ": events\n\n");
        let mut sent = Instant::now();
        loop {
            if text.is_empty() && sent.elapsed() >= Duration::from_millis(limits::EVENT_STREAM_HEARTBEAT_MS) {
                text.push_str(": nothing\n\n");
            }
            if !text.is_empty() {
                if self.out.send(Bytes::from(std::mem::take(&mut text))).await.is_err() {
                    return;
                }
                sent = Instant::now();
            }
            if !more && !self.wait().await {
                return;
            }
            match self.page().await {
                Ok(read) => (text, more) = read,
                Err(error) => {
                    tracing::debug!(%error, scope = %self.scope, "a stream of events ended");
                    return;
                }
            }
        }
    }

    /// Waits for events of the place, or until it is time to look whether the reader may still read: whether the stream goes on.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            changed = self.changed.changed() => changed.is_ok() && !self.app.is_stopping(),
            () = self.out.closed() => false,
            () = tokio::time::sleep(LOOK) => !self.app.is_stopping(),
        }
    }
}

/// How soon a stream ends after a stop was asked for, or after its session ended, where no event comes before.
const LOOK: Duration = Duration::from_millis(1_000);
