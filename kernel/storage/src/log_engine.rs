//! The engine on disk: the commit log is the truth, sled the index over it.

mod opened;

pub(crate) use opened::Opened;

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
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
use crate::folder::Folder;
use crate::health::{Condition, Health};
use crate::keys::{Direction, RowRange};
use crate::locks::{ExclusiveGuard, Locks};
use crate::log::{Log, LogOptions};
use crate::shared::Shared;
use crate::sled_store::SledStore;
use crate::snapshot::Due;
use crate::store::{Store, StoredTable};

enum Message {
    Commit(Box<Request>),
    Close(oneshot::Sender<Result<(), StorageError>>),
}

/// The engine on disk.
#[derive(Debug)]
pub struct LogEngine;

impl LogEngine {
    /// Opens the data folder `path`, made where it is missing. After a kill the index is brought up to the log; where it cannot be trusted, it is made
    /// anew from a snapshot file and the log.
    ///
    /// # Errors
    /// [`StorageError::InUse`], [`StorageError::NewerFormat`], [`StorageError::NotADataFolder`], [`StorageError::Corrupt`], errors of the disk.
    pub async fn open(
        path: &Path,
        files: Arc<dyn Files>,
        options: LogOptions,
    ) -> Result<Arc<dyn Engine>, StorageError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let folder = Folder::open(&path, files)?;
            let store = SledStore::new(folder.index());
            DiskEngine::open(folder, &store, options)
        });
        let engine = opened.await.map_err(|error| StorageError::Index(error.to_string()))??;
        Ok(Arc::new(engine))
    }
}

/// An engine over a log and a table. A thread of its own orders and syncs the commits, another makes snapshot files.
pub(crate) struct DiskEngine<T: StoredTable> {
    queue: Option<mpsc::Sender<Message>>,
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    locks: Locks,
    shared: Arc<Shared<T>>,
    condition: Arc<Condition>,
    // Released last, when nothing touches the folder any more.
    folder: Arc<Folder>,
}

impl<T: StoredTable> DiskEngine<T> {
    fn open<S: Store<Table = T>>(folder: Folder, store: &S, options: LogOptions) -> Result<Self, StorageError> {
        let Opened { folder, shared, log, condition, keeper } = Opened::open(folder, store, options)?;
        let (due, stop) = (Arc::clone(&keeper.due), Arc::new(AtomicBool::new(false)));
        let (wake, woken) = sync_channel::<()>(1);
        let stopped = Arc::clone(&stop);
        let copying = spawn(&folder, "snapshot", move || {
            while woken.recv().is_ok() && !stopped.load(Ordering::Acquire) {
                keeper.run(|| !stopped.load(Ordering::Acquire));
            }
        })?;
        let (queue, messages) = mpsc::channel(COMMIT_QUEUE_TRANSACTIONS);
        let committer = Committer::new(Arc::clone(&shared), log);
        let (stopping, index) = (Arc::clone(&stop), (Arc::clone(&shared), Arc::clone(&folder)));
        let loop_ = CommitLoop { committer, shared: index.0, folder: index.1, due, wake, stop: stopping, copying };
        let committing = spawn(&folder, "committer", move || loop_.run(messages))?;
        Ok(Self {
            queue: Some(queue),
            threads: vec![committing],
            stop,
            locks: Locks::default(),
            shared,
            condition,
            folder,
        })
    }

    fn send(&self, message: Message) -> Result<(), StorageError> {
        let queue = self.queue.as_ref().ok_or(StorageError::Closed)?;
        queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => StorageError::Full,
            TrySendError::Closed(_) => StorageError::Closed,
        })
    }
}

impl<T: StoredTable> Drop for DiskEngine<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl<T: StoredTable> fmt::Debug for DiskEngine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogEngine(at {} of {})", self.stable_position(), self.folder.log().display())
    }
}

fn spawn(folder: &Folder, name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StorageError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error| StorageError::io(&folder.log(), error))
}

/// What the committer's thread does.
struct CommitLoop<T: StoredTable> {
    committer: Committer<T, Log>,
    shared: Arc<Shared<T>>,
    folder: Arc<Folder>,
    due: Arc<Due>,
    wake: SyncSender<()>,
    stop: Arc<AtomicBool>,
    copying: JoinHandle<()>,
}

impl<T: StoredTable> CommitLoop<T> {
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
            if self.shared.table.is_damaged() {
                self.folder.distrust_index();
            }
            if self.due.is_now() {
                // Where the thread is at it already, it is told again later.
                let _ = self.wake.try_send(());
            }
        }
        match closing {
            Some(closing) => {
                let _ = closing.send(self.close());
            }
            None => drop(self.end()),
        }
    }

    /// Ends the thread that makes snapshot files, and the log.
    fn end(self) -> (Arc<Shared<T>>, Arc<Folder>, bool) {
        self.stop.store(true, Ordering::Release);
        drop(self.wake);
        let _ = self.copying.join();
        let poisoned = self.committer.is_poisoned();
        drop(self.committer.into_journal());
        (self.shared, self.folder, poisoned)
    }

    /// Leaves the folder so that the next kernel can trust the index.
    fn close(self) -> Result<(), StorageError> {
        let (shared, folder, poisoned) = self.end();
        if poisoned {
            return Err(StorageError::Poisoned);
        }
        shared.table.sync()?;
        folder.set_stopped()
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
impl<T: StoredTable> Engine for DiskEngine<T> {
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

    fn health(&self) -> Health {
        self.condition.health()
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
