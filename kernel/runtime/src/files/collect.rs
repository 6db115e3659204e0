//! Files that no record names go after a time, and so do blobs that were never written down.
//!
//! The row goes first, then the blob: whoever is stopped between leaves a blob that nobody knows, which the next round removes.

use std::str::FromStr;
use std::time::Duration;

use forecourt_base::{Scope, Timestamp, limits};
use forecourt_storage::{Attempts, BlobId, Health, Mode, StorageError, Transaction};

use super::rows::{self, FileRow};
use crate::error::KernelError;
use crate::kernel::Kernel;

/// The pause after each page, so that collecting takes a small part of one processor.
const PAUSE: Duration = Duration::from_millis(20);

/// What a round of the collector did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// Files removed because no record named them for [`limits::FILE_KEPT_H`].
    pub unnamed: u64,
    /// Blobs removed that were never written down.
    pub unknown: u64,
}

fn is_due(row: &FileRow, now: Timestamp) -> bool {
    let kept_ms = i64::try_from(limits::FILE_KEPT_H * 3_600_000).unwrap_or(i64::MAX);
    row.idle_since.plus_millis(kept_ms) < now
}

impl Kernel {
    /// Goes through the files of all groups and stores, page by page, slowly.
    ///
    /// # Errors
    /// [`KernelError`] when storage fails; what was removed until then stays removed.
    pub async fn collect_files(&self) -> Result<Collected, KernelError> {
        let mut collected = Collected::default();
        for group in self.auth().group_ids().await? {
            let stores = self.auth().store_ids(&group).await?;
            let scopes = stores.into_iter().map(|store| Scope::store(group.clone(), store));
            for scope in std::iter::once(Scope::group(group.clone())).chain(scopes) {
                collected.unnamed += self.collect_unnamed(&scope).await?;
                collected.unknown += self.collect_unknown(&scope).await?;
            }
        }
        Ok(collected)
    }

    async fn collect_unnamed(&self, scope: &Scope) -> Result<u64, KernelError> {
        let (mut removed, mut after) = (0, None);
        loop {
            let (due, next) = match self.due_page(scope, after.as_deref()).await {
                Err(error) if error.is_retryable() => continue,
                page => page?,
            };
            for id in due {
                let _lock = self.files().blobs.lock(id).await;
                removed += u64::from(self.remove_unnamed(scope, id).await?);
            }
            match next {
                None => return Ok(removed),
                next => after = next,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Those files of a page that are due and that no record names, and where to go on.
    async fn due_page(
        &self,
        scope: &Scope,
        after: Option<&[u8]>,
    ) -> Result<(Vec<BlobId>, Option<bytes::Bytes>), StorageError> {
        let now = self.clock().now();
        let mut transaction = Transaction::begin(self.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
        let page = rows::rows_page(&mut transaction, scope, false, after).await?;
        let mut due = Vec::new();
        for row in &page.items {
            let (Ok(sha256), Ok(file)) = (std::str::from_utf8(&row.key), serde_json::from_slice(&row.value)) else {
                continue;
            };
            if is_due(&file, now) && !rows::is_named(&mut transaction, scope, sha256).await? {
                due.extend(BlobId::from_str(sha256));
            }
        }
        Ok((due, page.items.last().filter(|_| page.more).map(|row| row.key.clone())))
    }

    /// Removes a file unless it is named or was uploaded meanwhile. The caller holds its lock.
    async fn remove_unnamed(&self, scope: &Scope, id: BlobId) -> Result<bool, KernelError> {
        let mut attempts = Attempts::new(self.storage(), Some(&scope.group), self.random());
        let removed = loop {
            let mut transaction = attempts.begin().await?;
            let result = self.strike_out(&mut transaction, scope, id).await;
            if let Some(removed) = attempts.end(transaction, result).await? {
                break removed;
            }
        };
        if removed {
            self.remove_blob(scope, id).await?;
        }
        Ok(removed)
    }

    async fn strike_out(&self, transaction: &mut Transaction, scope: &Scope, id: BlobId) -> Result<bool, StorageError> {
        let (files, sha256) = (rows::files(scope)?, id.to_string());
        let Some(row) = transaction.get_json::<FileRow>(&files, sha256.as_bytes()).await? else { return Ok(false) };
        // INVARIANT (named-stays)
        if !is_due(&row, self.clock().now()) || rows::is_named(transaction, scope, &sha256).await? {
            return Ok(false);
        }
        transaction.delete(&files, sha256.as_bytes()).await?;
        let mut usage = rows::usage(transaction, scope).await?;
        usage.files = usage.files.saturating_sub(1);
        usage.bytes = usage.bytes.saturating_sub(rows::counted(row.bytes));
        rows::set_usage(transaction, scope, &usage).await?;
        Ok(true)
    }

    async fn collect_unknown(&self, scope: &Scope) -> Result<u64, KernelError> {
        let mut removed = 0;
        for first in 0..=u8::MAX {
            let (blobs, of) = (std::sync::Arc::clone(&self.files().blobs), scope.clone());
            let listed = tokio::task::spawn_blocking(move || blobs.list(&of, first));
            let listed = listed.await.map_err(|error| KernelError::Engine(error.to_string()))??;
            for id in &listed {
                if !self.is_known(scope, *id).await? {
                    let _lock = self.files().blobs.lock(*id).await;
                    removed += u64::from(self.remove_unknown(scope, *id).await);
                }
            }
            if !listed.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(removed)
    }

    async fn is_known(&self, scope: &Scope, id: BlobId) -> Result<bool, StorageError> {
        let (files, sha256) = (rows::files(scope)?, id.to_string());
        loop {
            let mut transaction = Transaction::begin(self.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
            match transaction.get(&files, sha256.as_bytes()).await {
                Err(error) if error.is_retryable() => {}
                found => return Ok(found?.is_some()),
            }
        }
    }

    /// Removes a blob that is not written down: whether it did. The caller holds its lock, so nobody is about to write it down.
    pub(super) async fn remove_unknown(&self, scope: &Scope, id: BlobId) -> bool {
        // A row whose commit has an unknown outcome is not seen now, and may be there after the restart that is due.
        if matches!(self.storage().health(), Health::Poisoned { .. }) {
            return false;
        }
        let removed = match self.is_known(scope, id).await {
            Ok(false) => self.remove_blob(scope, id).await.map(|()| true),
            Ok(true) => Ok(false),
            Err(error) => Err(error.into()),
        };
        removed.unwrap_or_else(|error| {
            tracing::warn!(%scope, file = %id, %error, "a file that is not written down was not removed");
            false
        })
    }

    async fn remove_blob(&self, scope: &Scope, id: BlobId) -> Result<(), KernelError> {
        let (blobs, scope) = (std::sync::Arc::clone(&self.files().blobs), scope.clone());
        let removed = tokio::task::spawn_blocking(move || blobs.remove(&scope, id));
        Ok(removed.await.map_err(|error| KernelError::Engine(error.to_string()))??)
    }
}
