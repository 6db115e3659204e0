//! Spans: what was part of what, and how long it took. Nobody takes them unless the kernel is given a [`SpanSink`]; then a root call costs two
//! readings of the time and a hand-over, and so does each nested call in it.

use std::fmt;

use forecourt_base::{OperationPath, Timestamp, TraceContext};
use forecourt_registry::Module;
use tokio::time::Instant;

use crate::kernel::Kernel;
use crate::tree::Origin;

/// What a span is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// A call from outside.
    Server,
    /// A nested call.
    Internal,
    /// A plugin's own handler or job step.
    Consumer,
}

/// A piece of work that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its place in its trace.
    pub context: TraceContext,
    /// The span that it was part of.
    pub parent: Option<[u8; 8]>,
    /// Work of other traces that led to it.
    pub links: Vec<TraceContext>,
    /// What it was: an operation, `repair/orders/approve`, or a hook, `kernel/job/step`.
    pub name: String,
    /// What it is of.
    pub kind: SpanKind,
    /// Its start in nanoseconds since 1970.
    pub start_ns: u64,
    /// Its end in nanoseconds since 1970.
    pub end_ns: u64,
    /// What is known of it, by name. Ids only.
    pub attributes: Vec<(&'static str, String)>,
    /// A stable word for how it failed, where it did.
    pub error: Option<&'static str>,
}

/// Who takes spans. It must not wait: calls do.
pub trait SpanSink: fmt::Debug + Send + Sync {
    /// Takes a span, or drops it where it has too many.
    fn take(&self, span: Span);
}

/// A span that has begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    pub(crate) context: TraceContext,
    parent: Option<[u8; 8]>,
    at: Instant,
    start_ns: u64,
}

impl Begun {
    /// A span within this one.
    pub(crate) fn child(&self, id: u64) -> Self {
        let at = Instant::now();
        let later_ns = u64::try_from((at - self.at).as_nanos()).unwrap_or(0);
        let context = TraceContext { span: span_id(id), ..self.context };
        Self { context, parent: Some(self.context.span), at, start_ns: self.start_ns.saturating_add(later_ns) }
    }

    fn end(&self, name: String, kind: SpanKind, error: Option<&'static str>) -> Span {
        let took_ns = u64::try_from(self.at.elapsed().as_nanos()).unwrap_or(0);
        Span {
            context: self.context,
            parent: self.parent,
            links: Vec::new(),
            name,
            kind,
            start_ns: self.start_ns,
            end_ns: self.start_ns.saturating_add(took_ns),
            attributes: Vec::new(),
            error,
        }
    }
}

/// What spans tell of the call tree and the plugin that they are of.
pub(crate) fn attributes(origin: &Origin, module: Option<&Module>) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("forecourt.group", origin.scope.group.to_string()),
        ("forecourt.request_id", origin.request_id.to_string()),
    ];
    attributes.extend(origin.scope.store.as_ref().map(|store| ("forecourt.store", store.to_string())));
    if let Some(Module { plugin, version, .. }) = module {
        attributes.extend([("forecourt.plugin", plugin.to_string()), ("forecourt.version", version.to_string())]);
    }
    attributes
}

fn span_id(number: u64) -> [u8; 8] {
    number.max(1).to_be_bytes()
}

impl Kernel {
    /// Begins the span of a root call or hook run; none where nobody takes it.
    pub(crate) fn begin_span(&self, parent: Option<TraceContext>, now: Timestamp) -> Option<Begun> {
        self.spans()?;
        if parent.is_some_and(|parent| !parent.sampled) {
            return None;
        }
        let fresh = || {
            let mut trace = [0; 16];
            let numbers = [self.next_seed().max(1), self.next_seed()];
            trace
                .iter_mut()
                .zip(numbers.iter().flat_map(|number| number.to_be_bytes()))
                .for_each(|(to, from)| *to = from);
            trace
        };
        let trace = parent.map_or_else(fresh, |parent| parent.trace);
        let context = TraceContext { trace, span: span_id(self.next_seed()), sampled: true };
        let start_ns = u64::try_from(now.as_millis()).unwrap_or(0).saturating_mul(1_000_000);
        Some(Begun { context, parent: parent.map(|parent| parent.span), at: Instant::now(), start_ns })
    }

    /// Ends the span of a root call.
    pub(crate) fn end_root(
        &self,
        origin: &Origin,
        operation: &OperationPath,
        served: Option<&Module>,
        error: Option<&'static str>,
    ) {
        if let Some(begun) = &origin.span {
            let name = (operation.to_string(), SpanKind::Server);
            self.end_span(begun, name, error, |span| span.attributes = attributes(origin, served));
        }
    }

    /// Ends a span and hands it over.
    pub(crate) fn end_span(
        &self,
        begun: &Begun,
        (name, kind): (String, SpanKind),
        error: Option<&'static str>,
        more: impl FnOnce(&mut Span),
    ) {
        if let Some(sink) = self.spans() {
            let mut span = begun.end(name, kind, error);
            more(&mut span);
            sink.take(span);
        }
    }
}
