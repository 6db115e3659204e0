//! What the kernel counts, as Prometheus text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use forecourt_base::{OperationPath, PluginName};

use crate::hook::Hook;

/// Upper ends of the buckets of call durations, in microseconds.
const BUCKETS_US: [u64; 10] = [500, 1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_000_000];

/// Series of operations that are counted apart; those beyond are counted under `other`.
const OPERATIONS: usize = 2_000;

#[derive(Debug, Default)]
struct Operation {
    outcomes: BTreeMap<&'static str, u64>,
    buckets: [u64; BUCKETS_US.len()],
    calls: u64,
    micros: u64,
}

/// Counters since the start of the process.
#[derive(Debug, Default)]
pub struct Metrics {
    operations: Mutex<BTreeMap<String, Operation>>,
    cpu_ms: Mutex<BTreeMap<String, u64>>,
    conflicts: AtomicU64,
    /// Attempts of outbound requests by plugin and the answer's class.
    outbound: Mutex<BTreeMap<(String, &'static str), u64>>,
}

impl Metrics {
    /// An attempt of an outbound request, and the class of its answer: `2xx` and the like, or `no-answer`.
    pub(crate) fn outbound(&self, plugin: &PluginName, class: &'static str) {
        let mut outbound = self.outbound.lock().unwrap_or_else(PoisonError::into_inner);
        *outbound.entry((plugin.to_string(), class)).or_default() += 1;
    }

    pub(crate) fn call(&self, operation: &OperationPath, outcome: Result<(), &'static str>, took: Duration) {
        let mut operations = self.operations.lock().unwrap_or_else(PoisonError::into_inner);
        // Names that nobody serves come from callers and would grow the table without end.
        let unknown = matches!(outcome, Err("not-found" | "denied" | "unauthenticated"));
        let mut name = if unknown { "unserved".to_owned() } else { operation.to_string() };
        if operations.len() >= OPERATIONS && !operations.contains_key(&name) {
            name = "other".to_owned();
        }
        let counted = operations.entry(name).or_default();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        *counted.outcomes.entry(outcome.err().unwrap_or("ok")).or_default() += 1;
        counted.calls += 1;
        counted.micros = counted.micros.saturating_add(micros);
        for (bucket, upper) in counted.buckets.iter_mut().zip(BUCKETS_US) {
            *bucket += u64::from(micros <= upper);
        }
    }

    /// A run of a plugin's hook; it counts as the operation `kernel/<interface>/<function>`.
    pub(crate) fn hook(&self, hook: Hook, outcome: Result<(), &'static str>, took: Duration) {
        if let Ok(operation) = OperationPath::new("kernel", hook.interface, hook.function) {
            self.call(&operation, outcome, took);
        }
    }

    pub(crate) fn conflict(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn cpu(&self, plugin: &PluginName, millis: u64) {
        if millis == 0 {
            return;
        }
        let mut cpu = self.cpu_ms.lock().unwrap_or_else(PoisonError::into_inner);
        *cpu.entry(plugin.to_string()).or_default() += millis;
    }

    /// All counters in Prometheus' text format.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let mut text = String::from("# TYPE forecourt_calls_total counter\n");
        let operations = self.operations.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, counted) in &*operations {
            for (outcome, count) in &counted.outcomes {
                let _ = writeln!(text, "forecourt_calls_total{{operation=\"{name}\",outcome=\"{outcome}\"}} {count}");
            }
        }
        text.push_str("# TYPE forecourt_call_seconds histogram\n");
        for (name, counted) in &*operations {
            for (count, upper) in counted.buckets.iter().zip(BUCKETS_US) {
                let upper = Duration::from_micros(upper).as_secs_f64();
                let _ = writeln!(text, "forecourt_call_seconds_bucket{{operation=\"{name}\",le=\"{upper}\"}} {count}");
            }
            let (calls, sum) = (counted.calls, Duration::from_micros(counted.micros).as_secs_f64());
            let _ = writeln!(text, "forecourt_call_seconds_bucket{{operation=\"{name}\",le=\"+Inf\"}} {calls}");
            let _ = writeln!(text, "forecourt_call_seconds_sum{{operation=\"{name}\"}} {sum}");
            let _ = writeln!(text, "forecourt_call_seconds_count{{operation=\"{name}\"}} {calls}");
        }
        text.push_str("# TYPE forecourt_plugin_cpu_seconds_total counter\n");
        for (plugin, millis) in &*self.cpu_ms.lock().unwrap_or_else(PoisonError::into_inner) {
            let seconds = Duration::from_millis(*millis).as_secs_f64();
            let _ = writeln!(text, "forecourt_plugin_cpu_seconds_total{{plugin=\"{plugin}\"}} {seconds}");
        }
        text.push_str("# TYPE forecourt_outbound_attempts_total counter\n");
        for ((plugin, class), count) in &*self.outbound.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ =
                writeln!(text, "forecourt_outbound_attempts_total{{plugin=\"{plugin}\",answer=\"{class}\"}} {count}");
        }
        let conflicts = self.conflicts.load(Ordering::Relaxed);
        let _ = writeln!(text, "# TYPE forecourt_conflicts_total counter\nforecourt_conflicts_total {conflicts}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_operation_and_outcome() {
        let metrics = Metrics::default();
        let operation: OperationPath = "repair/orders/approve".parse().unwrap();
        metrics.call(&operation, Ok(()), Duration::from_micros(700));
        metrics.call(&operation, Err("domain"), Duration::from_millis(3));
        metrics.call(&"x/y/z".parse().unwrap(), Err("not-found"), Duration::ZERO);
        let text = metrics.to_prometheus();
        assert!(text.contains("forecourt_calls_total{operation=\"repair/orders/approve\",outcome=\"ok\"} 1"));
        assert!(text.contains("forecourt_calls_total{operation=\"repair/orders/approve\",outcome=\"domain\"} 1"));
        assert!(text.contains("forecourt_call_seconds_bucket{operation=\"repair/orders/approve\",le=\"0.001\"} 1"));
        assert!(text.contains("operation=\"unserved\"") && !text.contains("x/y/z"));
    }
}
