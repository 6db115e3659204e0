//! What is counted of one operation of one plugin in one place.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::Used;

/// Upper ends of the buckets of call durations, in microseconds; dense where calls are, so that p50 and p99 can be told.
pub(super) const BUCKETS_US: [u64; 15] = [
    250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    30_000_000,
];

/// How often each outcome came.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    ok: AtomicU64,
    /// The others by their names, which are the kernel's own and so few.
    failed: RwLock<Vec<(&'static str, AtomicU64)>>,
}

impl Outcomes {
    fn count(&self, outcome: Result<(), &'static str>) {
        let Err(name) = outcome else {
            self.ok.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let found = |failed: &[(&'static str, AtomicU64)]| {
            let count = failed.iter().find(|(known, _)| *known == name).map(|(_, count)| count);
            count.map(|count| count.fetch_add(1, Ordering::Relaxed)).is_some()
        };
        if !found(&self.failed.read().unwrap_or_else(PoisonError::into_inner)) {
            let mut failed = self.failed.write().unwrap_or_else(PoisonError::into_inner);
            if !found(&failed) {
                failed.push((name, AtomicU64::new(1)));
            }
        }
    }

    /// Each outcome that came, with its number.
    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        let failed = self.failed.read().unwrap_or_else(PoisonError::into_inner);
        let failed = failed.iter().map(|(name, count)| (*name, count.load(Ordering::Relaxed)));
        let mut all: Vec<_> = std::iter::once(("ok", self.ok.load(Ordering::Relaxed))).chain(failed).collect();
        all.retain(|(_, count)| *count > 0);
        all.sort_unstable();
        all
    }
}

/// The counters of one operation.
#[derive(Debug, Default)]
pub(super) struct Series {
    pub(super) outcomes: Outcomes,
    pub(super) nested: Outcomes,
    /// Calls by the first bucket that they fit, those that fit none last.
    buckets: [AtomicU64; BUCKETS_US.len() + 1],
    micros: AtomicU64,
    cpu_ms: AtomicU64,
    memory_peak: AtomicUsize,
    rows_read: AtomicU64,
    bytes_read: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
}

/// The counters as they were at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Totals {
    /// Calls that took no longer than each bucket's end, those beyond last: all of them.
    pub(super) cumulative: [u64; BUCKETS_US.len() + 1],
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) memory_peak: usize,
    pub(super) rows_read: u64,
    pub(super) bytes_read: u64,
    pub(super) writes: u64,
    pub(super) bytes_written: u64,
}

impl Series {
    pub(super) fn call(&self, outcome: Result<(), &'static str>, used: &Used) {
        self.outcomes.count(outcome);
        let micros = u64::try_from(used.took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|upper| *upper < micros);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let storage = &used.storage;
        for (counter, n) in [
            (&self.micros, micros),
            (&self.cpu_ms, used.cpu_ms),
            (&self.rows_read, storage.rows_read as u64),
            (&self.bytes_read, storage.bytes_read as u64),
            (&self.writes, storage.writes as u64),
            (&self.bytes_written, storage.write_bytes as u64),
        ] {
            if n > 0 {
                counter.fetch_add(n, Ordering::Relaxed);
            }
        }
        if used.memory_bytes > self.memory_peak.load(Ordering::Relaxed) {
            self.memory_peak.fetch_max(used.memory_bytes, Ordering::Relaxed);
        }
    }

    pub(super) fn nested(&self, outcome: Result<(), &'static str>) {
        self.nested.count(outcome);
    }

    pub(super) fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut sum = 0;
        let cumulative = std::array::from_fn(|at| {
            sum += self.buckets.get(at).map_or(0, &read);
            sum
        });
        Totals {
            cumulative,
            seconds: Duration::from_micros(read(&self.micros)).as_secs_f64(),
            cpu_seconds: Duration::from_millis(read(&self.cpu_ms)).as_secs_f64(),
            memory_peak: self.memory_peak.load(Ordering::Relaxed),
            rows_read: read(&self.rows_read),
            bytes_read: read(&self.bytes_read),
            writes: read(&self.writes),
            bytes_written: read(&self.bytes_written),
        }
    }
}
