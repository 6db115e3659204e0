//! Uploads: streamed to the disk, hashed on the way, kept when they are whole.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use forecourt_auth::Principal;
use forecourt_auth::audit::Outcome;
use forecourt_base::{Scope, limits};
use forecourt_storage::{Attempts, BlobId, Incoming, Received, StorageError, Transaction};

use super::access::{Access, Look};
use super::rows::{self, FileRow};
use super::seats::Seat;
use super::{FileError, FileInfo, FileUsage, kind};
use crate::audit;
use crate::error::KernelError;
use crate::kernel::Kernel;
use crate::operate::Acting;

/// A file that is being uploaded; dropped, nothing of it is left.
#[derive(Debug)]
pub struct Upload {
    kernel: Arc<Kernel>,
    scope: Scope,
    principal: Arc<Principal>,
    request_id: String,
    expected: Option<BlobId>,
    /// Absent while a piece is written.
    incoming: Option<Incoming>,
    piece: BytesMut,
    received: u64,
    _seat: Seat,
}

/// What is to be written down of a blob that is in its place.
struct Entry<'a> {
    id: BlobId,
    bytes: u64,
    kind: &'a str,
}

/// Reads what the files of a scope come to.
struct Usage;

impl Look for Usage {
    type Output = FileUsage;

    async fn look(&self, transaction: &mut Transaction, scope: &Scope) -> Result<FileUsage, KernelError> {
        Ok(rows::usage(transaction, scope).await?)
    }
}

fn too_large() -> KernelError {
    FileError::TooLarge { bytes_max: limits::FILE_BYTES as u64 }.into()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, KernelError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| KernelError::Engine(error.to_string()))??)
}

impl Kernel {
    /// Begins an upload to a store or to a group as a whole, of the content that `expected` names where the client knows it, and of `told` bytes where he says so.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right, audited; `Files` for what is too large; `Full` when as many uploads go on as may, of all users or of this one;
    /// `Storage` when the disk is full.
    pub async fn upload(
        self: &Arc<Self>,
        by: Acting<'_>,
        scope: &Scope,
        expected: Option<BlobId>,
        told: Option<u64>,
    ) -> Result<Upload, KernelError> {
        let told = told.unwrap_or(0);
        let quota_bytes = self.files().quota_bytes;
        let usage = self.looking_at_files(by, Access::Upload, scope, Usage).await?;
        if told > limits::FILE_BYTES as u64 {
            return Err(too_large());
        }
        // Whoever uploads again what is there needs no room, which is known at the end.
        if expected.is_none() && usage.bytes.saturating_add(told) > quota_bytes {
            return Err(FileError::Quota { quota_bytes, used_bytes: usage.bytes }.into());
        }
        let seat = self.uploads().take(by.principal)?;
        let blobs = Arc::clone(&self.files().blobs);
        let incoming = blocking(move || blobs.receive()).await?;
        Ok(Upload {
            kernel: Arc::clone(self),
            scope: scope.clone(),
            principal: Arc::clone(by.principal),
            request_id: by.request_id.to_owned(),
            expected,
            incoming: Some(incoming),
            piece: BytesMut::new(),
            received: 0,
            _seat: seat,
        })
    }
}

