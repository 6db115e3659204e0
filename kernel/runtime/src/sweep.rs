//! What is kept for a time only goes when the time is over.

use std::sync::Arc;
use std::time::Duration;

use forecourt_base::{Scope, limits};

use crate::error::KernelError;
use crate::idempotency;
use crate::kernel::Kernel;

/// The pause after each page, so that sweeping takes a small part of one processor.
const PAUSE: Duration = Duration::from_millis(20);

impl Kernel {
    /// Removes the answers kept for idempotency keys that are older than [`limits::IDEMPOTENCY_KEPT_H`]: how many. Goes page by page, slowly.
    ///
    /// # Errors
    /// [`KernelError`] when storage fails; what was removed until then stays removed.
    pub async fn sweep(&self) -> Result<u64, KernelError> {
        let mut removed = 0;
        for group in self.auth().group_ids().await? {
            let stores = self.auth().store_ids(&group).await?;
            let scopes = stores.into_iter().map(|store| Scope::store(group.clone(), store));
            for scope in std::iter::once(Scope::group(group.clone())).chain(scopes) {
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
            }
        }
        Ok(removed)
    }

    /// Sweeps every [`limits::SWEEP_S`] until the kernel is gone.
    pub fn sweep_on(self: &Arc<Self>) {
        let kernel = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(limits::SWEEP_S)).await;
                let Some(kernel) = kernel.upgrade() else { return };
                match kernel.sweep().await {
                    Ok(removed) => tracing::info!(removed, "swept answers kept for idempotency keys"),
                    Err(error) => tracing::warn!(%error, "sweeping answers kept for idempotency keys failed"),
                }
            }
        });
    }
}
