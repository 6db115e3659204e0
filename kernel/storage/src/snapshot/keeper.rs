//! When snapshot files are made, and what is removed then.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use forecourt_base::limits::SNAPSHOTS_KEPT;

use crate::StorageError;
use crate::folder::Folder;
use crate::health::Condition;
use crate::log::{LogOptions, LogProgress, segment};
use crate::shared::Shared;
use crate::snapshot::{self, Copy, SnapshotFile};
use crate::store::StoredTable;

/// A snapshot that failed is tried again when the log has grown by this part of what makes one due.
const RETRY_PART: u64 = 4;

/// The length of the log at which the next snapshot file is due.
#[derive(Debug)]
pub(crate) struct Due {
    at: AtomicU64,
    log: Arc<LogProgress>,
    log_bytes: u64,
}

impl Due {
    /// `last_bytes`: the size of the newest snapshot file, 0 when there is none.
    pub(crate) fn new(log: Arc<LogProgress>, log_bytes: u64, last_bytes: u64) -> Self {
        Self { at: log_bytes.max(last_bytes).into(), log, log_bytes }
    }

    pub(crate) fn is_now(&self) -> bool {
        self.log.bytes() >= self.at.load(Ordering::Relaxed)
    }

    fn after(&self, log_bytes: u64, last_bytes: u64) {
        self.at.store(log_bytes.saturating_add(self.log_bytes.max(last_bytes)), Ordering::Relaxed);
    }

    fn retry(&self) {
        let later = (self.log_bytes / RETRY_PART).max(1);
        self.at.store(self.log.bytes().saturating_add(later), Ordering::Relaxed);
    }
}

/// Makes snapshot files of an engine's table and removes what they make needless.
pub(crate) struct Keeper<T> {
    pub(crate) shared: Arc<Shared<T>>,
    pub(crate) folder: Arc<Folder>,
    pub(crate) log: Arc<LogProgress>,
    pub(crate) condition: Arc<Condition>,
    pub(crate) options: LogOptions,
    pub(crate) due: Arc<Due>,
}

impl<T: StoredTable> Keeper<T> {
    #[cfg(test)]
    pub(crate) fn share(&self) -> Self {
        let Self { shared, folder, log, condition, options, due } = self;
        Self {
            shared: Arc::clone(shared),
            folder: Arc::clone(folder),
            log: Arc::clone(log),
            condition: Arc::clone(condition),
            options: options.clone(),
            due: Arc::clone(due),
        }
    }

    /// Makes a snapshot file and tidies up. Commits go on meanwhile; `go_on` is asked after each block. A failure harms nobody: it is logged, and
    /// tried again when the log has grown.
    pub(crate) fn run(&self, go_on: impl FnMut() -> bool) {
        let begun = self.log.bytes();
        match self.make(go_on).and_then(|made| made.map(|made| self.tidy().map(|()| made)).transpose()) {
            Ok(Some((file, bytes))) => {
                tracing::info!(path = %file.path.display(), bytes, "snapshot file made");
                self.due.after(begun, bytes);
            }
            Ok(None) => tracing::info!("the engine stops: no snapshot file was made"),
            Err(error) => {
                tracing::warn!(%error, "no snapshot file was made: tried again later");
                self.due.retry();
            }
        }
    }

    /// Makes a snapshot file; none when `go_on` ended it. The file and its size.
    pub(crate) fn make(&self, mut go_on: impl FnMut() -> bool) -> Result<Option<(SnapshotFile, u64)>, StorageError> {
        let (files, folder) = (&**self.folder.files(), self.folder.snapshots());
        snapshot::sweep(files, &folder, true)?;
        // INVARIANT (fuzzy-copy): what is published was applied, so everything up to the start is in the table.
        let start = self.shared.active.published();
        let mut copy = Copy::begin(files, &folder, self.options.random.next_u64(), start)?;
        loop {
            if !self.condition.has_room(0) {
                return Err(copy.abandon(StorageError::DiskFull));
            }
            match copy.block(&self.shared.table, self.options.snapshot_block_rows) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(copy.abandon(error)),
            }
            std::thread::sleep(self.options.snapshot_pause);
            if !go_on() {
                copy.abandon(StorageError::Closed);
                return Ok(None);
            }
        }
        let bytes = copy.bytes();
        // INVARIANT (fuzzy-copy): what can be read from the table is in the log, synced.
        copy.finish(self.log.synced()).map(|file| Some((file, bytes)))
    }

    /// Removes the snapshot files beyond those that are kept, and the segments of the log that no kept one needs.
    pub(crate) fn tidy(&self) -> Result<(), StorageError> {
        let files = &**self.folder.files();
        let (snapshots, log) = (self.folder.snapshots(), self.folder.log());
        let mut found = snapshot::list(files, &snapshots)?;
        let needless = found.split_off(found.len().min(SNAPSHOTS_KEPT));
        for file in needless.iter().rev() {
            files.remove(&file.path).map_err(|error| StorageError::io(&file.path, error))?;
        }
        if !needless.is_empty() {
            files.sync_dir(&snapshots).map_err(|error| StorageError::io(&snapshots, error))?;
        }
        // INVARIANT (two-ways-back)
        let oldest = match found.last() {
            Some(oldest) if found.len() == SNAPSHOTS_KEPT => oldest.start,
            _ => return Ok(()),
        };
        // After a kill the index then joins on to what is left of the log.
        self.shared.table.flush()?;
        while let Some(number) = self.log.first_below(oldest) {
            self.remove_segment(&log, number)?;
        }
        Ok(())
    }

    /// Each removal is on disk before the next, so that no later segment is gone while an earlier one is there.
    fn remove_segment(&self, folder: &Path, number: u64) -> Result<(), StorageError> {
        let (files, path) = (&**self.folder.files(), segment::path(folder, number));
        let io = |error| StorageError::io(&path, error);
        files.remove(&path).map_err(io)?;
        self.log.forget(number);
        files.sync_dir(folder).map_err(io)
    }
}
