//! What others may know of the log while it is written.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::Position;

/// How far the log has come, and where its segments begin.
#[derive(Debug, Default)]
pub(crate) struct LogProgress {
    synced: AtomicU64,
    bytes: AtomicU64,
    firsts: Mutex<BTreeMap<u64, Position>>,
}

impl LogProgress {
    /// The log as it was found: its last position, its length since the newest snapshot, and the first position of each segment that has one.
    pub(crate) fn new(synced: Position, bytes: u64, firsts: BTreeMap<u64, Position>) -> Self {
        Self { synced: synced.into(), bytes: bytes.into(), firsts: Mutex::new(firsts) }
    }

    fn firsts(&self) -> MutexGuard<'_, BTreeMap<u64, Position>> {
        self.firsts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a frame that was synced; to be called before the rows of its transactions can be read.
    pub(crate) fn note(&self, segment: u64, first: Position, last: Position, bytes: u64) {
        self.firsts().entry(segment).or_insert(first);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.synced.store(last, Ordering::Release);
    }

    /// The last position that is on disk.
    pub(crate) fn synced(&self) -> Position {
        self.synced.load(Ordering::Acquire)
    }

    /// The bytes of the log since the newest snapshot that was there when it was opened, by and by more than that.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The first segment, when all its transactions have a position up to `position`: a segment after it begins no later than the next.
    pub(crate) fn first_below(&self, position: Position) -> Option<u64> {
        let firsts = self.firsts();
        let mut segments = firsts.iter();
        let (number, _) = segments.next()?;
        let (_, next) = segments.next()?;
        (*next <= position + 1).then_some(*number)
    }

    /// Forgets a segment that was removed.
    pub(crate) fn forget(&self, segment: u64) {
        self.firsts().remove(&segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_below_a_position_when_the_next_one_begins_right_after_it() {
        let log = LogProgress::new(9, 0, BTreeMap::from([(3, 4), (4, 8)]));
        assert_eq!((log.first_below(6), log.first_below(7)), (None, Some(3)));
        log.note(5, 10, 12, 100);
        assert_eq!((log.synced(), log.bytes()), (12, 100));
        log.forget(3);
        assert_eq!((log.first_below(8), log.first_below(9)), (None, Some(4)));
        log.forget(4);
        assert_eq!(log.first_below(99), None, "the last segment stays");
    }
}
