//! Ranges of records and of index entries, with the transaction's own writes among them.

use bytes::Bytes;

use super::writes::Pending;
use super::{Mode, Transaction};
use crate::StorageError;
use crate::engine::{Engine, Snapshot};
use crate::envelope;
use crate::index::{self, Entries, IndexRange, entry_row};
use crate::keys::{Direction, KeyRange, RowRange, Space};
use crate::shared::covered;

/// Rows asked of the engine at once.
const READ_ROWS: usize = 256;

/// A record found by a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The record's key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
    /// What a query is given to go on behind this row, in either direction.
    pub cursor: Bytes,
}

/// A page of records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// The records, in the order asked for.
    pub items: Vec<Row>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// Rows by key: the engine's with their value, the transaction's own without.
struct Found {
    rows: Vec<(Bytes, Option<Bytes>)>,
    /// The row behind the last, at which the reading stopped.
    next: Option<Bytes>,
}

impl Transaction {
    /// From now on a scan or query fails, rather than gather more, once the transaction has read so many bytes of values in all: one page of large
    /// records would otherwise be in memory before anybody could count it.
    pub fn bound_reads(&mut self, bytes_read_max: usize) {
        self.bytes_read_max = bytes_read_max;
    }

    /// The first `limit` records of the range.
    ///
    /// # Errors
    /// [`StorageError::Conflict`], [`StorageError::BadRange`], [`StorageError::TooMuchRead`], errors of the disk.
    pub async fn scan(
        &mut self,
        space: &Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Rows, StorageError> {
        let range = space.records(range)?;
        let own: Vec<Bytes> = self
            .writes
            .within(&range)
            .filter(|(_, pending)| !matches!(pending, Pending::Delete))
            .map(|(row, _)| row.clone())
            .collect();
        let deleted = |row: &Bytes| matches!(self.writes.get(row), Some(Pending::Delete));
        let search = Search { mode: self.mode, range: &range, direction, limit };
        let found = search.run(&*self.engine, &self.snapshot, own, deleted, self.conflicted).await;
        let found = self.note_range(&range, direction, found)?;
        let mut rows = Rows { items: Vec::with_capacity(found.rows.len()), more: found.next.is_some() };
        for (row, base) in found.rows {
            if let Some(value) = self.scanned(space, &row, base).await? {
                self.count_row(&value)?;
                let key = Self::record_key(space, &row);
                rows.items.push(Row { cursor: key.clone(), key, value });
            }
        }
        Ok(rows)
    }

    /// The first `limit` records that the index has in the range, behind the cursor `after` where there is one. A record with several entries in the
    /// range is given once for each.
    ///
    /// # Errors
    /// [`StorageError::Conflict`], [`StorageError::BadRange`], [`StorageError::TooMuchRead`], errors of the disk.
    pub async fn query(
        &mut self,
        space: &Space,
        index: &str,
        range: &IndexRange,
        direction: Direction,
        limit: usize,
        after: Option<&[u8]>,
    ) -> Result<Rows, StorageError> {
        let Entries { rows: range, base_len } = Entries::new(space, index, range, direction, after)?;
        let own = self.own_entries(space, &range)?;
        let outdated = |row: &Bytes| match index::record_key(&row.slice(row.len().min(base_len)..)) {
            Some(key) => space
                .record(&key)
                .is_ok_and(|row| matches!(self.writes.get(&row), Some(Pending::Put(_) | Pending::Delete))),
            None => false,
        };
        let search = Search { mode: self.mode, range: &range, direction, limit };
        let found = search.run(&*self.engine, &self.snapshot, own, outdated, self.conflicted).await;
        let found = self.note_range(&range, direction, found)?;
        let mut rows = Rows { items: Vec::with_capacity(found.rows.len()), more: found.next.is_some() };
        for (row, _) in found.rows {
            let cursor = row.slice(row.len().min(base_len)..);
            let key =
                index::record_key(&cursor).ok_or_else(|| StorageError::corrupt("an index entry has no known form"))?;
            let value = self.current(space, &space.record(&key)?).await?;
            let value = value.ok_or_else(|| StorageError::corrupt("an index entry names no record"))?;
            self.count_row(&value)?;
            rows.items.push(Row { key, value, cursor });
        }
        Ok(rows)
    }

    fn count_row(&mut self, value: &Bytes) -> Result<(), StorageError> {
        self.usage.rows_read += 1;
        self.usage.bytes_read += value.len();
        if self.usage.bytes_read > self.bytes_read_max {
            return Err(StorageError::TooMuchRead { bytes_max: self.bytes_read_max });
        }
        Ok(())
    }

    /// Notes what of a range was read: up to where the reading stopped, or all of it when it failed.
    fn note_range(
        &mut self,
        range: &RowRange,
        direction: Direction,
        found: Result<Found, StorageError>,
    ) -> Result<Found, StorageError> {
        if self.mode == Mode::ReadWrite {
            let stop = found.as_ref().ok().and_then(|found| found.next.as_ref());
            self.reads.ranges.push(covered(range, direction, stop));
        }
        self.note(found)
    }

    /// The index rows of the transaction's own records.
    fn own_entries(&self, space: &Space, range: &RowRange) -> Result<Vec<Bytes>, StorageError> {
        let mut own = Vec::new();
        for (row, pending) in self.writes.within(&space.records(&KeyRange::all())?) {
            let Pending::Put(record) = pending else { continue };
            for entry in &record.entries {
                let row = entry_row(row, space.prefix_len(), entry)?;
                if range.from <= row && row < range.to {
                    own.push(row);
                }
            }
        }
        own.sort_unstable();
        Ok(own)
    }

    /// The value of a row that a scan found: the transaction's own, or the engine's with what was added to it.
    async fn scanned(
        &mut self,
        space: &Space,
        row: &Bytes,
        base: Option<Bytes>,
    ) -> Result<Option<Bytes>, StorageError> {
        let adds = match self.writes.get(row) {
            Some(Pending::Put(record)) => return Ok(Some(record.payload.clone())),
            Some(Pending::Delete) => return Ok(None),
            Some(Pending::Add(adds)) => Some(adds.clone()),
            None => None,
        };
        let base = match base {
            Some(bytes) => Some(self.payload(space, row, envelope::decode(&bytes)?).await?),
            None => None,
        };
        match adds {
            None => Ok(base),
            Some(adds) => self.added(&adds, base.as_ref()).map(Some),
        }
    }
}

struct Search<'a> {
    mode: Mode,
    range: &'a RowRange,
    direction: Direction,
    limit: usize,
}

