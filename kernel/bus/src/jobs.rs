//! Jobs: long work in steps, each a transaction that also moves the job's cursor.
//!
//! INVARIANT (each-step-once): a step's effects are committed in the transaction that moves the cursor from where the step began to where it
//! ended, so whatever stops in between, the steps that took effect are each there once and in order. A job that is cancelled in the meantime makes
//! the step's transaction conflict, so it ends between two steps.

use forecourt_base::limits::{JOB_BACKOFF_MAX_MS, JOB_BACKOFF_MS, JOB_TRIES, JOBS_HELD, PAGE_ROWS};
use forecourt_base::{PluginName, Scalar, Scope, Timestamp, TraceContext};
use forecourt_storage::{Direction, IndexEntry, IndexRange, KeyRange, Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

const OPEN: &str = "open";

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Its steps are taken one after another.
    Running,
    /// The last step was taken.
    Done,
    /// A step failed too often. It can be resumed there.
    Failed,
    /// Somebody stopped it between two steps. It can be resumed there.
    Cancelled,
}

/// How much of a job is done, in a unit of the plugin's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How much is done.
    pub done: u64,
    /// How much there is; none where nobody knows.
    pub total: Option<u64>,
    /// A few words on it.
    pub text: String,
}

/// A job as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Its id, a UUID of version 7.
    pub id: String,
    /// Whose steps it takes.
    pub plugin: PluginName,
    /// Its name in the plugin's manifest.
    pub name: String,
    /// What it was started with: JSON.
    pub arguments: Box<RawValue>,
    /// How far it is.
    pub state: JobState,
    /// Where the next step begins, as the last one left it; none before the first.
    pub cursor: Option<String>,
    /// How many steps were taken.
    pub steps: u64,
    /// What the last step said of it.
    pub progress: Progress,
    /// How often the next step failed in a row.
    pub failures: u32,
    /// Why it failed last; none after a step that was taken.
    pub reason: Option<String>,
    /// Who started it: a user, or `plugin:<name>`.
    pub by: String,
    /// The request that started it.
    pub request_id: String,
    /// The span that started it, as far as it is traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// When it was started.
    pub started: Timestamp,
    /// When it changed last.
    pub changed: Timestamp,
    /// Before then no step is taken.
    pub due: Timestamp,
}

/// What a job is begun with.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Whose steps it takes.
    pub plugin: PluginName,
    /// Its name in the plugin's manifest.
    pub name: String,
    /// What it is started with: JSON.
    pub arguments: Box<RawValue>,
    /// Who starts it: a user, or `plugin:<name>`.
    pub by: String,
    /// The request that starts it.
    pub request_id: String,
    /// The span that starts it, as far as it is traced.
    pub trace: Option<TraceContext>,
}

impl NewJob {
    /// The job before its first step.
    #[must_use]
    pub fn begin(self, id: String, now: Timestamp) -> Job {
        let Self { plugin, name, arguments, by, request_id, trace } = self;
        Job {
            id,
            plugin,
            name,
            arguments,
            state: JobState::Running,
            cursor: None,
            steps: 0,
            progress: Progress::default(),
            failures: 0,
            reason: None,
            by,
            request_id,
            trace,
            started: now,
            changed: now,
            due: now,
        }
    }
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It goes on from this cursor.
    More(String, Progress),
    /// It was the last.
    Done(Progress),
}

/// A job was not changed.
#[derive(Debug, Error)]
pub enum JobError {
    /// There is no such job.
    #[error("there is no job `{0}`")]
    Unknown(String),
    /// The job has ended, or has not.
    #[error("the job is {}", .0.name())]
    State(JobState),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A job that runs, as far as its steps need ordering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The job.
    pub id: String,
    /// Whose it is.
    pub plugin: PluginName,
    /// The request that started it.
    pub request_id: String,
    /// The span that started it, as far as it is traced.
    pub trace: Option<TraceContext>,
    /// Before then no step is taken.
    pub due: Timestamp,
}

/// Some jobs and where to go on.
#[derive(Debug, Clone, Default)]
pub struct JobPage {
    /// The jobs, newest first.
    pub items: Vec<Job>,
    /// The id to pass as `before` next; none at the end.
    pub next: Option<String>,
}

impl JobState {
    /// The state's name, in snake case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Job {
    /// The job by plugin, name and id, for logs and audit.
    #[must_use]
    pub fn note(&self) -> String {
        format!("{}/{} {}", self.plugin, self.name, self.id)
    }

    /// Takes note of a step that was taken.
    pub fn take(&mut self, step: Step, now: Timestamp) {
        let progress = match step {
            Step::More(cursor, progress) => {
                self.cursor = Some(cursor);
                progress
            }
            Step::Done(progress) => {
                self.state = JobState::Done;
                progress
            }
        };
        self.progress = progress;
        self.steps += 1;
        (self.failures, self.reason) = (0, None);
        (self.changed, self.due) = (now, now);
    }

    /// Takes note of a step that failed, and left nothing else. After [`JOB_TRIES`] in a row, or where trying again is no use, the job has failed.
    pub fn fail(&mut self, reason: String, hopeless: bool, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        if hopeless || usize::try_from(self.failures).unwrap_or(usize::MAX) >= JOB_TRIES {
            self.state = JobState::Failed;
        }
        let doublings = self.failures.saturating_sub(1).min(32);
        let pause = JOB_BACKOFF_MS.saturating_mul(1 << doublings).min(JOB_BACKOFF_MAX_MS);
        self.reason = Some(reason);
        self.changed = now;
        self.due = now.plus_millis(i64::try_from(pause).unwrap_or(i64::MAX));
    }
}

