//! Files of stores and groups: uploaded, named by records, downloaded, and collected when nothing names them.
//!
//! The bytes are storage's blobs; here are the rows that say which there are, who uploaded them, and which records name them.
//!
//! - INVARIANT (bytes-first): a row of `files` is committed when the blob that it tells of is on disk, and the blob is removed when the row's removal is.
//! - INVARIANT (named-stays): whatever record names a file, the file's row is there. A write that names a file reads its row, the collector reads the range of
//!   references to it: of a write and a collection at the same time one is a conflict.
//!
//! A record of a store may name files of its store and of the group, one of the group those of the group alone. Whoever may run some command in a store may upload
//! there, and whoever belongs to it may download. What is uploaded to a group is reached by all who have a role anywhere in it.

mod access;
mod collect;
mod download;
mod kind;
mod rows;
mod seats;
mod upload;

use std::sync::Arc;

use forecourt_base::limits;
use forecourt_storage::{BlobId, Blobs, StorageError};
use serde::Serialize;
use thiserror::Error;

pub use collect::Collected;
pub use download::{Download, OpenFile};
pub use rows::FileUsage;
pub(crate) use rows::{FileRow, Holder, Reference, find, is_referred, refer, rows_page, unknown_of};
pub(crate) use seats::Seats;
pub use upload::Upload;

/// Where files are kept, and how much of them.
#[derive(Debug, Clone)]
pub struct FilesOptions {
    /// Their bytes.
    pub blobs: Arc<Blobs>,
    /// The bytes that one store, or a group as a whole, may have.
    pub quota_bytes: u64,
}

impl FilesOptions {
    /// Files in these blobs, with the default quota.
    #[must_use]
    pub fn new(blobs: Arc<Blobs>) -> Self {
        Self { blobs, quota_bytes: limits::STORE_FILES_BYTES as u64 }
    }

    /// Files in a temporary folder that goes with the kernel.
    ///
    /// # Errors
    /// [`StorageError`] when it cannot be made.
    pub fn temporary() -> Result<Self, StorageError> {
        Ok(Self::new(Arc::new(Blobs::temporary()?)))
    }
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileInfo {
    /// Its name: the SHA-256 of its content, 64 hexadecimal digits.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its media type, found by looking at its content.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was first uploaded, as RFC 3339.
    pub uploaded_at: String,
    /// Who uploaded it first.
    pub uploaded_by: String,
}

impl FileInfo {
    pub(crate) fn new(id: BlobId, row: &FileRow) -> Self {
        let FileRow { bytes, kind, at, by, .. } = row;
        let (uploaded_at, uploaded_by) = (at.to_rfc3339(), by.to_string());
        Self { sha256: id.to_string(), bytes: *bytes, kind: kind.clone(), uploaded_at, uploaded_by }
    }
}

/// A file was not taken or given.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is larger than a file may be.
    #[error("the file has more than the {bytes_max} bytes that a file may have")]
    TooLarge {
        /// The greatest size.
        bytes_max: u64,
    },
    /// The store has no room for it.
    #[error("the files here may have {quota_bytes} bytes, and have {used_bytes}")]
    Quota {
        /// What they may have.
        quota_bytes: u64,
        /// What they have.
        used_bytes: u64,
    },
    /// What came is not what was announced.
    #[error("the content hashes to `{found}`")]
    OtherContent {
        /// The SHA-256 of what came.
        found: BlobId,
    },
    /// There is no such file here.
    #[error("no file `{0}`")]
    Unknown(BlobId),
}
