//! Spans to a collector, by OTLP over HTTP in its JSON encoding.
//!
//! The protocol's own crates bring a second HTTP client, protobuf and some forty packages for what is one POST of JSON, which every collector takes; so the
//! encoding is written here, and sent by the client that the commands use. It speaks http alone: a collector stands beside the kernel, and what leaves
//! the machine goes through it. Spans are handed over in a queue that never waits: what does not fit is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use forecourt_base::limits;
use forecourt_runtime::{Span, SpanKind, SpanSink};
use serde_json::{Value, json};

use crate::failure::Failure;

/// Spans are sent when so many have come, or after so long.
const BATCH: usize = 512;
const WAIT: Duration = Duration::from_secs(1);
/// How long a collector has to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// A collector that does not answer is told of no more often than this.
const SILENCE: Duration = Duration::from_secs(60);

/// Hands spans to a thread that sends them.
#[derive(Debug)]
pub(crate) struct Exporter {
    queue: SyncSender<Span>,
    dropped: Arc<AtomicU64>,
}

impl Exporter {
    /// Begins to send spans to a collector, `http://host:4318`.
    pub(crate) fn begin(endpoint: &str) -> Result<Arc<Self>, Failure> {
        if !endpoint.starts_with("http://") {
            let what = format!("`{endpoint}` is not a URL that begins with http://, such as http://127.0.0.1:4318");
            return Err(Failure::usage(what));
        }
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let (queue, spans) = sync_channel(limits::SPANS_QUEUED);
        let dropped = Arc::new(AtomicU64::new(0));
        let sender = Sender { agent: agent(), url, dropped: Arc::clone(&dropped), told: None };
        std::thread::Builder::new().name("otlp".to_owned()).spawn(move || sender.run(&spans))?;
        Ok(Arc::new(Self { queue, dropped }))
    }
}

impl SpanSink for Exporter {
    fn take(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(ANSWER))
        .user_agent(concat!("forecourt/", env!("CARGO_PKG_VERSION")));
    config.build().new_agent()
}

struct Sender {
    agent: ureq::Agent,
    url: String,
    dropped: Arc<AtomicU64>,
    /// When it was last told that the collector does not answer.
    told: Option<Instant>,
}

impl Sender {
    /// Sends until nobody hands over any more.
    fn run(mut self, spans: &Receiver<Span>) {
        loop {
            let (batch, last) = gather(spans);
            if !batch.is_empty() {
                self.send(&batch);
            }
            if last {
                return;
            }
        }
    }

    fn send(&mut self, batch: &[Span]) {
        let body = body(batch).to_string();
        let request = self.agent.post(&self.url).header("content-type", "application/json");
        let failed = match request.send(body.as_bytes()) {
            Ok(answer) if answer.status().is_success() => return self.told = None,
            Ok(answer) => format!("it answered {}", answer.status()),
            Err(error) => error.to_string(),
        };
        let dropped = self.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed) + batch.len() as u64;
        if self.told.is_none_or(|told| told.elapsed() >= SILENCE) {
            self.told = Some(Instant::now());
            tracing::warn!(collector = self.url, failed, dropped, "spans were not sent");
        }
    }
}

/// Spans until there are enough, or it has taken long enough; and whether they are the last.
fn gather(spans: &Receiver<Span>) -> (Vec<Span>, bool) {
    let mut batch = Vec::new();
    let Ok(first) = spans.recv() else { return (batch, true) };
    batch.push(first);
    let until = Instant::now() + WAIT;
    while batch.len() < BATCH {
        match spans.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(span) => batch.push(span),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return (batch, true),
        }
    }
    (batch, false)
}

fn body(batch: &[Span]) -> Value {
    let attribute = |(key, value): &(&str, &str)| json!({ "key": key, "value": { "stringValue": value } });
    let resource = [("service.name", "forecourt"), ("service.version", env!("CARGO_PKG_VERSION"))];
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource.iter().map(attribute).collect::<Vec<_>>() },
        "scopeSpans": [{ "scope": { "name": "forecourt" }, "spans": batch.iter().map(span).collect::<Vec<_>>() }],
    }] })
}

/// A span as OTLP's JSON has it: ids in hexadecimal, 64-bit integers as text.
fn span(span: &Span) -> Value {
    let attributes = span.attributes.iter().map(|(key, value)| (*key, value.as_str()));
    let error = span.error.map(|error| ("error.type", error));
    let attributes =
        attributes.chain(error).map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } }));
    let links = span.links.iter().map(|link| json!({ "traceId": hex(&link.trace), "spanId": hex(&link.span) }));
    let kind = match span.kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Consumer => 5,
    };
    let mut told = json!({
        "traceId": hex(&span.context.trace),
        "spanId": hex(&span.context.span),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": span.start_ns.to_string(),
        "endTimeUnixNano": span.end_ns.to_string(),
        "attributes": attributes.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "status": if span.error.is_some() { json!({ "code": 2 }) } else { json!({}) },
    });
    if let (Some(parent), Some(told)) = (&span.parent, told.as_object_mut()) {
        told.insert("parentSpanId".to_owned(), hex(parent).into());
    }
    told
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecourt_base::TraceContext;

    #[test]
    fn spans_are_told_in_the_json_of_otlp() {
        let context = TraceContext { trace: [1; 16], span: [2; 8], sampled: true };
        let told = Span {
            context,
            parent: Some([3; 8]),
            links: vec![TraceContext { trace: [4; 16], span: [5; 8], sampled: true }],
            name: "repair/orders/approve".to_owned(),
            kind: SpanKind::Server,
            start_ns: 1_768_032_000_000_000_000,
            end_ns: 1_768_032_000_001_500_000,
            attributes: vec![("forecourt.plugin", "repair".to_owned())],
            error: Some("domain"),
        };
        insta::assert_json_snapshot!(span(&told));
    }

    #[test]
    fn what_no_collector_can_be_is_refused() {
        assert!(
            Exporter::begin("https://collector.example").unwrap_err().to_string().contains("http://127.0.0.1:4318")
        );
    }
}
