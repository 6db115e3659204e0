//! From what a transaction asked to the rows it leaves: additions to newest values, stamps to positions, index rows and chunks to what differs.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::StorageError;
use crate::committer::RowWrite;
use crate::engine::{Change, Commit, Encoded, Position, RecordChange, Stamped};
use crate::envelope::{self, Envelope, Payload};
use crate::index::entry_row;
use crate::keys::chunk_row;
use crate::shared::Table;

/// The newest rows: those of the batch so far, then those of the table.
pub(crate) struct Newest<'a, T> {
    pub(crate) batch: &'a BTreeMap<Bytes, Option<Bytes>>,
    pub(crate) table: &'a T,
}

impl<T: Table> Newest<'_, T> {
    fn get(&self, key: &Bytes) -> Result<Option<Bytes>, StorageError> {
        match self.batch.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.table.get(key),
        }
    }

    fn payload(&self, record: &RecordChange, old: &Envelope) -> Result<Bytes, StorageError> {
        let bytes = match &old.payload {
            Payload::Inline(payload) => return Ok(payload.clone()),
            Payload::Chunked(bytes) => *bytes,
        };
        let chunk = |number| {
            self.get(&chunk_row(&record.row, record.prefix_len, number))?
                .ok_or_else(|| StorageError::corrupt("a chunk of a record is missing"))
        };
        let chunks = (0..old.payload.chunks()).map(chunk).collect::<Result<Vec<_>, _>>()?;
        envelope::join(bytes, &chunks)
    }
}

/// A row that a commit leaves, and what it held before.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) write: RowWrite,
    pub(crate) before: Option<Bytes>,
}

impl Resolved {
    fn new(key: Bytes, value: Option<Bytes>, before: Option<Bytes>) -> Self {
        Self { write: RowWrite { key, value }, before }
    }
}

/// A record as the commit finds it.
struct Old {
    row: Bytes,
    envelope: Envelope,
}

/// The rows that `commit` leaves when it is the one at `position`.
///
/// # Errors
/// [`StorageError::Conflict`] when an addition met another record than its transaction saw; [`StorageError::AddOverflow`]; errors of the disk.
pub(crate) fn resolve<T: Table>(
    commit: &Commit,
    position: Position,
    newest: &Newest<'_, T>,
) -> Result<Vec<Resolved>, StorageError> {
    let mut rows = Vec::with_capacity(commit.records.len() + commit.stamped.len());
    for record in &commit.records {
        let old = match newest.get(&record.row)? {
            Some(row) => Some(Old { envelope: envelope::decode(&row)?, row }),
            None => None,
        };
        match &record.change {
            Change::Put(new) => replace(record, old.as_ref(), new, newest, &mut rows)?,
            Change::Delete => {
                if let Some(old) = old {
                    delete(record, old, newest, &mut rows)?;
                }
            }
            Change::Add(adds) => {
                let payload = old.as_ref().map(|old| newest.payload(record, &old.envelope)).transpose()?;
                let sum = adds.apply(payload.as_ref()).map_err(|error| match error {
                    StorageError::NotFound | StorageError::NotAnInteger { .. } => StorageError::Conflict,
                    other => other,
                })?;
                let entries = old.as_ref().map(|old| old.envelope.entries.clone()).unwrap_or_default();
                envelope::check(&sum, entries.len())?;
                let (row, chunks) = envelope::encode(&sum, &entries);
                replace(record, old.as_ref(), &Encoded { row, chunks, entries }, newest, &mut rows)?;
            }
        }
    }
    for (stamped, ordinal) in commit.stamped.iter().zip(0_u32..) {
        stamp(stamped, position, ordinal, &mut rows)?;
    }
    Ok(rows)
}

fn replace<T: Table>(
    record: &RecordChange,
    old: Option<&Old>,
    new: &Encoded,
    newest: &Newest<'_, T>,
    rows: &mut Vec<Resolved>,
) -> Result<(), StorageError> {
    let (row, prefix_len) = (&record.row, record.prefix_len);
    let old_entries = old.map_or(&[][..], |old| &old.envelope.entries);
    for entry in old_entries.iter().filter(|entry| !new.entries.contains(entry)) {
        rows.push(Resolved::new(entry_row(row, prefix_len, entry)?, None, Some(Bytes::new())));
    }
    for entry in new.entries.iter().filter(|entry| !old_entries.contains(entry)) {
        rows.push(Resolved::new(entry_row(row, prefix_len, entry)?, Some(Bytes::new()), None));
    }
    let old_chunks = old.map_or(0, |old| old.envelope.payload.chunks());
    let mut chunks = new.chunks.iter().cloned();
    for number in 0..old_chunks.max(u32::try_from(new.chunks.len()).unwrap_or(u32::MAX)) {
        let key = chunk_row(row, prefix_len, number);
        let before = if number < old_chunks { newest.get(&key)? } else { None };
        rows.push(Resolved::new(key, chunks.next(), before));
    }
    rows.push(Resolved::new(row.clone(), Some(new.row.clone()), old.map(|old| old.row.clone())));
    Ok(())
}

fn delete<T: Table>(
    record: &RecordChange,
    old: Old,
    newest: &Newest<'_, T>,
    rows: &mut Vec<Resolved>,
) -> Result<(), StorageError> {
    for entry in &old.envelope.entries {
        rows.push(Resolved::new(entry_row(&record.row, record.prefix_len, entry)?, None, Some(Bytes::new())));
    }
    for number in 0..old.envelope.payload.chunks() {
        let key = chunk_row(&record.row, record.prefix_len, number);
        let before = newest.get(&key)?;
        rows.push(Resolved::new(key, None, before));
    }
    rows.push(Resolved::new(record.row.clone(), None, Some(old.row)));
    Ok(())
}

/// A stamped record's rows are new, so there is nothing to look up.
fn stamp(stamped: &Stamped, position: Position, ordinal: u32, rows: &mut Vec<Resolved>) -> Result<(), StorageError> {
    let key = [&stamped.row[..], &position.to_be_bytes(), &ordinal.to_be_bytes()].concat();
    let row = Bytes::from(key);
    for (chunk, number) in stamped.value.chunks.iter().zip(0_u32..) {
        rows.push(Resolved::new(chunk_row(&row, stamped.prefix_len, number), Some(chunk.clone()), None));
    }
    rows.push(Resolved::new(row, Some(stamped.value.row.clone()), None));
    Ok(())
}
