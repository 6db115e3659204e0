//! Prometheus' text format (version 0.0.4).

use std::fmt::{Display, Write as _};
use std::time::Duration;

use forecourt_base::{OperationPath, PluginName, Scope};

use super::series::{BUCKETS_US, Series, Totals};

/// The labels of a series. Ids hold nothing that would have to be escaped.
pub(super) fn labels(scope: &Scope, plugin: &PluginName, operation: &OperationPath) -> String {
    let store = scope.store.as_ref().map_or("", |store| store.as_str());
    format!("group=\"{}\",store=\"{store}\",plugin=\"{plugin}\",operation=\"{operation}\"", scope.group)
}

/// The labels of calls that belong to no plugin.
pub(super) fn no_labels(operation: &str) -> String {
    format!("group=\"\",store=\"\",plugin=\"\",operation=\"{operation}\"")
}

/// Text that grows.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{{{labels}}} {value}");
    }

    /// A counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// A counter by labels.
    pub(super) fn counters(&mut self, name: &str, help: &str, all: impl Iterator<Item = (String, u64)>) {
        self.head(name, "counter", help);
        for (labels, value) in all {
            self.line(name, &labels, value);
        }
    }

    /// All that is counted of operations; series in which nothing came are left out.
    pub(super) fn series(&mut self, all: &[(String, &Series)]) {
        self.head("forecourt_calls_total", "counter", "root calls and hook runs by outcome");
        for (labels, series) in all {
            for (outcome, count) in series.outcomes.all() {
                self.line("forecourt_calls_total", &format!("{labels},outcome=\"{outcome}\""), count);
            }
        }
        self.head("forecourt_nested_calls_total", "counter", "calls by other plugins, by outcome");
        for (labels, series) in all {
            for (outcome, count) in series.nested.all() {
                self.line("forecourt_nested_calls_total", &format!("{labels},outcome=\"{outcome}\""), count);
            }
        }
        let totals: Vec<(&str, Totals)> =
            all.iter().map(|(labels, series)| (labels.as_str(), series.totals())).collect();
        let called: Vec<_> = totals.into_iter().filter(|(_, totals)| totals.calls() > 0).collect();
        self.head("forecourt_call_seconds", "histogram", "from the start of a root call or hook run to its end");
        for (labels, totals) in &called {
            self.histogram(labels, totals);
        }
        self.each(&called, "forecourt_call_cpu_seconds_total", "counter", "processor time of guests", |t| {
            t.cpu_seconds
        });
        let memory = "most linear memory that one call tree had at once";
        self.each(&called, "forecourt_call_memory_peak_bytes", "gauge", memory, |t| t.memory_peak);
        self.each(&called, "forecourt_storage_rows_read_total", "counter", "records read", |t| t.rows_read);
        self.each(&called, "forecourt_storage_read_bytes_total", "counter", "bytes of values read", |t| t.bytes_read);
        self.each(&called, "forecourt_storage_writes_total", "counter", "records written, undone ones too", |t| {
            t.writes
        });
        let written = "bytes of keys, values and index entries written, undone ones too";
        self.each(&called, "forecourt_storage_written_bytes_total", "counter", written, |t| t.bytes_written);
    }

    fn histogram(&mut self, labels: &str, totals: &Totals) {
        let ends = BUCKETS_US.iter().map(|upper| Duration::from_micros(*upper).as_secs_f64().to_string());
        for (end, count) in ends.chain(["+Inf".to_owned()]).zip(totals.cumulative) {
            self.line("forecourt_call_seconds_bucket", &format!("{labels},le=\"{end}\""), count);
        }
        self.line("forecourt_call_seconds_sum", labels, totals.seconds);
        self.line("forecourt_call_seconds_count", labels, totals.calls());
    }

    fn each<V: Display>(
        &mut self,
        all: &[(&str, Totals)],
        name: &str,
        kind: &str,
        help: &str,
        value: impl Fn(&Totals) -> V,
    ) {
        self.head(name, kind, help);
        for (labels, totals) in all {
            self.line(name, labels, value(totals));
        }
    }
}

impl Totals {
    fn calls(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or_default()
    }
}
