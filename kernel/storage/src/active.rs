//! The positions that are being read at.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::{Position, Snapshot};

/// Counts the snapshots at each position and holds the newest position that readers see.
///
/// INVARIANT (kept-for-readers): [`Active::oldest`] never exceeds the position of a snapshot that exists or will be begun. Both are decided under the
/// one lock, and the published position only grows.
#[derive(Debug, Default)]
pub(crate) struct Active {
    published: AtomicU64,
    counts: Mutex<BTreeMap<Position, usize>>,
}

impl Active {
    pub(crate) fn at(position: Position) -> Arc<Self> {
        Arc::new(Self { published: AtomicU64::new(position), counts: Mutex::default() })
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Position, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn published(&self) -> Position {
        self.published.load(Ordering::Acquire)
    }

    pub(crate) fn publish(&self, position: Position) {
        self.published.store(position, Ordering::Release);
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Snapshot {
        let mut counts = self.counts();
        let position = self.published();
        *counts.entry(position).or_default() += 1;
        Snapshot::new(position, Arc::clone(self))
    }

    pub(crate) fn end(&self, position: Position) {
        let mut counts = self.counts();
        if let Some(count) = counts.get_mut(&position) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&position);
            }
        }
    }

    /// The oldest position that is read at, or the newest when none is.
    pub(crate) fn oldest(&self) -> Position {
        let counts = self.counts();
        counts.keys().next().copied().unwrap_or_else(|| self.published())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_position_is_that_of_the_oldest_snapshot() {
        let active = Active::at(3);
        assert_eq!(active.oldest(), 3);
        let (first, second) = (active.begin(), active.begin());
        active.publish(5);
        let third = active.begin();
        assert_eq!((first.position(), third.position(), active.oldest()), (3, 5, 3));
        drop(first);
        assert_eq!(active.oldest(), 3);
        drop(second);
        assert_eq!(active.oldest(), 5);
        active.publish(9);
        drop(third);
        assert_eq!(active.oldest(), 9);
    }
}
