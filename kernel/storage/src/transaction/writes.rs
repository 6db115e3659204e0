//! What a transaction has written, and how it takes it back.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::add::{Absent, Adds};
use crate::engine::{Change, Encoded, RecordChange, Stamped};
use crate::envelope;
use crate::keys::{RowRange, Space};

/// A record as written.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) payload: Bytes,
    pub(super) entries: Vec<Bytes>,
}

/// A write that waits for the commit.
#[derive(Debug)]
pub(super) enum Pending {
    Put(Record),
    Delete,
    Add(Adds),
}

impl Pending {
    /// Whether it is an addition to a record that had to be there.
    pub(super) fn found(&self) -> bool {
        matches!(self, Self::Add(Adds { absent: Absent::Refuse, .. }))
    }
}

#[derive(Debug)]
struct Write {
    space: Space,
    pending: Pending,
}

/// The writes by row, and what each replaced.
#[derive(Debug, Default)]
pub(super) struct WriteSet {
    records: BTreeMap<Bytes, Write>,
    stamped: Vec<Stamped>,
    replaced: Vec<(Bytes, Option<Write>)>,
}

/// A point to which a transaction can be rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Savepoint {
    replaced: usize,
    stamped: usize,
}

/// A record that a transaction has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'a> {
    /// Its collection's place.
    pub space: &'a Space,
    /// Its key.
    pub key: &'a [u8],
    /// What became of it.
    pub value: WrittenValue<'a>,
}

/// What became of a written record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenValue<'a> {
    /// It has this value.
    Put(&'a Bytes),
    /// It is gone.
    Deleted,
    /// Numbers were added to its fields; the value is known at the commit.
    Added,
}

impl WriteSet {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.stamped.is_empty()
    }

    pub(super) fn get(&self, row: &Bytes) -> Option<&Pending> {
        self.records.get(row).map(|write| &write.pending)
    }

    pub(super) fn insert(&mut self, space: &Space, row: Bytes, pending: Pending) {
        let before = self.records.insert(row.clone(), Write { space: space.clone(), pending });
        self.replaced.push((row, before));
    }

    pub(super) fn stamp(&mut self, stamped: Stamped) {
        self.stamped.push(stamped);
    }

    /// The writes within a range of rows, in order.
    pub(super) fn within(&self, range: &RowRange) -> impl DoubleEndedIterator<Item = (&Bytes, &Pending)> {
        let range = if range.is_empty() { Bytes::new()..Bytes::new() } else { range.from.clone()..range.to.clone() };
        self.records.range(range).map(|(row, write)| (row, &write.pending))
    }

    pub(super) fn savepoint(&self) -> Savepoint {
        Savepoint { replaced: self.replaced.len(), stamped: self.stamped.len() }
    }

    /// Undoes writes; the rows of additions among them that had found their record.
    pub(super) fn rollback_to(&mut self, savepoint: &Savepoint) -> Vec<Bytes> {
        let mut found = Vec::new();
        self.stamped.truncate(savepoint.stamped);
        while self.replaced.len() > savepoint.replaced {
            let Some((row, before)) = self.replaced.pop() else { break };
            let undone = match before {
                Some(before) => self.records.insert(row.clone(), before),
                None => self.records.remove(&row),
            };
            if undone.is_some_and(|write| write.pending.found()) {
                found.push(row);
            }
        }
        found
    }

    /// The rows of additions that had found their record.
    pub(super) fn found(&self) -> impl Iterator<Item = Bytes> {
        self.records.iter().filter(|(_, write)| write.pending.found()).map(|(row, _)| row.clone())
    }

    pub(super) fn written(&self) -> impl Iterator<Item = Written<'_>> {
        self.records.iter().map(|(row, write)| Written {
            space: &write.space,
            key: row.get(write.space.prefix_len() + 1..).unwrap_or_default(),
            value: match &write.pending {
                Pending::Put(record) => WrittenValue::Put(&record.payload),
                Pending::Delete => WrittenValue::Deleted,
                Pending::Add(_) => WrittenValue::Added,
            },
        })
    }

    /// The writes as the committer takes them. Records are laid out here, in the transaction's own task, and not by the committer.
    pub(super) fn into_changes(self) -> (Vec<RecordChange>, Vec<Stamped>) {
        let change = |(row, write): (Bytes, Write)| RecordChange {
            row,
            prefix_len: write.space.prefix_len(),
            change: match write.pending {
                Pending::Put(Record { payload, entries }) => {
                    let (row, chunks) = envelope::encode(&payload, &entries);
                    Change::Put(Encoded { row, chunks, entries })
                }
                Pending::Delete => Change::Delete,
                Pending::Add(adds) => Change::Add(adds),
            },
        };
        (self.records.into_iter().map(change).collect(), self.stamped)
    }
}
