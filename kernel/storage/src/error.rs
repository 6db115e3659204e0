//! What can go wrong with stored data.

use std::io;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

/// Why storage refused or failed.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another transaction changed what this one read. Run the transaction again.
    #[error("another transaction changed what this one read: run it again")]
    Conflict,
    /// A record that must exist does not.
    #[error("the record does not exist")]
    NotFound,
    /// A write was asked of a read-only transaction.
    #[error("the transaction may only read")]
    ReadOnly,
    /// A collection's name, owner or place was refused.
    #[error("`{name}` is not a name that a collection may have")]
    BadName {
        /// The refused name.
        name: String,
    },
    /// A record's key is empty.
    #[error("a record's key must not be empty")]
    EmptyKey,
    /// A record's key, or an index entry with its key, is too long.
    #[error("a key of {bytes} bytes is longer than the {bytes_max} allowed")]
    KeyTooLong {
        /// Its length.
        bytes: usize,
        /// The greatest length.
        bytes_max: usize,
    },
    /// A range ends before it begins.
    #[error("the range ends before it begins")]
    BadRange,
    /// A record's value is too large.
    #[error("a value of {bytes} bytes is larger than the {bytes_max} allowed")]
    ValueTooLarge {
        /// Its length.
        bytes: usize,
        /// The greatest length.
        bytes_max: usize,
    },
    /// A record has too many index entries.
    #[error("{entries} index entries are more than the {entries_max} that a record may have")]
    TooManyEntries {
        /// Their number.
        entries: usize,
        /// The greatest number.
        entries_max: usize,
    },
    /// The transaction as a whole does not fit into one frame of the log.
    #[error("the transaction writes {bytes} bytes, more than the {bytes_max} that fit into one commit")]
    TransactionTooLarge {
        /// What it would write.
        bytes: usize,
        /// The greatest size.
        bytes_max: usize,
    },
    /// A range holds more than the transaction may still read.
    #[error("the transaction reads more than the {bytes_max} bytes that it may")]
    TooMuchRead {
        /// What it may read in all.
        bytes_max: usize,
    },
    /// `add` met a value that is no JSON object, or a field that is no integer.
    #[error("field `{field}` cannot be added to: the record is no object or the field no integer")]
    NotAnInteger {
        /// The field.
        field: String,
    },
    /// `add` would leave the range of the field's type.
    #[error("adding to field `{field}` leaves the range of its type")]
    AddOverflow {
        /// The field.
        field: String,
    },
    /// A kernel record is not the JSON it should be.
    #[error("a stored record cannot be read or written as JSON: {0}")]
    Json(Arc<serde_json::Error>),
    /// The disk failed while the commit was made durable: it may or may not be found after a restart.
    #[error("the disk failed while the transaction was committed: its outcome is unknown until the kernel restarts")]
    OutcomeUnknown,
    /// The disk failed earlier, so nothing more is committed until a restart.
    #[error("the disk failed earlier: nothing is committed until the kernel restarts")]
    Poisoned,
    /// The disk is full. Nothing was committed.
    #[error("the disk is full: free some space, then try again")]
    DiskFull,
    /// Too many transactions wait to be committed. Nothing was committed.
    #[error("too many transactions wait to be committed: try again later")]
    Full,
    /// The engine was closed.
    #[error("the store is closed")]
    Closed,
    /// Stored bytes are damaged.
    #[error("stored data is damaged: {detail}")]
    Corrupt {
        /// What is damaged and where.
        detail: String,
    },
    /// Another kernel has the data folder open.
    #[error("`{folder}` is in use by another kernel: stop that one first")]
    InUse {
        /// The data folder.
        folder: String,
    },
    /// The data folder was written by a newer version.
    #[error("`{folder}` has storage format {found}, this version reads up to {known}: use a newer forecourt")]
    NewerFormat {
        /// The data folder.
        folder: String,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The folder holds something else.
    #[error("`{folder}` is not a storage folder of forecourt: name an empty folder or one made by it")]
    NotADataFolder {
        /// The folder.
        folder: String,
    },
    /// A folder that should be empty is not.
    #[error("`{folder}` is not empty: {advice}")]
    NotEmpty {
        /// The folder.
        folder: String,
        /// What to do.
        advice: &'static str,
    },
    /// A backup is not whole.
    #[error("the backup `{folder}` cannot be restored: {detail}")]
    BadBackup {
        /// Its folder.
        folder: String,
        /// What is wrong with it.
        detail: String,
    },
    /// An operation on a file failed.
    #[error("`{path}`: {error}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the operating system said.
        error: Arc<io::Error>,
    },
    /// The index in front of which the log stands failed.
    #[error("the index failed: {0}")]
    Index(String),
}

impl StorageError {
    /// Whether running the same transaction again can succeed without anyone doing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict)
    }

    pub(crate) fn corrupt(detail: impl Into<String>) -> Self {
        Self::Corrupt { detail: detail.into() }
    }

    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            return Self::DiskFull;
        }
        Self::Io { path: path.display().to_string(), error: Arc::new(error) }
    }
}

impl From<serde_json::Error> for StorageError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}
