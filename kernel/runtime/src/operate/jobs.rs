//! What people do with jobs: start, look, cancel, resume. Whoever may start a job may do the rest, his own or not.

use std::sync::Arc;

use forecourt_auth::{AuthError, Decision, Policy, Principal};
use forecourt_base::{OperationPath, PluginName, Scope, TraceContext, limits, uuid_v7};
use forecourt_bus::jobs::{self, Job, JobPage, NewJob};
use forecourt_registry::{Generation, Module};
use forecourt_storage::{Mode, StorageError, Transaction};
use serde_json::value::RawValue;

use super::work::Work;
use super::{Acting, AdminRight};
use crate::KernelError;
use crate::error::JobRefused;
use crate::jobs::{CANCEL_JOB, JobKey, RESUME_JOB, START_JOB};
use crate::kernel::Kernel;

/// What a job is called, and what it is started with.
#[derive(Debug)]
pub struct JobStart {
    /// The plugin.
    pub plugin: PluginName,
    /// The job's name in the plugin's manifest.
    pub name: String,
    /// Its arguments: JSON.
    pub arguments: Box<RawValue>,
    /// The span that starts it, as far as it is traced.
    pub trace: Option<TraceContext>,
}

impl Kernel {
    /// Starts a job of a plugin that serves in the scope.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right; `Job` for a job that no plugin has there, or too many that run.
    pub async fn start_job(&self, by: Acting<'_>, scope: &Scope, start: &JobStart) -> Result<Job, KernelError> {
        if start.arguments.get().len() > limits::JOB_ARGUMENTS_BYTES {
            return Err(JobRefused::TooLarge(limits::JOB_ARGUMENTS_BYTES).into());
        }
        let beside = self.count_jobs(scope, &start.plugin).await?;
        let id = uuid_v7(self.clock().now(), self.random());
        let work = Start { by, scope, start, id: &id, has_most: beside };
        let job = self.acting_with(by, AdminRight::Belong, scope, START_JOB, work).await?;
        self.go_on(scope, &job);
        Ok(job)
    }

    /// Whether as many jobs of the plugin run as may. Every step writes there, so it is read beside.
    async fn count_jobs(&self, scope: &Scope, plugin: &PluginName) -> Result<bool, StorageError> {
        loop {
            let mut transaction = Transaction::begin(self.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
            let most = jobs::has_most(&mut transaction, scope, plugin).await;
            if !transaction.conflicted() {
                return most;
            }
            tokio::task::yield_now().await;
        }
    }

    fn go_on(&self, scope: &Scope, job: &Job) {
        let (plugin, id, request_id) = (job.plugin.clone(), job.id.clone(), job.request_id.clone());
        let key = JobKey { scope: scope.clone(), plugin, id, request_id, trace: job.trace };
        self.jobs().add(key, job.due);
    }

    /// Ends a job between two steps.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right; `Job` where there is none, or it has ended.
    pub async fn cancel_job(&self, by: Acting<'_>, scope: &Scope, id: &str) -> Result<Job, KernelError> {
        self.acting_with(by, AdminRight::Belong, scope, CANCEL_JOB, Change { by, scope, id, resume: false }).await
    }

    /// Lets a job go on that failed or was cancelled.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right; `Job` where there is none, or it runs, or is done.
    pub async fn resume_job(&self, by: Acting<'_>, scope: &Scope, id: &str) -> Result<Job, KernelError> {
        let change = Change { by, scope, id, resume: true };
        let job = self.acting_with(by, AdminRight::Belong, scope, RESUME_JOB, change).await?;
        self.go_on(scope, &job);
        Ok(job)
    }

    /// A job.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right; `Job` where there is none.
    pub async fn job(&self, by: Acting<'_>, scope: &Scope, id: &str) -> Result<Job, KernelError> {
        self.looking(by, AdminRight::Belong, scope, "show-job", Show { by, scope, id }).await
    }

    /// Jobs, newest first, of those that the principal may start: at most `limit` are looked at, of those before the one with id `before`.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` for those outside the scope.
    pub async fn list_jobs(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        before: Option<&str>,
        limit: usize,
    ) -> Result<JobPage, KernelError> {
        self.looking(by, AdminRight::Belong, scope, "list-jobs", List { by, scope, before, limit }).await
    }
}

/// Who may do what with which job.
struct Rights {
    policy: Arc<Policy>,
    generation: Arc<Generation>,
}

impl Rights {
    async fn read(kernel: &Kernel, transaction: &mut Transaction, scope: &Scope) -> Result<Self, KernelError> {
        let policy = kernel.auth().policy(transaction, &scope.group).await?;
        let generation = kernel.registry().generation(transaction, &scope.group).await?;
        Ok(Self { policy, generation })
    }

