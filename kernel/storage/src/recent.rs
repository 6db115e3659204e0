//! What changed while someone is reading, and what was there before.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use forecourt_base::limits::UNDO_BYTES;

use crate::StorageError;
use crate::engine::{Position, RawRow};
use crate::keys::{Direction, RowRange};

/// What keeping a change costs beside its key and image, roughly.
const CHANGE_OVERHEAD_BYTES: usize = 200;
/// Changes forgotten at once, where no more than half as many were made: what a long reader held goes in pieces, so that no commit waits for all of it.
const FORGET_ROWS: usize = 4_096;

/// A row's key and what it held before a batch; none where there was no row.
pub(crate) type Undo = (Bytes, Option<Bytes>);

#[derive(Debug)]
struct Change {
    position: Position,
    before: Option<Bytes>,
}

/// The changes of one row, oldest first. Most rows have one, which then costs no allocation.
#[derive(Debug)]
struct History {
    first: Change,
    later: VecDeque<Change>,
}

impl History {
    fn after(&self, position: Position) -> Option<&Change> {
        if self.first.position > position {
            return Some(&self.first);
        }
        self.later.get(self.later.partition_point(|change| change.position <= position))
    }
}

/// The changes after the oldest snapshot, each with the row's image before it, as far back as a budget of bytes allows.
///
/// INVARIANT (kept-for-readers): every change after [`Recent::horizon`] is here, and a reader older than the horizon is refused. The horizon passes a
/// reader only where the budget forces it.
#[derive(Debug)]
pub(crate) struct Recent {
    rows: BTreeMap<Bytes, History>,
    /// The rows that each batch changed, oldest first.
    order: VecDeque<(Position, Vec<Bytes>)>,
    bytes: usize,
    bytes_max: usize,
    /// The position of the newest change that was dropped.
    horizon: Position,
    /// Rows of the newest batch.
    inserted: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self::with_budget(UNDO_BYTES)
    }
}

impl Recent {
    fn with_budget(bytes_max: usize) -> Self {
        Self { rows: BTreeMap::new(), order: VecDeque::new(), bytes: 0, bytes_max, horizon: 0, inserted: 0 }
    }

    /// Remembers what the batch up to `position`, the newest, changes. No row is named twice.
    pub(crate) fn insert(&mut self, position: Position, undo: Vec<Undo>) {
        self.inserted = undo.len();
        let mut keys = Vec::with_capacity(undo.len());
        for (key, before) in undo {
            self.bytes += cost(&key, before.as_ref());
            keys.push(key.clone());
            let change = Change { position, before };
            match self.rows.get_mut(&key) {
                Some(history) => history.later.push_back(change),
                None => {
                    self.rows.insert(key, History { first: change, later: VecDeque::new() });
                }
            }
        }
        self.order.push_back((position, keys));
        while self.bytes > self.bytes_max && self.drop_oldest() {}
    }

    /// Forgets what nobody asks for: changes up to `oldest`, some at a time.
    pub(crate) fn forget(&mut self, oldest: Position) {
        let mut rows = FORGET_ROWS.max(self.inserted * 2);
        while rows > 0 && self.order.front().is_some_and(|(position, _)| *position <= oldest) && self.drop_oldest() {
            rows -= 1;
        }
    }

    /// Drops one of the oldest changes; whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let Some((position, keys)) = self.order.front_mut() else { return false };
        self.horizon = *position;
        let key = keys.pop();
        if keys.is_empty() {
            self.order.pop_front();
        }
        let Some(key) = key else { return true };
        let Some(history) = self.rows.get_mut(&key) else { return true };
        let dropped = match history.later.pop_front() {
            Some(next) => Some(std::mem::replace(&mut history.first, next)),
            None => self.rows.remove(&key).map(|history| history.first),
        };
        self.bytes -= dropped.map_or(0, |change| cost(&key, change.before.as_ref()));
        true
    }

    fn check_horizon(&self, position: Position) -> Result<(), StorageError> {
        if position < self.horizon { Err(StorageError::Conflict) } else { Ok(()) }
    }

    /// What the row held at `position`, where it changed since.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when too much has changed since to tell.
    pub(crate) fn before(&self, row: &[u8], position: Position) -> Result<Option<&Option<Bytes>>, StorageError> {
        self.check_horizon(position)?;
        Ok(self.rows.get(row).and_then(|history| history.after(position)).map(|change| &change.before))
    }

    /// The first `limit` rows that `covered` had at `position`, made from those it has `now`; none where it has not changed since.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when too much has changed since to tell.
    pub(crate) fn restored(
        &self,
        covered: &RowRange,
        direction: Direction,
        position: Position,
        now: &[RawRow],
        limit: usize,
    ) -> Result<Option<Vec<RawRow>>, StorageError> {
        self.check_horizon(position)?;
        if self.rows.is_empty() || covered.is_empty() {
            return Ok(None);
        }
        let changes = self.changes(covered, position);
        let changes: Box<dyn Iterator<Item = (&Bytes, &Change)>> = match direction {
            Direction::Forward => Box::new(changes),
            Direction::Backward => Box::new(changes.rev()),
        };
        let mut changes = changes.peekable();
        if changes.peek().is_none() {
            return Ok(None);
        }
        let mut now = now.iter().peekable();
        let mut rows = Vec::new();
        while rows.len() < limit {
            let Some((key, change)) = changes.peek().copied() else {
                rows.extend(now.take(limit - rows.len()).cloned());
                break;
            };
            if let Some(unchanged) = now.next_if(|(row, _)| direction.precedes(row, key)) {
                rows.push(unchanged.clone());
                continue;
            }
            // An inserted row vanishes, a deleted one comes back, an updated one is what it was.
            now.next_if(|(row, _)| key == row);
            rows.extend(change.before.clone().map(|before| (key.clone(), before)));
            changes.next();
        }
        Ok(Some(rows))
    }

    fn changes(
        &self,
        range: &RowRange,
        position: Position,
    ) -> impl DoubleEndedIterator<Item = (&Bytes, &Change)> + use<'_> {
        let rows = self.rows.range(range.from.clone()..range.to.clone());
        rows.filter_map(move |(key, history)| Some((key, history.after(position)?)))
    }

    /// Whether the row changed after `position`, or nobody knows.
    pub(crate) fn changed(&self, row: &[u8], position: Position) -> bool {
        !matches!(self.before(row, position), Ok(None))
    }

    /// Whether any row of the range changed after `position`, or nobody knows.
    pub(crate) fn changed_within(&self, range: &RowRange, position: Position) -> bool {
        !range.is_empty() && (position < self.horizon || self.changes(range, position).next().is_some())
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.order.iter().map(|(_, keys)| keys.len()).sum()
    }
}

fn cost(key: &Bytes, before: Option<&Bytes>) -> usize {
    key.len() + before.map_or(0, Bytes::len) + CHANGE_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests;
