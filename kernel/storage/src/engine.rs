//! What a transaction needs of an engine.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use forecourt_base::GroupId;

use crate::StorageError;
use crate::active::Active;
use crate::add::Adds;
use crate::health::Health;
use crate::keys::{Direction, RowRange};
use crate::locks::ExclusiveGuard;

/// The number of a commit: 0 is the empty store, each transaction that wrote takes the next.
pub type Position = u64;

/// A row's key and value.
pub type RawRow = (Bytes, Bytes);

/// What was read at a snapshot's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtPosition<T> {
    /// What there was.
    pub value: T,
    /// Whether a later commit changed it.
    pub changed_since: bool,
}

/// Where rows are kept and commits ordered. Implemented in this crate alone; transactions are the way to use it.
#[async_trait]
pub trait Engine: Send + Sync + fmt::Debug {
    /// The newest position that readers see.
    fn stable_position(&self) -> Position;

    /// Begins to read at the newest position. Until the snapshot is dropped the engine remembers what the rows that change were before, as far as
    /// `UNDO_BYTES` go for all readers together.
    ///
    /// # Errors
    /// [`StorageError::Closed`].
    fn snapshot(&self) -> Result<Snapshot, StorageError>;

    /// The row at the snapshot's position.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when more has changed since than is remembered; errors of the disk.
    async fn get(&self, snapshot: &Snapshot, key: &[u8]) -> Result<AtPosition<Option<Bytes>>, StorageError>;

    /// The newest row, whenever it was committed.
    ///
    /// # Errors
    /// Errors of the disk.
    async fn newest(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError>;

    /// The first `limit` rows of the range at the snapshot's position, in the order of `direction`.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when more has changed since than is remembered; errors of the disk.
    async fn range(
        &self,
        snapshot: &Snapshot,
        range: &RowRange,
        direction: Direction,
        limit: usize,
    ) -> Result<AtPosition<Vec<RawRow>>, StorageError>;

    /// Commits, durably where the engine is. Once queued the commit goes on even when the future is dropped.
    ///
    /// # Errors
    /// [`StorageError::Conflict`], [`StorageError::Full`], [`StorageError::DiskFull`], [`StorageError::OutcomeUnknown`] and others.
    async fn commit(&self, commit: Commit) -> Result<Position, StorageError>;

    /// Keeps other commits of the group (none: of the deployment) out until the guard is dropped, once those queued have ended.
    async fn exclusive(&self, group: Option<&GroupId>) -> ExclusiveGuard;

    /// Whether commits can be made durable.
    fn health(&self) -> Health {
        Health::Ok
    }

    /// Ends the engine: commits that are queued are finished, later ones refused, all is on disk.
    ///
    /// # Errors
    /// Errors of the disk.
    async fn close(&self) -> Result<(), StorageError>;
}

/// A position that is being read at.
#[derive(Debug)]
pub struct Snapshot {
    position: Position,
    active: Arc<Active>,
}

impl Snapshot {
    pub(crate) fn new(position: Position, active: Arc<Active>) -> Self {
        Self { position, active }
    }

    /// The position.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.active.end(self.position);
    }
}

/// What a transaction hands over to be committed.
#[derive(Debug)]
pub struct Commit {
    pub(crate) snapshot: Snapshot,
    pub(crate) group: Option<GroupId>,
    pub(crate) exclusive: Option<ExclusiveGuard>,
    pub(crate) reads: ReadSet,
    pub(crate) records: Vec<RecordChange>,
    pub(crate) stamped: Vec<Stamped>,
}

/// The rows and ranges that a transaction has read: no other may have changed them when it commits.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    pub(crate) keys: HashSet<Bytes>,
    pub(crate) ranges: Vec<RowRange>,
}

/// A change of one record.
#[derive(Debug)]
pub(crate) struct RecordChange {
    /// The record's row.
    pub(crate) row: Bytes,
    /// The length of its place, needed to find its index rows and chunks.
    pub(crate) prefix_len: usize,
    pub(crate) change: Change,
}

/// The three ways in which a record changes.
#[derive(Debug)]
pub(crate) enum Change {
    Put(Encoded),
    Delete,
    Add(Adds),
}

/// A record as it will lie in its rows.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) row: Bytes,
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) entries: Vec<Bytes>,
}

/// A record whose key is completed with the position of its commit.
#[derive(Debug)]
pub(crate) struct Stamped {
    /// The row up to the position.
    pub(crate) row: Bytes,
    pub(crate) prefix_len: usize,
    pub(crate) value: Encoded,
}
