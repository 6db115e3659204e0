//! What is kept for a time only goes when the time is over.

use std::sync::Arc;
use std::time::Duration;

use forecourt_base::{Scope, Timestamp, limits};
use forecourt_bus::Cursor;
use forecourt_storage::{Attempts, Transaction};

use crate::error::KernelError;
use crate::files::Collected;
use crate::idempotency;
use crate::kernel::Kernel;

/// The pause after each page, so that sweeping takes a small part of one processor.
const PAUSE: Duration = Duration::from_millis(20);

impl Kernel {
    /// Removes the answers kept for idempotency keys that are older than [`limits::IDEMPOTENCY_KEPT_H`]: how many; and events, and jobs that ended, that are kept no
    /// longer. Goes page by page, slowly.
    ///
    /// # Errors
    /// [`KernelError`] when storage fails; what was removed until then stays removed.
    pub async fn sweep(&self) -> Result<u64, KernelError> {
        let mut removed = 0;
        for scope in self.all_scopes().await? {
            self.sweep_outbox(&scope).await?;
            let mut after = None;
            loop {
                let now = self.clock().now();
                let swept = idempotency::sweep(self.storage(), self.random(), &scope, now, after.as_deref()).await;
                match swept {
                    Err(error) if error.is_retryable() => {}
                    Err(error) => return Err(error.into()),
                    Ok((count, next)) => {
                        removed += count as u64;
                        after = next;
                        if after.is_none() {
                            break;
                        }
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
            self.trim_events(&scope).await?;
            self.sweep_jobs(&scope).await?;
        }
        Ok(removed)
    }

    /// Removes the events of a scope that are older than [`limits::EVENT_KEPT_DAYS`], but none that a plugin at work is still to be told of.
    /// Goes page by page, slowly.
    async fn trim_events(&self, scope: &Scope) -> Result<(), KernelError> {
        const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
        let kept_ms = i64::try_from(limits::EVENT_KEPT_DAYS).unwrap_or(i64::MAX).saturating_mul(DAY_MS);
        let before = self.clock().now().plus_millis(-kept_ms);
        let mut more = true;
        while more {
            let mut attempts = Attempts::new(self.storage(), Some(&scope.group), self.random());
            more = loop {
                let mut transaction = attempts.begin().await?;
                let trimmed = self.trim_page(&mut transaction, scope, before).await;
                if let Some(more) = attempts.end(transaction, trimmed).await? {
                    break more;
                }
            };
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Removes the jobs of a scope that ended more than [`limits::JOBS_KEPT_D`] ago.
    async fn sweep_jobs(&self, scope: &Scope) -> Result<(), KernelError> {
        let kept_ms = i64::try_from(limits::JOBS_KEPT_D).unwrap_or(i64::MAX).saturating_mul(24 * 60 * 60 * 1_000);
        let until = self.clock().now().plus_millis(-kept_ms);
        let mut after = None;
        loop {
            let mut attempts = Attempts::new(self.storage(), Some(&scope.group), self.random());
            after = loop {
                let mut transaction = attempts.begin().await?;
                let swept = forecourt_bus::jobs::sweep(&mut transaction, scope, until, after.as_deref()).await;
                if let Some((_, next)) = attempts.end(transaction, swept).await? {
                    break next;
                }
            };
            if after.is_none() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn trim_page(
        &self,
        transaction: &mut Transaction,
        scope: &Scope,
        before: Timestamp,
    ) -> Result<bool, KernelError> {
        let generation = self.registry().generation(transaction, &scope.group).await?;
        let mut reached = Cursor::behind(u64::MAX);
        for module in generation.at_work(scope.store.as_ref()) {
            if !module.grant.subscriptions.is_empty() {
                let row = forecourt_bus::subscription(transaction, scope, &module.plugin).await?;
                reached = reached.min(row.map_or(Cursor::START, |row| row.cursor));
            }
        }
        Ok(forecourt_bus::trim(transaction, scope, before, reached, limits::PAGE_ROWS).await?)
    }

    /// Sweeps every [`limits::SWEEP_S`] until the kernel is gone.
    pub fn sweep_on(self: &Arc<Self>) {
        let kernel = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(limits::SWEEP_S)).await;
                let Some(kernel) = kernel.upgrade() else { return };
                match kernel.collect_files().await {
                    Ok(Collected { unnamed, unknown }) => tracing::info!(unnamed, unknown, "collected files"),
                    Err(error) => tracing::warn!(%error, "collecting files failed"),
                }
                match kernel.sweep().await {
                    Ok(removed) => tracing::info!(removed, "swept answers kept for idempotency keys"),
                    Err(error) => tracing::warn!(%error, "sweeping answers kept for idempotency keys failed"),
                }
            }
        });
    }
}
