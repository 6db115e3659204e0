//! Keeps the audit trails in the background: counted refusals are written down, new lines sealed; and when sessions were last used. No call waits for it.
//!
//! It goes on until the kernel is closed, which lets it end what it does and then does it once more, so that after a stop nothing is lost and nothing but what
//! came later than the last commit is unsealed. After a kill it goes on where the seals end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use forecourt_auth::AuthError;
use forecourt_base::{GroupId, limits};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::kernel::Kernel;

/// The pause after each seal of a backlog, so that sealing takes a small part of one processor.
const PAUSE: Duration = Duration::from_millis(20);
/// Seals of one trail made at a stop: more wait for the next start.
const SEALS_AT_STOP: usize = 16;

/// The keeper of the audit trails, once it was started.
#[derive(Debug)]
pub(crate) struct Ledger {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { stop: watch::Sender::new(false), task: Mutex::default() }
    }
}

impl Kernel {
    /// Begins to keep the audit trails, until [`Kernel::close`].
    pub fn keep_audit(self: &Arc<Self>) {
        let kernel = Arc::downgrade(self);
        let mut stop = self.ledger().stop.subscribe();
        let task = tokio::spawn(async move {
            let mut seal_at = Instant::now();
            let mut uses_at = seal_at + Duration::from_secs(limits::USES_WRITTEN_S);
            loop {
                let Some(kernel) = kernel.upgrade() else { return };
                kernel.write_denials().await;
                if Instant::now() >= seal_at {
                    kernel.seal_all(usize::MAX, &stop).await;
                    seal_at = Instant::now() + Duration::from_secs(limits::SEAL_S);
                }
                if Instant::now() >= uses_at {
                    kernel.write_uses().await;
                    uses_at = Instant::now() + Duration::from_secs(limits::USES_WRITTEN_S);
                }
                drop(kernel);
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(limits::DENIALS_WRITTEN_S)) => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
            }
        });
        *self.ledger().task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Ends the keeper and does its work a last time.
    pub(crate) async fn end_audit(&self) {
        self.ledger().stop.send_replace(true);
        let task = self.ledger().task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let began = task.is_some();
        if let Some(task) = task {
            // It ends by itself; a panic in it was logged.
            let _ = task.await;
        }
        self.write_denials().await;
        if !began {
            return;
        }
        self.write_uses().await;
        self.seal_all(SEALS_AT_STOP, &watch::Sender::new(false).subscribe()).await;
    }

    async fn write_denials(&self) {
        if let Err(error) = self.auth().write_denials().await {
            tracing::warn!(%error, "counted refusals were not written into the audit trail yet");
        }
    }

    async fn write_uses(&self) {
        if let Err(error) = self.auth().write_uses().await {
            tracing::warn!(%error, "the last uses of sessions and API keys were not written yet");
        }
    }

    async fn seal_all(&self, seals_max: usize, stop: &watch::Receiver<bool>) {
        if let Err(error) = self.seal_trails(seals_max, stop).await {
            tracing::warn!(%error, "the audit trails were not sealed to their end");
        }
    }

    async fn seal_trails(&self, seals_max: usize, stop: &watch::Receiver<bool>) -> Result<(), AuthError> {
        self.seal_trail(None, seals_max, stop).await?;
        for group in self.auth().group_ids().await? {
            self.seal_trail(Some(&group), seals_max, stop).await?;
        }
        Ok(())
    }

    async fn seal_trail(
        &self,
        group: Option<&GroupId>,
        seals_max: usize,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), AuthError> {
        for _ in 0..seals_max {
            if *stop.borrow() || !self.auth().seal(group).await?.more {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}
