//! Takes the steps of jobs, each in a hook run of its own, a few at once.

use std::sync::{Arc, Weak};
use std::time::Duration;

use forecourt_auth::Principal;
use forecourt_auth::audit::{AuditEntry, Outcome};
use forecourt_base::{Scope, Timestamp, limits};
use forecourt_bus::jobs::{self, Job, JobState};
use forecourt_storage::{Attempts, Mode, StorageError, Transaction};

use super::JobKey;
use super::step::Step;
use crate::error::CallError;
use crate::hook::{Hook, HookRun};
use crate::kernel::Kernel;
use crate::{KernelError, audit};

/// A job was started.
pub(crate) const START_JOB: &str = "start-job";
/// A job was cancelled.
pub(crate) const CANCEL_JOB: &str = "cancel-job";
/// A job was resumed.
pub(crate) const RESUME_JOB: &str = "resume-job";
/// A job has ended, done or failed.
const END_JOB: &str = "end-job";

const STEP: Hook = Hook { interface: "job", function: "step" };
/// The pause after a step that was not taken for no fault of the plugin's.
const RETRY_MS: i64 = 1_000;
/// The pause where the plugin does not serve any more: it may again.
const AWAY_MS: i64 = 30_000;

impl Kernel {
    /// Takes the steps of jobs until the kernel is gone.
    pub fn jobs_on(self: &Arc<Self>) {
        let kernel = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(kernel) = kernel.upgrade().filter(|kernel| !kernel.jobs().is_stopped()) {
                match kernel.begin_jobs().await {
                    Ok(()) => break,
                    Err(error) => tracing::error!(%error, "jobs did not go on"),
                }
                tokio::time::sleep(Duration::from_millis(limits::SCHEDULE_TICK_MS)).await;
            }
            for _ in 0..limits::JOB_STEPS {
                tokio::spawn(take_steps(kernel.clone()));
            }
        });
    }

    /// Goes on with every job that runs.
    async fn begin_jobs(&self) -> Result<(), KernelError> {
        for group in self.auth().group_ids().await? {
            let stores = self.auth().store_ids(&group).await?;
            let scopes = stores.into_iter().map(|store| Scope::store(group.clone(), store));
            for scope in scopes.chain([Scope::group(group.clone())]) {
                for jobs::Open { id, plugin, request_id, trace, due } in self.open_jobs(&scope).await? {
                    self.jobs().add(JobKey { scope: scope.clone(), plugin, id, request_id, trace }, due);
                }
            }
        }
        Ok(())
    }

    async fn open_jobs(&self, scope: &Scope) -> Result<Vec<jobs::Open>, StorageError> {
        loop {
            let mut transaction = Transaction::begin(self.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
            let open = jobs::open(&mut transaction, scope).await;
            if !transaction.conflicted() {
                return open;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Takes a job's next step: when the one after it is due; none where the job has ended.
    async fn step(self: &Arc<Self>, key: &JobKey) -> Option<Timestamp> {
        let now = self.clock().now();
        let mut step = Step::new(key.clone());
        let run = HookRun {
            scope: key.scope.clone(),
            plugin: key.plugin.clone(),
            hook: STEP,
            request_id: key.request_id.clone(),
            links: key.trace.into_iter().collect(),
            // A job that keeps failing is no reason to refuse people's calls.
            judged: false,
        };
        let error = match self.run_hook(&run, &mut step).await {
            Ok(_) => return step.due(now, AWAY_MS),
            Err(failure) => failure.error,
        };
        let pause_ms = match &error {
            CallError::Trap { .. }
            | CallError::Limit(_)
            | CallError::Timeout
            | CallError::Denied { .. }
            | CallError::DependencyNotEnabled(_)
            | CallError::Malformed { .. } => return self.step_failed(key, &error).await,
            CallError::Suspended { retry_after_ms, .. } => i64::try_from(*retry_after_ms).unwrap_or(RETRY_MS),
            _ => RETRY_MS,
        };
        tracing::warn!(scope = %key.scope, plugin = %key.plugin, job = key.id, %error, "a job's step was not taken");
        Some(self.clock().now().plus_millis(pause_ms))
    }

    /// Counts a failed step: when it is tried again; none where the job has failed.
    async fn step_failed(&self, key: &JobKey, error: &CallError) -> Option<Timestamp> {
        let reason = audit::label(error);
        tracing::warn!(scope = %key.scope, plugin = %key.plugin, job = key.id, reason, "a job's step failed");
        match self.count_failure(key, reason).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(job = key.id, %error, "a job's failed step was not counted");
                Some(self.clock().now().plus_millis(RETRY_MS))
            }
        }
    }

    async fn count_failure(&self, key: &JobKey, reason: &str) -> Result<Option<Timestamp>, KernelError> {
        let mut attempts = Attempts::new(self.storage(), Some(&key.scope.group), self.random());
        loop {
            let mut transaction = attempts.begin().await?;
            let counted = self.count_in(&mut transaction, key, reason).await;
            if let Some(due) = attempts.end(transaction, counted).await? {
                return Ok(due);
            }
        }
    }

    async fn count_in(
        &self,
        transaction: &mut Transaction,
        key: &JobKey,
        reason: &str,
    ) -> Result<Option<Timestamp>, KernelError> {
        let job = jobs::get(transaction, &key.scope, &key.id).await?;
        let Some(mut job) = job.filter(|job| job.state == JobState::Running) else { return Ok(None) };
        let now = self.clock().now();
        job.fail(reason.to_owned(), false, now);
        jobs::put(transaction, &key.scope, &job).await?;
        if let Some(entry) = ended(&key.scope, &job, now) {
            forecourt_auth::audit::append(transaction, &entry).await?;
        }
        Ok((job.state == JobState::Running).then_some(job.due))
    }
}

/// The audit line of a job's end; none while it runs.
pub(super) fn ended(scope: &Scope, job: &Job, now: Timestamp) -> Option<AuditEntry> {
    let outcome = match job.state {
        JobState::Done => Outcome::Done,
        JobState::Failed => Outcome::Failed(job.reason.clone().unwrap_or_default()),
        JobState::Running | JobState::Cancelled => return None,
    };
    let principal = Principal::of_plugin(scope.group.clone(), job.plugin.clone());
    let mut entry = audit::entry(now, &principal, scope, END_JOB, outcome, &job.request_id);
    entry.note = format!("{}, {} steps, started by {}", job.note(), job.steps, job.by);
    Some(entry)
}

async fn take_steps(kernel: Weak<Kernel>) {
    loop {
        let Some(kernel) = kernel.upgrade().filter(|kernel| !kernel.jobs().is_stopped()) else { return };
        let now = kernel.clock().now();
        if let Some(key) = kernel.jobs().take(now) {
            let due = kernel.step(&key).await;
            kernel.jobs().give_back(key, due, kernel.clock().now());
            continue;
        }
        let ahead = kernel.jobs().first().map(|first| first.as_millis().saturating_sub(now.as_millis()));
        let wait_ms = ahead.map_or(limits::SCHEDULE_TICK_MS, |ms| u64::try_from(ms).unwrap_or(0));
        let wait = Duration::from_millis(wait_ms.min(limits::SCHEDULE_TICK_MS));
        let _ = tokio::time::timeout(wait, kernel.jobs().changed()).await;
    }
}