fn space(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@jobs", "jobs", 0)
}

fn read(row: &[u8]) -> Result<Job, StorageError> {
    Ok(serde_json::from_slice(row)?)
}

/// Writes a job, new or in place of what it was.
///
/// # Errors
/// [`StorageError`], `ReadOnly` in a transaction that only reads.
pub async fn put(transaction: &mut Transaction, scope: &Scope, job: &Job) -> Result<(), StorageError> {
    let open = IndexEntry { index: OPEN.into(), values: vec![Scalar::Text(job.plugin.to_string())] };
    let entries = if job.state == JobState::Running { vec![open] } else { Vec::new() };
    transaction.put_json(&space(scope)?, job.id.as_bytes(), job, entries).await
}

/// A job.
///
/// # Errors
/// [`StorageError`].
pub async fn get(transaction: &mut Transaction, scope: &Scope, id: &str) -> Result<Option<Job>, StorageError> {
    // What is no id is nobody's, and may be too long for a key.
    if id.is_empty() || id.len() > ID_BYTES {
        return Ok(None);
    }
    transaction.get_json(&space(scope)?, id.as_bytes()).await
}

const ID_BYTES: usize = 36;

/// Jobs, newest first, of those started before the one with this id.
///
/// # Errors
/// [`StorageError`].
pub async fn page(
    transaction: &mut Transaction,
    scope: &Scope,
    before: Option<&str>,
    limit: usize,
) -> Result<JobPage, StorageError> {
    let range = before.map_or(KeyRange::all(), |before| KeyRange::all().before(before.as_bytes()));
    let rows = transaction.scan(&space(scope)?, &range, Direction::Backward, limit).await?;
    let items = rows.items.iter().map(|row| read(&row.value)).collect::<Result<Vec<_>, _>>()?;
    let next = items.last().filter(|_| rows.more).map(|job| job.id.clone());
    Ok(JobPage { items, next })
}

/// The jobs of a scope that run.
///
/// # Errors
/// [`StorageError`].
pub async fn open(transaction: &mut Transaction, scope: &Scope) -> Result<Vec<Open>, StorageError> {
    let (space, mut open, mut after) = (space(scope)?, Vec::new(), None);
    loop {
        let range = IndexRange::all();
        let rows = transaction.query(&space, OPEN, &range, Direction::Forward, PAGE_ROWS, after.as_deref()).await?;
        for row in &rows.items {
            let Job { id, plugin, request_id, trace, due, .. } = read(&row.value)?;
            open.push(Open { id, plugin, request_id, trace, due });
        }
        match rows.items.last() {
            Some(last) if rows.more => after = Some(last.cursor.clone()),
            _ => return Ok(open),
        }
    }
}

/// Whether a plugin has as many jobs running here as it may. Read it in a transaction of its own: every step writes there.
///
/// # Errors
/// [`StorageError`].
pub async fn has_most(transaction: &mut Transaction, scope: &Scope, plugin: &PluginName) -> Result<bool, StorageError> {
    let range = IndexRange::equal(vec![Scalar::Text(plugin.to_string())]);
    let rows = transaction.query(&space(scope)?, OPEN, &range, Direction::Forward, JOBS_HELD, None).await?;
    Ok(rows.items.len() >= JOBS_HELD)
}

/// Ends a job that runs, between two steps.
///
/// # Errors
/// [`JobError::Unknown`], [`JobError::State`] where it has ended already.
pub async fn cancel(transaction: &mut Transaction, scope: &Scope, id: &str, now: Timestamp) -> Result<Job, JobError> {
    change(transaction, scope, id, |job| match job.state {
        JobState::Running => {
            (job.state, job.changed) = (JobState::Cancelled, now);
            true
        }
        _ => false,
    })
    .await
}

/// Lets a job go on that failed or was cancelled.
///
/// # Errors
/// [`JobError::Unknown`], [`JobError::State`] where it runs or is done.
pub async fn resume(transaction: &mut Transaction, scope: &Scope, id: &str, now: Timestamp) -> Result<Job, JobError> {
    change(transaction, scope, id, |job| match job.state {
        JobState::Failed | JobState::Cancelled => {
            (job.state, job.failures, job.changed, job.due) = (JobState::Running, 0, now, now);
            true
        }
        _ => false,
    })
    .await
}

async fn change(
    transaction: &mut Transaction,
    scope: &Scope,
    id: &str,
    change: impl FnOnce(&mut Job) -> bool + Send,
) -> Result<Job, JobError> {
    let mut job = get(transaction, scope, id).await?.ok_or_else(|| JobError::Unknown(id.to_owned()))?;
    if !change(&mut job) {
        return Err(JobError::State(job.state));
    }
    put(transaction, scope, &job).await?;
    Ok(job)
}

/// Removes jobs that ended before `until` among those started after the one with id `after`: how many, and where to go on.
///
/// # Errors
/// [`StorageError`].
pub async fn sweep(
    transaction: &mut Transaction,
    scope: &Scope,
    until: Timestamp,
    after: Option<&str>,
) -> Result<(usize, Option<String>), StorageError> {
    let space = space(scope)?;
    let range = after.map_or(KeyRange::all(), |after| KeyRange::all().after(after.as_bytes()));
    let rows = transaction.scan(&space, &range, Direction::Forward, PAGE_ROWS).await?;
    let (mut removed, mut last) = (0, None);
    for row in &rows.items {
        let job = read(&row.value)?;
        if job.state != JobState::Running && job.changed < until {
            transaction.delete(&space, &row.key).await?;
            removed += 1;
        }
        last = Some(job.id);
    }
    Ok((removed, last.filter(|_| rows.more)))
}

#[cfg(test)]
mod tests;