impl Upload {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`KernelError`]: `Files` once the file is too large, `Storage` when the disk is full or fails.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), KernelError> {
        self.received += bytes.len() as u64;
        if self.received > limits::FILE_BYTES as u64 {
            return Err(too_large());
        }
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= limits::FILE_PIECE_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), KernelError> {
        let Some(mut incoming) = self.incoming.take() else {
            return Err(KernelError::Engine("an upload went on after it had failed".to_owned()));
        };
        let piece = std::mem::take(&mut self.piece);
        let written = blocking(move || incoming.write(&piece).map(|()| incoming)).await?;
        self.incoming = Some(written);
        Ok(())
    }

    /// Keeps the file: it is on disk, and written down, when this returns. What is known of it, and whether it is new here. What was begun goes on to its end when
    /// the returned future is dropped: else the commit could still come when nobody keeps others from removing the blob.
    ///
    /// # Errors
    /// [`KernelError`]: `Files` where the content is not the expected one, or has no room here; `Auth` where the right was lost meanwhile; `Storage`.
    pub async fn finish(self) -> Result<(FileInfo, bool), KernelError> {
        let finished = tokio::spawn(self.run_to_end()).await;
        finished.map_err(|error| KernelError::Engine(error.to_string()))?
    }

    async fn run_to_end(mut self) -> Result<(FileInfo, bool), KernelError> {
        self.flush().await?;
        let Some(incoming) = self.incoming.take() else {
            return Err(KernelError::Engine("an upload ended after it had failed".to_owned()));
        };
        let received = blocking(move || incoming.finish()).await?;
        let id = received.id;
        if self.expected.is_some_and(|expected| expected != id) {
            return Err(FileError::OtherContent { found: id }.into());
        }
        let kernel = Arc::clone(&self.kernel);
        let _lock = kernel.files().blobs.lock(id).await;
        let kept = self.keep(received).await;
        if kept.is_err() {
            self.kernel.remove_unknown(&self.scope, id).await;
        }
        let by = Acting { principal: &self.principal, request_id: &self.request_id };
        self.kernel.audit_file_refusal(by, Access::Upload, &self.scope, &kept).await;
        kept
    }

    async fn keep(&self, received: Received) -> Result<(FileInfo, bool), KernelError> {
        let (id, bytes) = (received.id, received.bytes);
        let kind = kind::of(&received.head, received.bytes == received.head.len() as u64);
        let scope = self.scope.clone();
        // INVARIANT (bytes-first)
        blocking(move || received.keep(&scope)).await?;
        let entry = Entry { id, bytes, kind };
        let mut attempts = Attempts::new(self.kernel.storage(), Some(&self.scope.group), self.kernel.random());
        loop {
            let mut transaction = attempts.begin().await?;
            let result = self.write_down(&mut transaction, &entry).await;
            if let Some((row, new)) = attempts.end(transaction, result).await? {
                return Ok((FileInfo::new(id, &row), new));
            }
        }
    }

    async fn write_down(
        &self,
        transaction: &mut Transaction,
        entry: &Entry<'_>,
    ) -> Result<(FileRow, bool), KernelError> {
        let Self { kernel, scope, principal, request_id, .. } = self;
        kernel.authorise_file(transaction, principal, Access::Upload, scope).await?;
        let now = kernel.clock().now();
        let (files, key) = (rows::files(scope)?, entry.id.to_string());
        let known: Option<FileRow> = transaction.get_json(&files, key.as_bytes()).await?;
        let new = known.is_none();
        let row = match known {
            Some(row) => FileRow { idle_since: now, ..row },
            None => {
                let mut usage = rows::usage(transaction, scope).await?;
                let (quota_bytes, used_bytes) = (kernel.files().quota_bytes, usage.bytes);
                usage.bytes = usage.bytes.saturating_add(rows::counted(entry.bytes));
                usage.files += 1;
                if usage.bytes > quota_bytes {
                    return Err(FileError::Quota { quota_bytes, used_bytes }.into());
                }
                rows::set_usage(transaction, scope, &usage).await?;
                let by = principal.user.clone();
                FileRow { bytes: entry.bytes, kind: entry.kind.to_owned(), at: now, by, idle_since: now }
            }
        };
        transaction.put_json(&files, key.as_bytes(), &row, Vec::new()).await?;
        let action = Access::Upload.action();
        let mut line = audit::entry(now, principal, scope, action, Outcome::Done, request_id);
        line.note = key;
        forecourt_auth::audit::append(transaction, &line).await?;
        Ok((row, new))
    }
}
