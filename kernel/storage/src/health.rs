//! Whether commits can be made durable, and how much room the disk has for them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::StorageError;
use crate::files::Files;

/// What an engine can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Reads and commits.
    Ok,
    /// Reads alone, until there is room on the disk again. Commits are answered [`StorageError::DiskFull`].
    ReadOnly {
        /// Why, for people.
        reason: String,
    },
    /// Reads alone, until a restart. Commits are answered [`StorageError::Poisoned`].
    Poisoned {
        /// Why, for people.
        reason: String,
    },
}

#[derive(Debug, Default)]
struct State {
    /// The bytes for which there was no room.
    refused: Option<u64>,
    poisoned: Option<String>,
}

/// Watches the room on the disk and remembers what failed.
///
/// Commits leave `reserve` bytes free, so that the index, which is written after the log, does not meet a full disk.
#[derive(Debug)]
pub(crate) struct Condition {
    files: Arc<dyn Files>,
    folder: PathBuf,
    reserve: u64,
    state: Mutex<State>,
}

impl Condition {
    pub(crate) fn new(files: Arc<dyn Files>, folder: PathBuf, reserve: u64) -> Self {
        Self { files, folder, reserve, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the disk has room for `more` bytes beside the reserve. Changes nothing.
    pub(crate) fn has_room(&self, more: u64) -> bool {
        match self.files.free_bytes(&self.folder) {
            Ok(free) => free >= self.reserve.saturating_add(more),
            Err(error) => {
                tracing::warn!(%error, "the room on the disk cannot be found out");
                true
            }
        }
    }

    /// Lets `more` bytes be written, or makes the engine read-only.
    pub(crate) fn claim(&self, more: u64) -> Result<(), StorageError> {
        if self.has_room(more) {
            if self.state().refused.take().is_some() {
                tracing::info!("the disk has room again: commits go on");
            }
            return Ok(());
        }
        Err(self.refuse(more))
    }

    /// The disk had no room for `more` bytes.
    pub(crate) fn refuse(&self, more: u64) -> StorageError {
        if self.state().refused.replace(more).is_none() {
            let (reserve, folder) = (self.reserve, self.folder.display());
            tracing::error!(%folder, reserve, more, "the disk is full: nothing is committed until there is room");
        }
        StorageError::DiskFull
    }

    /// Whether the last claim was refused, and whether its bytes would still be.
    pub(crate) fn recheck(&self) -> Result<(), StorageError> {
        let refused = self.state().refused;
        refused.map_or(Ok(()), |more| self.claim(more))
    }

    pub(crate) fn poison(&self, reason: String) {
        self.state().poisoned.get_or_insert(reason);
    }

    pub(crate) fn health(&self) -> Health {
        let _ = self.recheck();
        let state = self.state();
        match (&state.poisoned, state.refused) {
            (Some(reason), _) => Health::Poisoned { reason: reason.clone() },
            (None, Some(more)) => {
                let (reserve, folder) = (self.reserve, self.folder.display());
                let reason = format!(
                    "the disk of `{folder}` has no room for {more} bytes beside the {reserve} that stay free: free some space"
                );
                Health::ReadOnly { reason }
            }
            (None, None) => Health::Ok,
        }
    }
}
