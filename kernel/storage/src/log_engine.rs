//! The engine on disk: the commit log is the truth, sled the index over it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use bytes::Bytes;
use forecourt_base::GroupId;
use forecourt_base::limits::{COMMIT_BATCH_TRANSACTIONS, COMMIT_QUEUE_TRANSACTIONS};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::StorageError;
use crate::committer::{Committer, Request};
use crate::engine::{AtPosition, Commit, Engine, Position, RawRow, Snapshot};
use crate::files::Files;
use crate::folder::{Folder, State};
use crate::keys::{Direction, RowRange};
use crate::locks::{ExclusiveGuard, Locks};
use crate::log::replay::{End, replay};
use crate::log::{Log, LogOptions};
use crate::shared::{Shared, Table};
use crate::sled_store::SledTable;

/// Frames are applied to the index together until they have this many rows.
const REPLAY_ROWS: usize = 4_096;

enum Message {
    Commit(Box<Request>),
    Close(oneshot::Sender<Result<(), StorageError>>),
}

/// An engine on disk. A thread of its own orders and syncs the commits.
pub struct LogEngine {
    queue: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    locks: Locks,
    shared: Arc<Shared<SledTable>>,
    // Released last, when nothing touches the folder any more.
    folder: Arc<Folder>,
}

impl LogEngine {
    /// Opens the data folder `path`, made where it is missing. After a kill the index is brought up to the log; where it cannot be trusted, it is made
    /// anew from the log.
    ///
    /// # Errors
    /// [`StorageError::InUse`], [`StorageError::NewerFormat`], [`StorageError::NotADataFolder`], [`StorageError::Corrupt`], errors of the disk.
    pub async fn open(
        path: &Path,
        files: Arc<dyn Files>,
        options: LogOptions,
    ) -> Result<Arc<dyn Engine>, StorageError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::open_now(&path, files, options)).await;
        let engine = opened.map_err(|error| StorageError::Index(error.to_string()))??;
        Ok(Arc::new(engine))
    }

    fn open_now(path: &Path, files: Arc<dyn Files>, options: LogOptions) -> Result<Self, StorageError> {
        let folder = Arc::new(Folder::open(path, files)?);
        let (table, end) = open_index(&folder)?;
        let shared = Arc::new(Shared::new(table, end.last));
        let log = Log::open(Arc::clone(folder.files()), folder.log(), options, end)?;
        let committer = Committer::new(Arc::clone(&shared), log);
        let (queue, messages) = mpsc::channel(COMMIT_QUEUE_TRANSACTIONS);
        let loop_ = CommitLoop { committer, shared: Arc::clone(&shared), folder: Arc::clone(&folder) };
        let thread = std::thread::Builder::new().name("committer".to_owned()).spawn(move || loop_.run(messages));
        let thread = thread.map_err(|error| StorageError::io(path, error))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), locks: Locks::default(), shared, folder })
    }

    fn send(&self, message: Message) -> Result<(), StorageError> {
        let queue = self.queue.as_ref().ok_or(StorageError::Closed)?;
        queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => StorageError::Full,
            TrySendError::Closed(_) => StorageError::Closed,
        })
    }
}

impl Drop for LogEngine {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for LogEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogEngine(at {} of {})", self.stable_position(), self.folder.log().display())
    }
}

/// The index, brought up to the end of the log.
fn open_index(folder: &Folder) -> Result<(SledTable, End), StorageError> {
    if folder.index_is_trusted()? {
        folder.set_running()?;
        match SledTable::open(&folder.index()).and_then(|table| Ok((table.applied()?, table))) {
            Ok((applied, table)) => {
                let end = catch_up(folder, &table, applied)?;
                return Ok((table, end));
            }
            Err(StorageError::DiskFull) => return Err(StorageError::DiskFull),
            Err(error) => tracing::warn!(%error, "the index does not open: making it anew from the log"),
        }
    }
    // Until the new index is whole, whoever opens the folder must begin again.
    folder.set_state(&State::Rebuilding)?;
    SledTable::remove(&folder.index())?;
    let table = SledTable::open(&folder.index())?;
    let end = catch_up(folder, &table, 0)?;
    folder.set_running()?;
    Ok((table, end))
}

/// Applies what the log has and the index has not.
fn catch_up(folder: &Folder, table: &SledTable, applied: Position) -> Result<End, StorageError> {
    let mut rows = BTreeMap::new();
    let mut position = applied;
    let mut told = applied;
    let end = replay(&**folder.files(), &folder.log(), applied, |frame| {
        position = frame.last();
        rows.extend(frame.transactions.into_iter().flatten().map(|row| (row.key, row.value)));
        if rows.len() >= REPLAY_ROWS {
            table.apply(position, &rows)?;
            rows.clear();
        }
        if position >= told + 10_000 {
            tracing::info!(position, "reading the log back");
            told = position;
        }
        Ok(())
    })?;
    if position > applied {
        table.apply(position, &rows)?;
        tracing::info!(from = applied, to = position, "the index was behind the log and has caught up");
    }
    Ok(end)
}

/// What the committer's thread does.
struct CommitLoop {
    committer: Committer<SledTable, Log>,
    shared: Arc<Shared<SledTable>>,
    folder: Arc<Folder>,
}

impl CommitLoop {
    /// Takes what has queued while the last batch was synced, and commits it, until the engine is closed or dropped.
    fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut queue = VecDeque::new();
        let mut closing = None;
        loop {
            if queue.is_empty() {
                match messages.blocking_recv() {
                    Some(message) => take(message, &mut queue, &mut closing),
                    None => break,
                }
            }
            while queue.len() < COMMIT_BATCH_TRANSACTIONS
                && let Ok(message) = messages.try_recv()
            {
                take(message, &mut queue, &mut closing);
            }
            if closing.is_some() {
                messages.close();
            }
            self.committer.run(&mut queue);
        }
        if let Some(closing) = closing {
            let _ = closing.send(self.stop());
        }
    }

    /// Leaves the folder so that the next kernel can trust the index.
    fn stop(self) -> Result<(), StorageError> {
        if self.committer.is_poisoned() {
            return Err(StorageError::Poisoned);
        }
        drop(self.committer.into_journal());
        self.shared.table.sync()?;
        self.folder.set_state(&State::Stopped)
    }
}

fn take(
    message: Message,
    queue: &mut VecDeque<Request>,
    closing: &mut Option<oneshot::Sender<Result<(), StorageError>>>,
) {
    match message {
        Message::Commit(request) => queue.push_back(*request),
        Message::Close(answer) => *closing = Some(answer),
    }
}

#[async_trait]
impl Engine for LogEngine {
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
        self.send(Message::Commit(Box::new(Request { commit, permit, answer })))?;
        answered.await.unwrap_or(Err(StorageError::OutcomeUnknown))
    }

    async fn exclusive(&self, group: Option<&GroupId>) -> ExclusiveGuard {
        self.locks.exclusive(group).await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.shared.close();
        let (answer, answered) = oneshot::channel();
        self.send(Message::Close(answer))?;
        answered.await.unwrap_or(Err(StorageError::Closed))
    }
}

#[cfg(test)]
mod tests;