impl Search<'_> {
    /// Merges the engine's rows, but those `hidden`, with the transaction's `own`, which are in ascending order.
    async fn run(
        &self,
        engine: &dyn Engine,
        snapshot: &Snapshot,
        mut own: Vec<Bytes>,
        hidden: impl Fn(&Bytes) -> bool + Send + Sync,
        conflicted: bool,
    ) -> Result<Found, StorageError> {
        if conflicted {
            return Err(StorageError::Conflict);
        }
        if self.direction == Direction::Backward {
            own.reverse();
        }
        let enough = self.limit.saturating_add(1);
        let mut own = own.into_iter().peekable();
        let mut rows = Vec::new();
        let mut rest = self.range.clone();
        loop {
            let want = (enough - rows.len()).min(READ_ROWS);
            let read = self.mode.accept(engine.range(snapshot, &rest, self.direction, want).await?)?;
            let ended = read.len() < want;
            if let Some((last, _)) = read.last() {
                rest = rest.behind(last, self.direction);
            }
            for (key, value) in read {
                while let Some(mine) = own.next_if(|mine| self.direction.precedes(mine, &key)) {
                    rows.push((mine, None));
                }
                if own.next_if_eq(&key).is_some() || !hidden(&key) {
                    rows.push((key, Some(value)));
                }
            }
            if ended {
                rows.extend(own.by_ref().take(enough.saturating_sub(rows.len())).map(|mine| (mine, None)));
            }
            if ended || rows.len() >= enough {
                rows.truncate(enough);
                let next = if rows.len() > self.limit { rows.pop().map(|(key, _)| key) } else { None };
                return Ok(Found { rows, next });
            }
        }
    }
}
