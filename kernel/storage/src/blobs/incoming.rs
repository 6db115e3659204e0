//! A blob while it is received: hashed as it is written, under a name that means nothing.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use forecourt_base::Scope;
use sha2::{Digest, Sha256};

use super::{BlobId, Blobs};
use crate::StorageError;
use crate::files::File;

/// What is remembered of a blob's beginning, by which its kind is known.
const HEAD_BYTES: usize = 8 * 1024;

/// A file that goes unless it is renamed.
#[derive(Debug)]
struct Unfinished {
    blobs: Arc<Blobs>,
    path: PathBuf,
    placed: bool,
}

impl Unfinished {
    fn failed(&self, error: io::Error) -> StorageError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageError::DiskFull,
            _ => StorageError::io(&self.path, error),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.placed
            && let Err(error) = self.blobs.files.remove(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(file = %self.path.display(), %error, "an unfinished file was not removed: the next start does it");
        }
    }
}

/// A blob that is being received; dropped, nothing of it is left.
#[derive(Debug)]
pub struct Incoming {
    unfinished: Unfinished,
    file: Box<dyn File>,
    digest: Sha256,
    bytes: u64,
    head: Vec<u8>,
}

impl Incoming {
    pub(super) fn begin(blobs: Arc<Blobs>, path: PathBuf) -> Result<Self, StorageError> {
        let created = blobs.files.create(&path);
        let mut unfinished = Unfinished { blobs, path, placed: false };
        match created {
            Ok(file) => Ok(Self { unfinished, file, digest: Sha256::new(), bytes: 0, head: Vec::new() }),
            Err(error) => {
                unfinished.placed = true;
                Err(unfinished.failed(error))
            }
        }
    }

    /// The bytes received so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the next piece. Blocks on the disk, here and below.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`], errors of the disk.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), StorageError> {
        self.unfinished.blobs.check_room(piece.len() as u64)?;
        self.digest.update(piece);
        let missing = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend(piece.iter().take(missing));
        self.file.write_at(piece, self.bytes).map_err(|error| self.unfinished.failed(error))?;
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Ends the blob and syncs it.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`], errors of the disk.
    pub fn finish(self) -> Result<Received, StorageError> {
        let Self { unfinished, file, digest, bytes, head } = self;
        file.sync_data().map_err(|error| unfinished.failed(error))?;
        Ok(Received { unfinished, id: BlobId::new(digest.finalize().into()), bytes, head })
    }
}

/// A blob that was received whole and has no place yet; dropped, nothing of it is left.
#[derive(Debug)]
pub struct Received {
    unfinished: Unfinished,
    /// What its bytes hash to.
    pub id: BlobId,
    /// How many there are.
    pub bytes: u64,
    /// The first of them, at most 8 KiB.
    pub head: Vec<u8>,
}

impl Received {
    /// Puts the blob in its place in `scope`, over one of the same name, which has the same bytes or is damaged. The caller holds its lock.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`], errors of the disk. Then the blob may be in its place, and nobody must name it.
    pub fn keep(mut self, scope: &Scope) -> Result<(), StorageError> {
        let blobs = Arc::clone(&self.unfinished.blobs);
        let path = blobs.path(scope, self.id);
        let folder = path.parent().unwrap_or(&path);
        // INVARIANT (whole-blobs): the bytes were synced by `finish`; now the name.
        let keep = || -> io::Result<()> {
            blobs.make_folder(folder)?;
            blobs.files.rename(&self.unfinished.path, &path)?;
            blobs.files.sync_dir(folder)
        };
        let kept = keep();
        self.unfinished.placed = kept.is_ok();
        kept.map_err(|error| self.unfinished.failed(error))
    }
}
