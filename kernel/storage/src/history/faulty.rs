//! Engines that are wrong in one way each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use forecourt_base::GroupId;

use crate::committer::{Batch, Journal};
use crate::engine::AtPosition;
use crate::keys::RowRange;
use crate::memory::{JournalledEngine, MemoryTable};
use crate::shared::{Shared, Table};
use crate::{Commit, Direction, Engine, ExclusiveGuard, MemoryEngine, Position, RawRow, Snapshot, StorageError};

/// What an engine fails to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Ranges that were read are not checked at the commit.
    NoRangeCheck,
    /// Nothing that was read is checked, only what is written: snapshot isolation, where the first to commit wins.
    SnapshotIsolation,
}

/// The engine in memory with a fault.
#[derive(Debug)]
pub(super) struct Faulty {
    engine: Arc<dyn Engine>,
    fault: Fault,
}

impl Faulty {
    pub(super) fn engine(fault: Fault) -> Arc<dyn Engine> {
        Arc::new(Self { engine: MemoryEngine::new(), fault })
    }

    fn hide_changes<T>(&self, read: AtPosition<T>) -> AtPosition<T> {
        AtPosition { changed_since: read.changed_since && self.fault != Fault::SnapshotIsolation, ..read }
    }
}

#[async_trait]
impl Engine for Faulty {
    fn stable_position(&self) -> Position {
        self.engine.stable_position()
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        self.engine.snapshot()
    }

    async fn get(&self, snapshot: &Snapshot, key: &[u8]) -> Result<AtPosition<Option<Bytes>>, StorageError> {
        Ok(self.hide_changes(self.engine.get(snapshot, key).await?))
    }

    async fn newest(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.engine.newest(key).await
    }

    async fn range(
        &self,
        snapshot: &Snapshot,
        range: &RowRange,
        direction: Direction,
        limit: usize,
    ) -> Result<AtPosition<Vec<RawRow>>, StorageError> {
        Ok(self.hide_changes(self.engine.range(snapshot, range, direction, limit).await?))
    }

    async fn commit(&self, mut commit: Commit) -> Result<Position, StorageError> {
        commit.reads.ranges.clear();
        if self.fault == Fault::SnapshotIsolation {
            commit.reads.keys = commit.records.iter().map(|record| record.row.clone()).collect();
        }
        self.engine.commit(commit).await
    }

    async fn exclusive(&self, group: Option<&GroupId>) -> ExclusiveGuard {
        self.engine.exclusive(group).await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.engine.close().await
    }
}

/// What happens between a batch's way into the table and its publication.
pub(super) type Meanwhile = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// Runs in the place where the log is written, which is before the undo images are there.
struct Early {
    shared: Arc<Shared<MemoryTable>>,
    meanwhile: Meanwhile,
    /// Whether the table is changed here already.
    applies: bool,
}

impl Journal for Early {
    fn append(&mut self, batch: &Batch) -> Result<(), StorageError> {
        if self.applies {
            let rows = batch.transactions.iter().flatten().map(|row| (row.key.clone(), row.value.clone()));
            self.shared.table.apply(batch.first, &rows.collect::<BTreeMap<_, _>>())?;
        }
        if let Some(meanwhile) = self.meanwhile.lock().unwrap().take() {
            meanwhile();
        }
        Ok(())
    }
}

/// An engine in memory that runs `meanwhile` once, in the midst of a commit. With `late` its undo images come after the table has changed; without that
/// fault it is right.
pub(super) fn interrupted(late: bool, meanwhile: &Meanwhile) -> Arc<dyn Engine> {
    let shared = Arc::new(Shared::new(MemoryTable::default(), 0));
    let journal = Early { shared: Arc::clone(&shared), meanwhile: Arc::clone(meanwhile), applies: late };
    JournalledEngine::over(shared, journal)
}