    fn module(&self, scope: &Scope, plugin: &PluginName) -> Option<&Arc<Module>> {
        self.generation.active(scope.store.as_ref(), plugin)
    }

    /// The path of a job, where its plugin serves.
    fn path(&self, scope: &Scope, plugin: &PluginName, name: &str) -> Option<OperationPath> {
        self.module(scope, plugin)?.schema.job_path(name)
    }

    fn check(&self, principal: &Principal, scope: &Scope, path: &OperationPath) -> Result<(), AuthError> {
        match self.policy.decide(principal, path, true, scope) {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => Err(AuthError::denied(path, Some(scope), reason)),
        }
    }

    /// A job that the principal may see. One whose plugin does not serve any more is for those who may operate.
    async fn job(
        &self,
        transaction: &mut Transaction,
        principal: &Principal,
        scope: &Scope,
        id: &str,
    ) -> Result<Job, KernelError> {
        let job = jobs::get(transaction, scope, id).await?.ok_or_else(|| JobRefused::Unknown(id.to_owned()))?;
        match self.path(scope, &job.plugin, &job.name) {
            Some(path) => self.check(principal, scope, &path)?,
            None if self.operates(principal, scope) => {}
            None => return Err(JobRefused::Unknown(id.to_owned()).into()),
        }
        Ok(job)
    }

    fn operates(&self, principal: &Principal, scope: &Scope) -> bool {
        let roles = self.policy.roles_in(principal, scope);
        roles.iter().any(|role| ["operator", "group-admin"].contains(&role.as_str()))
    }
}

struct Start<'a> {
    by: Acting<'a>,
    scope: &'a Scope,
    start: &'a JobStart,
    id: &'a str,
    has_most: bool,
}

impl Work for Start<'_> {
    type Output = Job;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Job, KernelError> {
        let JobStart { plugin, name, arguments, .. } = self.start;
        let rights = Rights::read(kernel, transaction, self.scope).await?;
        let path = rights.path(self.scope, plugin, name);
        let path = path.ok_or_else(|| JobRefused::UnknownName(format!("{plugin}/{name}")))?;
        rights.check(self.by.principal, self.scope, &path)?;
        if self.has_most {
            return Err(JobRefused::TooMany.into());
        }
        let new = NewJob {
            plugin: plugin.clone(),
            name: name.clone(),
            arguments: arguments.clone(),
            by: self.by.principal.user.to_string(),
            request_id: self.by.request_id.to_owned(),
            trace: self.start.trace,
        };
        let job = new.begin(self.id.to_owned(), kernel.clock().now());
        jobs::put(transaction, self.scope, &job).await?;
        Ok(job)
    }

    fn note(&self, done: &Job) -> String {
        done.note()
    }
}

struct Change<'a> {
    by: Acting<'a>,
    scope: &'a Scope,
    id: &'a str,
    resume: bool,
}

impl Work for Change<'_> {
    type Output = Job;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Job, KernelError> {
        let Self { by, scope, id, resume } = self;
        Rights::read(kernel, transaction, scope).await?.job(transaction, by.principal, scope, id).await?;
        let now = kernel.clock().now();
        Ok(match resume {
            true => jobs::resume(transaction, scope, id, now).await?,
            false => jobs::cancel(transaction, scope, id, now).await?,
        })
    }

    fn note(&self, done: &Job) -> String {
        done.note()
    }
}

struct Show<'a> {
    by: Acting<'a>,
    scope: &'a Scope,
    id: &'a str,
}

impl Work for Show<'_> {
    type Output = Job;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Job, KernelError> {
        let rights = Rights::read(kernel, transaction, self.scope).await?;
        rights.job(transaction, self.by.principal, self.scope, self.id).await
    }
}

struct List<'a> {
    by: Acting<'a>,
    scope: &'a Scope,
    before: Option<&'a str>,
    limit: usize,
}

impl Work for List<'_> {
    type Output = JobPage;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<JobPage, KernelError> {
        let Self { by, scope, before, limit } = self;
        let rights = Rights::read(kernel, transaction, scope).await?;
        let mut page = jobs::page(transaction, scope, *before, *limit).await?;
        page.items.retain(|job| match rights.path(scope, &job.plugin, &job.name) {
            Some(path) => rights.check(by.principal, scope, &path).is_ok(),
            None => rights.operates(by.principal, scope),
        });
        Ok(page)
    }
}
