//! Starting jobs: rows of the transaction, whose steps are taken after the commit.

use forecourt_auth::audit::Outcome;
use forecourt_base::{limits, uuid_v7_from};
use forecourt_bus::jobs::{NewJob, has_most, put};
use forecourt_storage::{Mode, StorageError, Transaction};
use serde_json::value::RawValue;

use crate::audit;
use crate::bindings::forecourt::kernel::jobs;
use crate::error::Abort;
use crate::jobs::START_JOB;
use crate::state::CallState;

impl CallState {
    async fn start_job(&mut self, name: String, arguments: String) -> Result<Result<String, jobs::Error>, Abort> {
        self.enter("jobs")?;
        if !self.module.schema.manifest.jobs.iter().any(|job| job.name == name) {
            return Ok(Err(jobs::Error::NotDeclared(name)));
        }
        if arguments.len() > limits::JOB_ARGUMENTS_BYTES {
            return Ok(Err(jobs::Error::TooLarge(limits::JOB_ARGUMENTS_BYTES as u64)));
        }
        let arguments = match RawValue::from_string(arguments) {
            Ok(arguments) => arguments,
            Err(error) => return Ok(Err(jobs::Error::Invalid(error.to_string()))),
        };
        let plugin = self.module.plugin.clone();
        let tree = self.tree()?;
        let scope = tree.origin.scope.clone();
        // Every step writes where the jobs are counted, so they are counted beside the transaction.
        let mut beside = Transaction::begin(tree.kernel.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
        if has_most(&mut beside, &scope, &plugin).await? {
            return Ok(Err(jobs::Error::TooMany(limits::JOBS_HELD as u64)));
        }
        let (high, low) = (tree.next_random(), tree.next_random());
        let (by, request_id) = (tree.origin.principal.user.to_string(), tree.origin.request_id.to_string());
        let new = NewJob { plugin, name, arguments, by, request_id, trace: tree.trace() };
        let job = new.begin(uuid_v7_from(tree.origin.started, high, low), tree.origin.started);
        match put(&mut tree.transaction, &scope, &job).await {
            Ok(()) => {}
            Err(StorageError::ReadOnly) => return Ok(Err(jobs::Error::ReadOnly)),
            Err(error) => return Err(error.into()),
        }
        tree.check_storage()?;
        let origin = &tree.origin;
        let mut entry =
            audit::entry(origin.started, &origin.principal, &scope, START_JOB, Outcome::Done, &origin.request_id);
        entry.note = job.note();
        forecourt_auth::audit::append(&mut tree.transaction, &entry).await?;
        tree.wake.job(&job);
        Ok(Ok(job.id))
    }
}

impl jobs::Host for CallState {
    async fn start(&mut self, name: String, arguments: String) -> wasmtime::Result<Result<String, jobs::Error>> {
        Ok(self.start_job(name, arguments).await?)
    }
}
