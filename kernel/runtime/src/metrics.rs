//! What the kernel counts, as Prometheus text.
//!
//! Calls are counted by store, plugin and operation. What is counted is atomic, and where it is counted is found under a read lock that nobody
//! holds for writing but when a series is new. So that callers cannot make series without end, what nobody serves is one series, and
//! those beyond [`limits::METRIC_SERIES`] are counted together.

mod series;
mod text;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use forecourt_base::{OperationPath, PluginName, Scope, limits};
use forecourt_registry::Module;
use forecourt_storage::Usage;
use series::Series;
use text::Text;

use crate::hook::Hook;

/// What one root call or hook run used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) took: Duration,
    pub(crate) cpu_ms: u64,
    /// The most linear memory that the instances of its tree had at once.
    pub(crate) memory_bytes: usize,
    pub(crate) storage: Usage,
}

impl Used {
    /// Adds what another attempt used.
    pub(crate) fn and(&mut self, other: &Self) {
        self.took += other.took;
        self.cpu_ms += other.cpu_ms;
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.storage.writes += other.storage.writes;
        self.storage.write_bytes += other.storage.write_bytes;
        self.storage.rows_read += other.storage.rows_read;
        self.storage.bytes_read += other.storage.bytes_read;
    }
}

type Operations = HashMap<OperationPath, Series>;

/// Counters since the start of the process.
#[derive(Debug, Default)]
pub struct Metrics {
    places: RwLock<HashMap<Scope, HashMap<PluginName, Operations>>>,
    count: AtomicUsize,
    /// Calls that ended before it was known who serves them.
    unserved: Series,
    /// Calls of the series that are too many.
    others: Series,
    conflicts: AtomicU64,
    /// Attempts of outbound requests, by plugin and the class of their answer.
    outbound: Mutex<BTreeMap<(PluginName, &'static str), u64>>,
}

impl Metrics {
    /// A root call that a plugin served, or would have.
    pub(crate) fn call(
        &self,
        (scope, plugin): (&Scope, &PluginName),
        operation: &OperationPath,
        outcome: Result<(), &'static str>,
        used: &Used,
    ) {
        self.with((scope, plugin), operation, |series| series.call(outcome, used));
    }

    /// A root call, of which it may have ended before it was known who serves it.
    pub(crate) fn root(
        &self,
        (scope, served): (&Scope, Option<&Module>),
        operation: &OperationPath,
        outcome: Result<(), &'static str>,
        used: &Used,
    ) {
        match served {
            Some(module) => self.call((scope, &module.plugin), operation, outcome, used),
            None => self.unserved.call(outcome, used),
        }
    }

    /// A call by another plugin, within a root call that counts what both use.
    pub(crate) fn nested(
        &self,
        (scope, plugin): (&Scope, &PluginName),
        operation: &OperationPath,
        outcome: Result<(), &'static str>,
    ) {
        self.with((scope, plugin), operation, |series| series.nested(outcome));
    }

    /// A run of a plugin's hook: the operation `kernel/<interface>/<function>`.
    pub(crate) fn hook(
        &self,
        (scope, plugin): (&Scope, &PluginName),
        hook: Hook,
        outcome: Result<(), &'static str>,
        used: &Used,
    ) {
        if let Ok(operation) = OperationPath::new("kernel", hook.interface, hook.function) {
            self.call((scope, plugin), &operation, outcome, used);
        }
    }

    /// An attempt of an outbound request, and the class of its answer: `2xx` and the like, or `no-answer`.
    pub(crate) fn outbound(&self, plugin: &PluginName, class: &'static str) {
        let mut outbound = self.outbound.lock().unwrap_or_else(PoisonError::into_inner);
        *outbound.entry((plugin.clone(), class)).or_default() += 1;
    }

    pub(crate) fn conflict(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    fn with(&self, (scope, plugin): (&Scope, &PluginName), operation: &OperationPath, count: impl Fn(&Series)) {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = places.get(scope).and_then(|plugins| plugins.get(plugin)?.get(operation)) {
            return count(series);
        }
        drop(places);
        if self.count.fetch_add(1, Ordering::Relaxed) >= limits::METRIC_SERIES {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return count(&self.others);
        }
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let operations = places.entry(scope.clone()).or_default().entry(plugin.clone()).or_default();
        if operations.contains_key(operation) {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        count(operations.entry(operation.clone()).or_default());
    }

    /// All counters in Prometheus' text format.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(String, &Series)> = Vec::new();
        for (scope, plugins) in &*places {
            for (plugin, operations) in plugins {
                let labelled = |(operation, series)| (text::labels(scope, plugin, operation), series);
                all.extend(operations.iter().map(labelled));
            }
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.push((text::no_labels("unserved"), &self.unserved));
        all.push((text::no_labels("other"), &self.others));
        let mut text = Text::default();
        text.series(&all);
        text.counter(
            "forecourt_conflicts_total",
            "attempts that met a conflict",
            self.conflicts.load(Ordering::Relaxed),
        );
        let outbound = self.outbound.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts =
            outbound.iter().map(|((plugin, class), count)| (format!("plugin=\"{plugin}\",answer=\"{class}\""), *count));
        text.counters("forecourt_outbound_attempts_total", "attempts of outbound requests by answer", attempts);
        text.into()
    }
}

#[cfg(test)]
mod tests;
