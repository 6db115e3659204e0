//! The data folder: its format, who has it open, and whether what lies in it can be trusted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::StorageError;
use crate::files::{FileLock, Files, read_all, replace};

/// The version of all that lies in the folder.
const FORMAT: u32 = 1;
pub(crate) const FORMAT_FILE: &str = "format";
const FORMAT_WORDS: &str = "forecourt storage ";
const LOCK_FILE: &str = "lock";
const STATE_FILE: &str = "state";
pub(crate) const LOG_FOLDER: &str = "log";
pub(crate) const SNAPSHOT_FOLDER: &str = "snapshots";
const SCRATCH_FOLDER: &str = "verify";
const INDEX_FOLDER: &str = "index";

/// How the last kernel left the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Whole and synced.
    Stopped,
    /// In use; whole as long as the machine was not restarted since.
    Running { boot_id: String },
    /// Not to be trusted: it must be made from the log.
    Rebuilding,
}

/// Keeps other kernels out until the lock is dropped.
pub(crate) fn lock(path: &Path, files: &dyn Files) -> Result<Box<dyn FileLock>, StorageError> {
    let lock = files.lock(&path.join(LOCK_FILE)).map_err(|error| StorageError::io(path, error))?;
    lock.ok_or_else(|| StorageError::InUse { folder: path.display().to_string() })
}

/// Whether the folder says what its format is, and that is ours.
fn has_format(path: &Path, files: &dyn Files) -> Result<bool, StorageError> {
    let folder = || path.display().to_string();
    let bytes = match files.open(&path.join(FORMAT_FILE)).and_then(|file| read_all(&*file)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(StorageError::io(path, error)),
    };
    let text = String::from_utf8_lossy(&bytes);
    match text.trim_end().strip_prefix(FORMAT_WORDS).and_then(|number| number.parse::<u32>().ok()) {
        Some(FORMAT) => Ok(true),
        Some(found) if found > FORMAT => Err(StorageError::NewerFormat { folder: folder(), found, known: FORMAT }),
        _ => Err(StorageError::NotADataFolder { folder: folder() }),
    }
}

/// A folder that this kernel alone has open.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    files: Arc<dyn Files>,
    /// Set once the index was found wrong: from then on no later kernel is to trust it.
    distrusted: AtomicBool,
    _lock: Box<dyn FileLock>,
}

impl Folder {
    /// Locks the folder and checks its format; makes it where it is missing or empty.
    pub(crate) fn open(path: &Path, files: Arc<dyn Files>) -> Result<Self, StorageError> {
        let io = |error| StorageError::io(path, error);
        files.create_dir(path).map_err(io)?;
        let lock = lock(path, &*files)?;
        if !has_format(path, &*files)? {
            let unfinished = format!("{FORMAT_FILE}.new");
            let names = files.list(path).map_err(io)?;
            if names.iter().any(|name| *name != LOCK_FILE && *name != unfinished) {
                return Err(StorageError::NotADataFolder { folder: path.display().to_string() });
            }
            replace(&*files, path, FORMAT_FILE, format!("{FORMAT_WORDS}{FORMAT}\n").as_bytes()).map_err(io)?;
        }
        files.create_dir(&path.join(LOG_FOLDER)).map_err(io)?;
        files.create_dir(&path.join(SNAPSHOT_FOLDER)).map_err(io)?;
        files.sync_dir(path).map_err(io)?;
        Ok(Self { path: path.to_owned(), files, distrusted: AtomicBool::new(false), _lock: lock })
    }

    /// The same for a folder that must be there.
    pub(crate) fn open_existing(path: &Path, files: Arc<dyn Files>) -> Result<Self, StorageError> {
        let listed = files.list(path);
        if !listed.is_ok_and(|names| names.iter().any(|name| name == FORMAT_FILE)) {
            return Err(StorageError::NotADataFolder { folder: path.display().to_string() });
        }
        Self::open(path, files)
    }

    pub(crate) fn files(&self) -> &Arc<dyn Files> {
        &self.files
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join(LOG_FOLDER)
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.path.join(SNAPSHOT_FOLDER)
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.path.join(INDEX_FOLDER)
    }

    /// The state in which the folder was left. A new folder has no index yet, which is made from its empty log.
    pub(crate) fn state(&self) -> Result<State, StorageError> {
        let path = self.path.join(STATE_FILE);
        let bytes = match self.files.open(&path) {
            Ok(file) => read_all(&*file).map_err(|error| StorageError::io(&path, error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Rebuilding),
            Err(error) => return Err(StorageError::io(&path, error)),
        };
        let text = String::from_utf8_lossy(&bytes);
        Ok(match text.trim_end().split_once(' ') {
            Some(("running", boot_id)) => State::Running { boot_id: boot_id.to_owned() },
            None if text.trim_end() == "stopped" => State::Stopped,
            _ => State::Rebuilding,
        })
    }

    pub(crate) fn set_state(&self, state: &State) -> Result<(), StorageError> {
        let text = match state {
            State::Stopped => "stopped\n".to_owned(),
            State::Running { boot_id } => format!("running {boot_id}\n"),
            State::Rebuilding => "rebuilding\n".to_owned(),
        };
        replace(&*self.files, &self.path, STATE_FILE, text.as_bytes())
            .map_err(|error| StorageError::io(&self.path, error))
    }

    /// Has the next kernel make the index anew, whatever becomes of this one.
    pub(crate) fn distrust_index(&self) {
        if self.distrusted.swap(true, Ordering::AcqRel) {
            return;
        }
        tracing::error!("the index is damaged: restart the kernel, which makes it anew from the log");
        if let Err(error) = self.set_state(&State::Rebuilding) {
            tracing::error!(%error, "that the index is damaged could not be noted");
        }
    }

    /// The state of a folder whose index is whole and synced.
    pub(crate) fn set_stopped(&self) -> Result<(), StorageError> {
        if self.distrusted.load(Ordering::Acquire) { Ok(()) } else { self.set_state(&State::Stopped) }
    }

    /// Where tables that are needed for a moment are made.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.path.join(SCRATCH_FOLDER)
    }

    /// Whether the index can be used as it lies there.
    pub(crate) fn index_is_trusted(&self) -> Result<bool, StorageError> {
        Ok(match self.state()? {
            State::Stopped => true,
            State::Running { boot_id } => self.files.boot_id().is_some_and(|now| now == boot_id),
            State::Rebuilding => false,
        })
    }

    /// The state while this kernel runs. Where nothing names the time since the machine's start, no later kernel will trust what is not stopped.
    pub(crate) fn set_running(&self) -> Result<(), StorageError> {
        let boot_id = self.files.boot_id().unwrap_or_else(|| "unknown".to_owned());
        self.set_state(&State::Running { boot_id })
    }
}
