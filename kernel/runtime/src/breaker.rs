//! When a plugin version that keeps failing is suspended, and when it is tried again: a state machine without locks or clocks.

use forecourt_base::{Timestamp, limits};

/// The state of one plugin version in one place. Where nothing failed there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaker {
    /// Calls run; this many failed since then, and none succeeded.
    Closed { failures: usize, since: Timestamp },
    /// Calls are refused until then.
    Open { until: Timestamp, for_ms: u64 },
    /// One call, which began then, is tried; others are refused until it has ended.
    HalfOpen { since: Timestamp, for_ms: u64 },
}

/// Whether a call may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It may.
    Free,
    /// It may, and how it ends decides for those after it.
    Trial,
    /// It may not for so many milliseconds, 1 or more.
    Refused(u64),
}

/// How a call ended that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Without a trap or a breached limit of the plugin's own.
    Success,
    /// By a trap or a breached limit of the plugin's own.
    Failure,
    /// By something that says nothing about the plugin.
    None,
}

impl Breaker {
    /// The state after the first failure.
    pub(crate) fn after_failure(now: Timestamp) -> Self {
        Self::Closed { failures: 0, since: now }.failed(now)
    }

    /// Whether a call may run now.
    pub(crate) fn enter(&mut self, now: Timestamp) -> Entry {
        match *self {
            Self::Closed { .. } => Entry::Free,
            // A wait longer than the whole one means that the clock was set back.
            Self::Open { until, for_ms } if now < until && until_ms(now, until) <= for_ms => {
                Entry::Refused(until_ms(now, until))
            }
            Self::Open { for_ms, .. } => {
                *self = Self::HalfOpen { since: now, for_ms };
                Entry::Trial
            }
            // The trial ends within a call's time.
            Self::HalfOpen { since, .. } => Entry::Refused(until_ms(now, after(since, limits::TREE_WALL_MS)).max(1)),
        }
    }

    /// The state after a call that entered as `entry` ended with `verdict`; none where nothing is held against the plugin any more. While
    /// it is suspended, only the trial counts: calls that began before tell of the past.
    pub(crate) fn ended(self, entry: Entry, verdict: Verdict, now: Timestamp) -> Option<Self> {
        match (self, entry, verdict) {
            (Self::HalfOpen { .. }, Entry::Trial, Verdict::Success) | (Self::Closed { .. }, _, Verdict::Success) => {
                None
            }
            (Self::HalfOpen { for_ms, .. }, Entry::Trial, Verdict::Failure) => {
                let for_ms = for_ms.saturating_mul(2).min(limits::BREAKER_OPEN_MAX_MS);
                Some(Self::Open { until: after(now, for_ms), for_ms })
            }
            // The next call is the trial.
            (Self::HalfOpen { for_ms, .. }, Entry::Trial, Verdict::None) => Some(Self::Open { until: now, for_ms }),
            (Self::Closed { .. }, _, Verdict::Failure) => Some(self.failed(now)),
            _ => Some(self),
        }
    }

    fn failed(self, now: Timestamp) -> Self {
        let Self::Closed { failures, since } = self else { return self };
        let (failures, since) = if now < since || now > after(since, limits::BREAKER_WINDOW_MS) {
            (1, now)
        } else {
            (failures.saturating_add(1), since)
        };
        if failures < limits::BREAKER_FAILURES {
            return Self::Closed { failures, since };
        }
        Self::Open { until: after(now, limits::BREAKER_OPEN_MS), for_ms: limits::BREAKER_OPEN_MS }
    }

    /// Whether the plugin is suspended, or only on trial.
    pub(crate) fn is_suspended(self) -> bool {
        !matches!(self, Self::Closed { .. })
    }

    /// Whether this says nothing any more: failures too long ago to count.
    pub(crate) fn is_stale(self, now: Timestamp) -> bool {
        matches!(self, Self::Closed { since, .. } if now > after(since, limits::BREAKER_WINDOW_MS))
    }
}

fn after(at: Timestamp, ms: u64) -> Timestamp {
    at.plus_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn until_ms(now: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.as_millis().saturating_sub(now.as_millis())).unwrap_or(0)
}

#[cfg(test)]
mod tests;
