//! What readers and the committer of an engine share: the table of rows, and what changed of late.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use crate::StorageError;
use crate::active::Active;
use crate::engine::{AtPosition, Position, RawRow, Snapshot};
use crate::keys::{Direction, RowRange, successor};
use crate::recent::Recent;

/// Rows by key, as of the newest commit applied.
pub(crate) trait Table: Send + Sync {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError>;
    fn range(&self, range: &RowRange, direction: Direction, limit: usize) -> Result<Vec<RawRow>, StorageError>;
    /// Applies the changes of the commits up to `position`, one after another, the position last. Readers are given none of them before it is published.
    fn apply(&self, position: Position, rows: &BTreeMap<Bytes, Option<Bytes>>) -> Result<(), StorageError>;
}

/// INVARIANT (one-state): a reader at position P is given rows of the state at P, or a conflict where the changes since have outgrown `UNDO_BYTES`. The
/// committer puts a row's image into `recent` before it changes the table, a reader looks into `recent` after it has read the table: so whoever saw a later
/// value also finds the image of what was there before it.
pub(crate) struct Shared<T> {
    pub(crate) table: T,
    pub(crate) active: Arc<Active>,
    recent: RwLock<Recent>,
    closed: AtomicBool,
}

impl<T: Table> Shared<T> {
    pub(crate) fn new(table: T, position: Position) -> Self {
        Self { table, active: Active::at(position), recent: RwLock::default(), closed: AtomicBool::new(false) }
    }

    pub(crate) fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn check_open(&self) -> Result<(), StorageError> {
        if self.closed.load(Ordering::Acquire) { Err(StorageError::Closed) } else { Ok(()) }
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot, StorageError> {
        self.check_open()?;
        Ok(self.active.begin())
    }

    pub(crate) fn get(&self, snapshot: &Snapshot, key: &[u8]) -> Result<AtPosition<Option<Bytes>>, StorageError> {
        let row = self.newest(key)?;
        Ok(match self.recent().before(key, snapshot.position())? {
            Some(before) => AtPosition { value: before.clone(), changed_since: true },
            None => AtPosition { value: row, changed_since: false },
        })
    }

    pub(crate) fn newest(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.check_open()?;
        self.table.get(key)
    }

    pub(crate) fn range(
        &self,
        snapshot: &Snapshot,
        range: &RowRange,
        direction: Direction,
        limit: usize,
    ) -> Result<AtPosition<Vec<RawRow>>, StorageError> {
        self.check_open()?;
        let mut found = AtPosition { value: Vec::new(), changed_since: false };
        if range.is_empty() {
            return Ok(found);
        }
        let mut rest = range.clone();
        loop {
            let want = limit.saturating_sub(found.value.len());
            let now = self.table.range(&rest, direction, want)?;
            let last = if now.len() < want { None } else { now.last().map(|(key, _)| key.clone()) };
            let read = covered(&rest, direction, last.as_ref());
            match self.recent().restored(&read, direction, snapshot.position(), &now, want)? {
                Some(restored) => {
                    found.value.extend(restored);
                    found.changed_since = true;
                }
                None if found.value.is_empty() => found.value = now,
                None => found.value.extend(now),
            }
            // Where rows that were inserted since took the place of older ones, there may be more behind them.
            match last {
                Some(last) if found.value.len() < limit => rest = rest.behind(&last, direction),
                _ => return Ok(found),
            }
        }
    }
}

/// The part of `range` that was read when the reading stopped at `last`, or all of it.
pub(crate) fn covered(range: &RowRange, direction: Direction, last: Option<&Bytes>) -> RowRange {
    match (last, direction) {
        (None, _) => range.clone(),
        (Some(last), Direction::Forward) => RowRange { from: range.from.clone(), to: successor(last) },
        (Some(last), Direction::Backward) => RowRange { from: last.clone(), to: range.to.clone() },
    }
}
