//! Downloads: opened by those who may, read piece by piece.

use std::sync::Arc;

use bytes::Bytes;
use forecourt_auth::audit::Outcome;
use forecourt_base::{Scope, limits};
use forecourt_storage::{BlobId, File, StorageError, Transaction};
use sha2::{Digest, Sha256};

use super::access::{Access, Look};
use super::rows::{self, FileRow};
use super::seats::Seat;
use super::{FileError, FileInfo};
use crate::audit;
use crate::error::KernelError;
use crate::kernel::Kernel;
use crate::operate::Acting;

/// A file that somebody may download.
#[derive(Debug)]
pub struct OpenFile {
    /// What is known of it.
    pub info: FileInfo,
    file: Arc<dyn File>,
    id: BlobId,
}

/// A file, or a part of it, on its way out.
#[derive(Debug)]
pub struct Download {
    file: Arc<dyn File>,
    next: u64,
    end: u64,
    /// Where the whole file goes out: what it must hash to, and what has hashed so far.
    digest: Option<(BlobId, Sha256)>,
    _seat: Seat,
}

/// Finds a file that may be named in a scope.
struct Find(BlobId);

impl Look for Find {
    type Output = (Scope, FileRow);

    async fn look(&self, transaction: &mut Transaction, scope: &Scope) -> Result<Self::Output, KernelError> {
        let found = rows::find(transaction, scope, &self.0.to_string()).await?;
        found.ok_or_else(|| FileError::Unknown(self.0).into())
    }
}

impl Kernel {
    /// Opens a file of a store, or of its group, for someone who may download it.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` for others, audited; `Files` where there is no such file here; `Storage` where it is damaged.
    pub async fn open_file(&self, by: Acting<'_>, scope: &Scope, id: BlobId) -> Result<OpenFile, KernelError> {
        let (place, row) = self.looking_at_files(by, Access::Download, scope, Find(id)).await?;
        let blobs = Arc::clone(&self.files().blobs);
        let opened = tokio::task::spawn_blocking(move || {
            let file = blobs.open_blob(&place, id)?;
            file.map(|file| file.size().map(|size| (file, size)).map_err(|_| damaged(id, "cannot be read"))).transpose()
        });
        let opened = opened.await.map_err(|error| KernelError::Engine(error.to_string()))??;
        match opened {
            Some((file, size)) if size == row.bytes => {
                Ok(OpenFile { info: FileInfo::new(id, &row), file: file.into(), id })
            }
            Some(_) => Err(damaged(id, "has another size").into()),
            None => Err(damaged(id, "is missing").into()),
        }
    }

    /// Begins to read the bytes from `from` to before `end`, and audits that.
    ///
    /// # Errors
    /// [`KernelError::Full`] when as many downloads go on as may, of all users or of this one.
    pub async fn download(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        open: OpenFile,
        (from, end): (u64, u64),
    ) -> Result<Download, KernelError> {
        let seat = self.downloads().take(by.principal)?;
        if from == 0 {
            let (now, action) = (self.clock().now(), Access::Download.action());
            let mut line = audit::entry(now, by.principal, scope, action, Outcome::Done, by.request_id);
            line.note = open.info.sha256.clone();
            audit::append_alone(self, line).await;
        }
        let whole = from == 0 && end == open.info.bytes;
        let digest = whole.then(|| (open.id, Sha256::new()));
        Ok(Download { file: open.file, next: from, end, digest, _seat: seat })
    }
}

fn damaged(id: BlobId, how: &str) -> StorageError {
    StorageError::Corrupt { detail: format!("file `{id}` {how}") }
}

impl Download {
    /// The next bytes; none at the end. The last ones of a whole file come only when all of it hashes to its name, so that nobody takes a damaged file for a good one.
    ///
    /// # Errors
    /// [`StorageError`]: `Corrupt`, errors of the disk.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        let length = self.end.saturating_sub(self.next).min(limits::FILE_PIECE_BYTES as u64);
        if length == 0 {
            return Ok(None);
        }
        let (file, at, digest) = (Arc::clone(&self.file), self.next, self.digest.take());
        let last = self.next + length == self.end;
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            fill(&*file, &mut bytes, at)?;
            let Some((id, mut hash)) = digest else { return Ok((bytes, None)) };
            hash.update(&bytes);
            if last && BlobId::new(hash.clone().finalize().into()) != id {
                return Err(damaged(id, "does not hash to its name"));
            }
            Ok((bytes, Some((id, hash))))
        });
        let (bytes, digest) = read.await.map_err(|error| StorageError::Index(error.to_string()))??;
        (self.next, self.digest) = (self.next + length, digest);
        Ok(Some(bytes.into()))
    }
}

fn fill(file: &dyn File, bytes: &mut [u8], mut at: u64) -> Result<(), StorageError> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let failed = |what: String| StorageError::Corrupt { detail: format!("a file cannot be read: {what}") };
        match file.read_at(rest, at).map_err(|error| failed(error.to_string()))? {
            0 => return Err(failed("it has become shorter".to_owned())),
            read => {
                at += read as u64;
                rest = rest.get_mut(read..).unwrap_or_default();
            }
        }
    }
    Ok(())
}
