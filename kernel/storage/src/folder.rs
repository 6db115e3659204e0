//! The data folder: its format, who has it open, and whether what lies in it can be trusted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::StorageError;
use crate::files::{FileLock, Files, read_all, replace};

/// The version of all that lies in the folder.
const FORMAT: u32 = 1;
const FORMAT_FILE: &str = "format";
const FORMAT_WORDS: &str = "forecourt storage ";
const LOCK_FILE: &str = "lock";
const STATE_FILE: &str = "state";
const LOG_FOLDER: &str = "log";
const SNAPSHOT_FOLDER: &str = "snapshots";
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

/// A folder that this kernel alone has open.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    files: Arc<dyn Files>,
    _lock: Box<dyn FileLock>,
}

impl Folder {
    /// Locks the folder and checks its format; makes it where it is missing or empty.
    pub(crate) fn open(path: &Path, files: Arc<dyn Files>) -> Result<Self, StorageError> {
        let io = |error| StorageError::io(path, error);
        let folder = || path.display().to_string();
        files.create_dir(path).map_err(io)?;
        let lock = files.lock(&path.join(LOCK_FILE)).map_err(io)?;
        let lock = lock.ok_or_else(|| StorageError::InUse { folder: folder() })?;
        let names = files.list(path).map_err(io)?;
        if names.iter().any(|name| name == FORMAT_FILE) {
            let file = files.open(&path.join(FORMAT_FILE)).map_err(io)?;
            let bytes = read_all(&*file).map_err(io)?;
            let text = String::from_utf8_lossy(&bytes);
            let found = text.trim_end().strip_prefix(FORMAT_WORDS).and_then(|number| number.parse::<u32>().ok());
            match found {
                Some(FORMAT) => {}
                Some(found) if found > FORMAT => {
                    return Err(StorageError::NewerFormat { folder: folder(), found, known: FORMAT });
                }
                _ => return Err(StorageError::NotADataFolder { folder: folder() }),
            }
        } else {
            let unfinished = format!("{FORMAT_FILE}.new");
            if names.iter().any(|name| *name != LOCK_FILE && *name != unfinished) {
                return Err(StorageError::NotADataFolder { folder: folder() });
            }
            replace(&*files, path, FORMAT_FILE, format!("{FORMAT_WORDS}{FORMAT}\n").as_bytes()).map_err(io)?;
        }
        files.create_dir(&path.join(LOG_FOLDER)).map_err(io)?;
        files.create_dir(&path.join(SNAPSHOT_FOLDER)).map_err(io)?;
        files.sync_dir(path).map_err(io)?;
        Ok(Self { path: path.to_owned(), files, _lock: lock })
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
