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

/// The rows that `commit` leaves when it is the one at `position`.
///
/// # Errors
/// [`StorageError::Conflict`] when an addition met another record than its transaction saw; [`StorageError::AddOverflow`]; errors of the disk.
pub(crate) fn resolve<T: Table>(
    commit: &Commit,
    position: Position,
    newest: &Newest<'_, T>,
) -> Result<Vec<RowWrite>, StorageError> {
    let mut rows = Vec::with_capacity(commit.records.len() + commit.stamped.len());
    for record in &commit.records {
        let old = newest.get(&record.row)?.map(|row| envelope::decode(&row)).transpose()?;
        match &record.change {
            Change::Put(new) => replace(record, old.as_ref(), new, &mut rows)?,
            Change::Delete => {
                if let Some(old) = old {
                    delete(record, &old, &mut rows)?;
                }
            }
            Change::Add(adds) => {
                let payload = old.as_ref().map(|old| newest.payload(record, old)).transpose()?;
                let sum = adds.apply(payload.as_ref()).map_err(|error| match error {
                    StorageError::NotFound | StorageError::NotAnInteger { .. } => StorageError::Conflict,
                    other => other,
                })?;
                let entries = old.as_ref().map(|old| old.entries.clone()).unwrap_or_default();
                envelope::check(&sum, entries.len())?;
                let (row, chunks) = envelope::encode(&sum, &entries);
                replace(record, old.as_ref(), &Encoded { row, chunks, entries }, &mut rows)?;
            }
        }
    }
    for (stamped, ordinal) in commit.stamped.iter().zip(0_u32..) {
        stamp(stamped, position, ordinal, &mut rows)?;
    }
    Ok(rows)
}

fn replace(
    record: &RecordChange,
    old: Option<&Envelope>,
    new: &Encoded,
    rows: &mut Vec<RowWrite>,
) -> Result<(), StorageError> {
    let (row, prefix_len) = (&record.row, record.prefix_len);
    let old_entries = old.map_or(&[][..], |old| &old.entries);
    for entry in old_entries.iter().filter(|entry| !new.entries.contains(entry)) {
        rows.push(RowWrite { key: entry_row(row, prefix_len, entry)?, value: None });
    }
    for entry in new.entries.iter().filter(|entry| !old_entries.contains(entry)) {
        rows.push(RowWrite { key: entry_row(row, prefix_len, entry)?, value: Some(Bytes::new()) });
    }
    let old_chunks = old.map_or(0, |old| old.payload.chunks());
    let mut chunks = new.chunks.iter().cloned();
    for number in 0..old_chunks.max(u32::try_from(new.chunks.len()).unwrap_or(u32::MAX)) {
        rows.push(RowWrite { key: chunk_row(row, prefix_len, number), value: chunks.next() });
    }
    rows.push(RowWrite { key: row.clone(), value: Some(new.row.clone()) });
    Ok(())
}

fn delete(record: &RecordChange, old: &Envelope, rows: &mut Vec<RowWrite>) -> Result<(), StorageError> {
    for entry in &old.entries {
        rows.push(RowWrite { key: entry_row(&record.row, record.prefix_len, entry)?, value: None });
    }
    for number in 0..old.payload.chunks() {
        rows.push(RowWrite { key: chunk_row(&record.row, record.prefix_len, number), value: None });
    }
    rows.push(RowWrite { key: record.row.clone(), value: None });
    Ok(())
}

fn stamp(stamped: &Stamped, position: Position, ordinal: u32, rows: &mut Vec<RowWrite>) -> Result<(), StorageError> {
    let key = [&stamped.row[..], &position.to_be_bytes(), &ordinal.to_be_bytes()].concat();
    let row = Bytes::from(key);
    for (chunk, number) in stamped.value.chunks.iter().zip(0_u32..) {
        rows.push(RowWrite { key: chunk_row(&row, stamped.prefix_len, number), value: Some(chunk.clone()) });
    }
    rows.push(RowWrite { key: row, value: Some(stamped.value.row.clone()) });
    Ok(())
}
