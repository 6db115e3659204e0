//! Orders commits: checks each transaction against later commits and earlier ones of its batch, resolves it to rows, makes the batch durable, applies it.
//!
//! INVARIANT (serial-order): the transactions that pass have the same effect and saw the same state as if they had run one after another in the order of
//! their positions.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use forecourt_base::limits::{COMMIT_BATCH_TRANSACTIONS, LOG_FRAME_BYTES};
use tokio::sync::oneshot;

use crate::StorageError;
use crate::engine::{Commit, Position};
use crate::locks::Permit;
use crate::recent::Undo;
use crate::resolve::{Newest, Resolved, resolve};
use crate::shared::{Shared, Table};

/// What a row costs in a frame beside its key and value.
const ROW_OVERHEAD_BYTES: usize = 16;

/// A row as a commit leaves it; none when it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowWrite {
    pub(crate) key: Bytes,
    pub(crate) value: Option<Bytes>,
}

/// The commits of one frame.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The position of the first.
    pub(crate) first: Position,
    /// The rows of each.
    pub(crate) transactions: Vec<Vec<RowWrite>>,
    newest: BTreeMap<Bytes, Option<Bytes>>,
    /// What the rows held before the batch.
    undo: Vec<Undo>,
    bytes: usize,
}

impl Batch {
    pub(crate) fn new(first: Position) -> Self {
        Self { first, ..Self::default() }
    }

    fn add(&mut self, rows: Vec<Resolved>) {
        let mut writes = Vec::with_capacity(rows.len());
        for Resolved { write, before } in rows {
            // Readers are at positions between batches, so what counts is the state before the first change within this one.
            if self.newest.insert(write.key.clone(), write.value.clone()).is_none() {
                self.undo.push((write.key.clone(), before));
            }
            writes.push(write);
        }
        self.transactions.push(writes);
    }

    /// The position of the last, when there is one.
    pub(crate) fn last(&self) -> Position {
        self.first + (self.transactions.len() as u64).saturating_sub(1)
    }
}

/// Where a batch is made durable.
pub(crate) trait Journal: Send {
    /// Returns when the batch is durable.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`] when nothing was written; any other means that nobody knows.
    fn append(&mut self, batch: &Batch) -> Result<(), StorageError>;

    /// Hears, before anyone is answered, that nothing more will be committed, and why.
    fn poisoned(&mut self, _reason: String) {}
}

/// A transaction that waits for its commit, and whom to tell.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) commit: Commit,
    /// Held until the answer is given.
    pub(crate) permit: Permit,
    pub(crate) answer: oneshot::Sender<Result<Position, StorageError>>,
}

impl Request {
    pub(crate) fn answer(self, result: Result<Position, StorageError>) {
        let Self { commit, permit, answer } = self;
        drop((commit, permit));
        // Whoever asked may have gone away; the commit stands all the same.
        let _ = answer.send(result);
    }
}

pub(crate) struct Committer<T, J> {
    shared: Arc<Shared<T>>,
    journal: J,
    last: Position,
    poisoned: bool,
}

impl<T: Table, J: Journal> Committer<T, J> {
    pub(crate) fn new(shared: Arc<Shared<T>>, journal: J) -> Self {
        let last = shared.active.published();
        Self { shared, journal, last, poisoned: false }
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    pub(crate) fn into_journal(self) -> J {
        self.journal
    }

    /// Commits a batch from the front of `queue` and answers it. What does not fit stays in the queue.
    pub(crate) fn run(&mut self, queue: &mut VecDeque<Request>) {
        let mut batch = Batch::new(self.last + 1);
        let mut passed = Vec::with_capacity(queue.len().min(COMMIT_BATCH_TRANSACTIONS));
        while passed.len() < COMMIT_BATCH_TRANSACTIONS
            && let Some(request) = queue.pop_front()
        {
            match self.admit(&mut batch, &request.commit) {
                Ok(true) => passed.push(request),
                Ok(false) => {
                    queue.push_front(request);
                    break;
                }
                Err(error) => request.answer(Err(error)),
            }
        }
        if passed.is_empty() {
            return;
        }
        match self.make_durable(batch) {
            Ok(first) => passed.into_iter().zip(first..).for_each(|(request, position)| request.answer(Ok(position))),
            Err(error) => passed.into_iter().for_each(|request| request.answer(Err(error.clone()))),
        }
        self.shared.recent_mut().forget(self.shared.active.oldest());
    }

    /// Checks a transaction and adds its rows to the batch; false when the batch has no room left for it.
    fn admit(&self, batch: &mut Batch, commit: &Commit) -> Result<bool, StorageError> {
        if self.poisoned {
            return Err(StorageError::Poisoned);
        }
        self.check(batch, commit)?;
        let position = batch.first + batch.transactions.len() as u64;
        let rows = resolve(commit, position, &Newest { batch: &batch.newest, table: &self.shared.table })?;
        let row_bytes = |row: &RowWrite| row.key.len() + row.value.as_ref().map_or(0, Bytes::len) + ROW_OVERHEAD_BYTES;
        let bytes = rows.iter().map(|row| row_bytes(&row.write)).sum();
        if bytes > LOG_FRAME_BYTES {
            return Err(StorageError::TransactionTooLarge { bytes, bytes_max: LOG_FRAME_BYTES });
        }
        if batch.bytes + bytes > LOG_FRAME_BYTES {
            return Ok(false);
        }
        batch.bytes += bytes;
        batch.add(rows);
        Ok(true)
    }

    fn check(&self, batch: &Batch, commit: &Commit) -> Result<(), StorageError> {
        let position = commit.snapshot.position();
        let (keys, ranges) = (&commit.reads.keys, &commit.reads.ranges);
        if position == self.last && batch.newest.is_empty() {
            return Ok(());
        }
        let recent = self.shared.recent();
        let conflict = keys.iter().any(|key| batch.newest.contains_key(key) || recent.changed(key, position))
            || ranges.iter().filter(|range| !range.is_empty()).any(|range| {
                batch.newest.range(range.from.clone()..range.to.clone()).next().is_some()
                    || recent.changed_within(range, position)
            });
        if conflict { Err(StorageError::Conflict) } else { Ok(()) }
    }

    /// Journals the batch, applies and publishes it. The position of its first transaction.
    fn make_durable(&mut self, batch: Batch) -> Result<Position, StorageError> {
        match self.journal.append(&batch) {
            Ok(()) => {}
            Err(StorageError::DiskFull) => return Err(StorageError::DiskFull),
            Err(error) => return Err(self.poison("a commit could not be made durable", &error)),
        }
        let last = self.last + batch.transactions.len() as u64;
        // (one-state): before the table changes.
        self.shared.recent_mut().insert(last, batch.undo);
        // The log has the batch, so the restart that is now needed will find it.
        let applied = self.shared.table.apply(last, &batch.newest);
        applied.map_err(|error| self.poison("a commit is in the log, but the index did not take it", &error))?;
        self.last = last;
        self.shared.active.publish(last);
        Ok(batch.first)
    }

    fn poison(&mut self, what: &str, error: &StorageError) -> StorageError {
        tracing::error!(%error, "{what}: nothing more is committed until a restart");
        self.poisoned = true;
        self.journal.poisoned(format!("{what}: {error}"));
        StorageError::OutcomeUnknown
    }
}

#[cfg(test)]
mod tests;
