//! One step of a job: what the hook is asked, and what becomes of its answer, in one transaction.

use std::sync::Arc;

use forecourt_base::{Timestamp, limits};
use forecourt_bus::jobs::{self, Job, JobState, Progress};
use forecourt_registry::Module;
use forecourt_schema::{PluginSchema, Type};
use forecourt_storage::Transaction;
use serde::Deserialize;
use serde_json::Value;
use wasmtime::component::Val;

use super::JobKey;
use super::work::ended;
use crate::error::CallError;
use crate::hook::Errand;
use crate::invoke::{Given, HookCall};
use crate::json;
use crate::kernel::Kernel;

/// What the plugin answers: the WIT types in their JSON form.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Next {
    More { cursor: String, progress: Told },
    Done(Told),
}

#[derive(Debug, Deserialize)]
struct Told {
    #[serde(deserialize_with = "integer")]
    done: u64,
    #[serde(default, deserialize_with = "maybe_integer")]
    total: Option<u64>,
    text: String,
}

/// Numbers beyond 2^53 are text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Integer {
    Number(u64),
    Text(String),
}

impl Integer {
    fn value<E: serde::de::Error>(self) -> Result<u64, E> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => text.parse().map_err(E::custom),
        }
    }
}

fn integer<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Integer::deserialize(deserializer)?.value()
}

fn maybe_integer<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::<Integer>::deserialize(deserializer)?.map(Integer::value).transpose()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Failed {
    Unusable(String),
    Other(String),
}

/// A step that is being taken.
#[derive(Debug)]
pub(super) struct Step {
    key: JobKey,
    /// The job as the last attempt found it, and then as the step left it; none where it has ended.
    job: Option<Job>,
    /// The types of the answer; none while the plugin does not serve.
    hook: Option<Arc<PluginSchema>>,
}

impl Step {
    pub(super) fn new(key: JobKey) -> Self {
        Self { key, job: None, hook: None }
    }

    /// When the next step is due; none where the job has ended.
    pub(super) fn due(&self, now: Timestamp, away_ms: i64) -> Option<Timestamp> {
        match &self.job {
            Some(job) if job.state == JobState::Running => Some(job.due),
            None if self.hook.is_none() => Some(now.plus_millis(away_ms)),
            _ => None,
        }
    }
}

impl Errand for Step {
    async fn open(
        &mut self,
        _: &Kernel,
        module: &Module,
        transaction: &mut Transaction,
    ) -> Result<Option<Vec<HookCall>>, CallError> {
        self.hook = Some(Arc::clone(&module.schema));
        let job = jobs::get(transaction, &self.key.scope, &self.key.id).await?;
        self.job = job.filter(|job| job.state == JobState::Running);
        Ok(self.job.as_ref().map(|job| vec![HookCall { params: vec![question(job)], hops: 0, lane: 0 }]))
    }

    /// INVARIANT (each-step-once): the cursor moves in the transaction of the step's writes.
    async fn close(
        &mut self,
        kernel: &Kernel,
        transaction: &mut Transaction,
        results: &[Given],
    ) -> Result<(), CallError> {
        let now = kernel.clock().now();
        let Some(job) = &mut self.job else { return Ok(()) };
        match answer(self.hook.as_deref(), results)? {
            Ok(step) => job.take(step, now),
            Err(Failed::Unusable(reason)) => job.fail(bounded(reason), true, now),
            Err(Failed::Other(reason)) => job.fail(bounded(reason), false, now),
        }
        jobs::put(transaction, &self.key.scope, job).await?;
        if let Some(entry) = ended(&self.key.scope, job, now) {
            forecourt_auth::audit::append(transaction, &entry).await?;
        }
        Ok(())
    }

    fn audited(&self) -> bool {
        false
    }

    fn note(&self) -> String {
        self.key.id.clone()
    }
}

/// The parameter of the hook.
fn question(job: &Job) -> Val {
    let text = |text: &str| Val::String(text.to_owned());
    let cursor = job.cursor.as_deref().map(|cursor| Box::new(text(cursor)));
    let fields = [
        ("id", text(&job.id)),
        ("name", text(&job.name)),
        ("arguments", text(job.arguments.get())),
        ("cursor", Val::Option(cursor)),
        ("steps", Val::U64(job.steps)),
        ("by", text(&job.by)),
    ];
    Val::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// What the hook answered. An answer that is too large ends the step, as any limit does.
fn answer(schema: Option<&PluginSchema>, results: &[Given]) -> Result<Result<jobs::Step, Failed>, CallError> {
    let strange =
        |what: &dyn std::fmt::Display| CallError::Internal(format!("a job's step answered otherwise: {what}"));
    let step = schema.and_then(|schema| schema.hook("job")).and_then(|hook| hook.operation("step"));
    let step = step.ok_or_else(|| strange(&"the plugin has none"))?;
    let read = |ty: &Option<Type>, value: &Option<Box<Val>>| -> Result<Value, CallError> {
        let (Some(ty), Some(value)) = (ty, value) else { return Err(strange(&"nothing")) };
        json::from_val(ty, value).map_err(|error| strange(&error))
    };
    match results {
        [Given::Value(Some(Val::Result(Ok(next))))] => {
            let next = serde_json::from_value(read(&step.ok, next)?).map_err(|error| strange(&error))?;
            taken(next).map(Ok)
        }
        [Given::Value(Some(Val::Result(Err(failed))))] => {
            serde_json::from_value(read(&step.err, failed)?).map(Err).map_err(|error| strange(&error))
        }
        _ => Err(strange(&"no result")),
    }
}

fn taken(next: Next) -> Result<jobs::Step, CallError> {
    let progress = |Told { done, total, text }: Told| {
        let fits = text.len() <= limits::JOB_TEXT_BYTES;
        if fits { Ok(Progress { done, total, text }) } else { Err(CallError::Limit("JOB_TEXT_BYTES")) }
    };
    match next {
        Next::More { cursor, .. } if cursor.len() > limits::JOB_CURSOR_BYTES => {
            Err(CallError::Limit("JOB_CURSOR_BYTES"))
        }
        Next::More { cursor, progress: told } => Ok(jobs::Step::More(cursor, progress(told)?)),
        Next::Done(told) => Ok(jobs::Step::Done(progress(told)?)),
    }
}

fn bounded(reason: String) -> String {
    if reason.len() <= limits::JOB_TEXT_BYTES {
        return reason;
    }
    let end = reason.floor_char_boundary(limits::JOB_TEXT_BYTES);
    reason.get(..end).unwrap_or_default().to_owned()
}
