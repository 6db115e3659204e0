//! The engine that keeps all in memory: for tests, and for kernels whose data nobody wants to keep.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use forecourt_base::GroupId;
use tokio::sync::oneshot;

use crate::StorageError;
use crate::committer::{Batch, Committer, Journal, Request};
use crate::engine::{AtPosition, Commit, Engine, Position, RawRow, Snapshot};
use crate::keys::{Direction, RowRange};
use crate::locks::{ExclusiveGuard, Locks};
use crate::shared::{Shared, Table};

#[derive(Default)]
pub(crate) struct MemoryTable(RwLock<BTreeMap<Bytes, Bytes>>);

impl Table for MemoryTable {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn range(&self, range: &RowRange, direction: Direction, limit: usize) -> Result<Vec<RawRow>, StorageError> {
        let rows = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = rows.range(range.from.clone()..range.to.clone()).map(|(key, value)| (key.clone(), value.clone()));
        Ok(match direction {
            Direction::Forward => found.take(limit).collect(),
            Direction::Backward => found.rev().take(limit).collect(),
        })
    }

    fn apply(&self, _: Position, changes: &BTreeMap<Bytes, Option<Bytes>>) -> Result<(), StorageError> {
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in changes {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(())
    }
}

/// Nothing is durable in memory.
pub(crate) struct NoJournal;

impl Journal for NoJournal {
    fn append(&mut self, _: &Batch) -> Result<(), StorageError> {
        Ok(())
    }
}

/// Makes engines in memory. Commits run in the task that asks for them, so a commit costs no change of threads.
#[derive(Debug)]
pub struct MemoryEngine;

impl MemoryEngine {
    /// An empty engine.
    #[expect(clippy::new_ret_no_self, reason = "an engine is used through its trait only")]
    #[must_use]
    pub fn new() -> Arc<dyn Engine> {
        JournalledEngine::over(Arc::new(Shared::new(MemoryTable::default(), 0)), NoJournal)
    }
}

/// A table in memory behind a journal.
pub(crate) struct JournalledEngine<J> {
    shared: Arc<Shared<MemoryTable>>,
    committer: Mutex<Committer<MemoryTable, J>>,
    locks: Locks,
}

impl<J: Journal + 'static> JournalledEngine<J> {
    pub(crate) fn over(shared: Arc<Shared<MemoryTable>>, journal: J) -> Arc<dyn Engine> {
        let committer = Mutex::new(Committer::new(Arc::clone(&shared), journal));
        Arc::new(Self { shared, committer, locks: Locks::default() })
    }
}

impl<J> fmt::Debug for JournalledEngine<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryEngine(at {})", self.shared.active.published())
    }
}

#[async_trait]
impl<J: Journal + 'static> Engine for JournalledEngine<J> {
    fn stable_position(&self) -> Position {
        self.shared.active.published()
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        self.shared.snapshot()
    }

    async fn get(&self, snapshot: &Snapshot, key: &[u8]) -> Result<AtPosition<Option<Bytes>>, StorageError> {
        self.shared.get(snapshot, key)
    }

    async fn newest(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.shared.newest(key)
    }

    async fn range(
        &self,
        snapshot: &Snapshot,
        range: &RowRange,
        direction: Direction,
        limit: usize,
    ) -> Result<AtPosition<Vec<RawRow>>, StorageError> {
        self.shared.range(snapshot, range, direction, limit)
    }

    async fn commit(&self, mut commit: Commit) -> Result<Position, StorageError> {
        let permit = self.locks.permit(commit.group.as_ref(), commit.exclusive.take()).await;
        self.shared.check_open()?;
        let (answer, answered) = oneshot::channel();
        let mut queue = VecDeque::from([Request { commit, permit, answer }]);
        self.committer.lock().unwrap_or_else(PoisonError::into_inner).run(&mut queue);
        answered.await.unwrap_or(Err(StorageError::Closed))
    }

    async fn exclusive(&self, group: Option<&GroupId>) -> ExclusiveGuard {
        self.locks.exclusive(group).await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.shared.close();
        Ok(())
    }
}
