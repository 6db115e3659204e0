//! A root call: one serializable transaction around an operation and everything it calls.
//!
//! INVARIANT (one-transaction): the writes, events, the audit line and the idempotency record of a call are committed together or not
//! at all. What only an `err` leaves is its audit line and its idempotency record; a call that ends otherwise leaves an audit line, in a
//! transaction of its own, or where it was refused is counted in one.

use std::sync::Arc;
use std::time::Duration;

use forecourt_auth::audit::{AuditEntry, Outcome};
use forecourt_auth::{AuthError, Decision, DenyReason, Principal};
use forecourt_base::{OperationPath, Scope, TraceContext};
use forecourt_registry::Module;
use forecourt_schema::{FileRef, OperationKind, Warning, file_refs};
use forecourt_storage::{Mode, StorageError, Transaction, backoff_ms};
use serde_json::Value;
use tokio::time::Instant;
use wasmtime::component::Val;

use crate::admission::{Seat, Tenant};
use crate::audit;
use crate::budget::{Bounds, Budget};
use crate::detached::Detached;
use crate::error::Abort;
use crate::error::CallError;
use crate::files::unknown_of;
use crate::idempotency::{self, Kept};
use crate::invoke::{Target, invoke};
use crate::kernel::Kernel;
use crate::loaded::Export;
use crate::metrics::Used;
use crate::nested::case_name;
use crate::outbound::Item;
use crate::series::Numbers;
use crate::tree::{Ground, NestedCall, Origin, Tree};
use crate::values::{check_by_get, parameters, payload};
use crate::wake::Wake;

/// What a root call is given.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls.
    pub principal: Arc<Principal>,
    /// The store, or the whole group.
    pub scope: Scope,
    /// What is called.
    pub operation: OperationPath,
    /// The parameters as one JSON object; not read where they are given as component values.
    pub arguments: Value,
    /// Whether the call came by a method that only reads and whose address is logged.
    pub by_get: bool,
    /// The caller's key under which the first answer is kept; commands alone have one.
    pub idempotency_key: Option<String>,
    /// Names the request in logs, events and audit.
    pub request_id: String,
    /// The trace that the call is part of.
    pub trace: Option<TraceContext>,
}

/// The parameters of a root call, in the form in which the answer is wanted.
#[derive(Debug)]
pub(crate) enum Arguments {
    Json(Value),
    Values(Vec<Val>),
}

/// What an operation gave, in the form in which it was asked; nothing is null.
#[derive(Debug)]
pub(crate) enum Given {
    Json(Value),
    Value(Option<Val>),
}

/// The `ok` value of a root call.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) value: Given,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) replayed: bool,
}

/// The `ok` value of a root call that was given JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value as JSON; null where the operation gives nothing.
    pub value: Value,
    /// What is odd about the arguments but not wrong.
    pub warnings: Vec<Warning>,
    /// Whether this is a kept answer to an earlier request with the same idempotency key.
    pub replayed: bool,
}

impl Kernel {
    /// Runs one root call as a transaction of its own. The call goes on to its end when the returned future is dropped.
    ///
    /// # Errors
    /// [`CallError`]; in every case but `OutcomeUnknown` it is certain that nothing but an audit line was committed.
    pub async fn call(self: &Arc<Self>, mut call: Call) -> Result<Answer, CallError> {
        let arguments = Arguments::Json(call.arguments.take());
        let Answered { value, warnings, replayed } = detached(Arc::clone(self), call, arguments).await?;
        match value {
            Given::Json(value) => Ok(Answer { value, warnings, replayed }),
            Given::Value(_) => Err(CallError::Internal("a call in JSON was answered otherwise".to_owned())),
        }
    }

    /// The same from component values to a component value, for callers within the process: `params` are of the operation's own
    /// parameter types, and no answer is kept for an idempotency key.
    ///
    /// # Errors
    /// As [`Kernel::call`]; parameters of other types end as a trap.
    pub async fn call_values(self: &Arc<Self>, call: Call, params: Vec<Val>) -> Result<Option<Val>, CallError> {
        match detached(Arc::clone(self), call, Arguments::Values(params)).await?.value {
            Given::Value(value) => Ok(value),
            Given::Json(_) => Err(CallError::Internal("a call in values was answered otherwise".to_owned())),
        }
    }
}

/// Runs the call to its end: a client that goes away does not end it.
async fn detached(kernel: Arc<Kernel>, call: Call, arguments: Arguments) -> Result<Answered, CallError> {
    let seat = kernel.admission().root().await?;
    let mut run = Detached::new(Root::new(Arc::clone(&kernel), call, arguments).run(seat));
    loop {
        match run.await {
            End::Answered(result) => return result,
            // Whoever goes away while his call waits to begin takes it with him.
            End::Crowded(root, tenant) => {
                let seat = kernel.admission().queue(tenant).await?;
                run = Detached::new(root.run(seat));
            }
        }
    }
}

/// How a run of a root call ended.
enum End {
    Answered(Result<Answered, CallError>),
    /// As many calls of the plugin run here as may: nothing was done yet.
    Crowded(Box<Root>, Arc<Tenant>),
}

/// A root call over all its attempts.
struct Root {
    kernel: Arc<Kernel>,
    call: Call,
    arguments: Arguments,
    origin: Arc<Origin>,
    command: bool,
    bounds: Bounds,
    numbers: Numbers,
    nested: Vec<NestedCall>,
    /// Where the last attempt published events, and their topics.
    published: Vec<(Scope, String)>,
    /// Outbound requests that the last attempt asked for.
    outbox: Vec<Item>,
    /// The page token that storage refused in the last attempt.
    refused_token: Option<String>,
    /// What is to be looked at once the last attempt has committed.
    wake: Wake,
    /// What serves, once it is known.
    served: Option<Arc<Module>>,
    /// What all attempts have used.
    used: Used,
    /// The plugin that has no place free.
    crowd: Option<Arc<Tenant>>,
}

/// Arguments that passed their checks.
struct Prepared {
    params: Vec<Val>,
    warnings: Vec<Warning>,
    /// Where the answer is kept, when the caller gave a key.
    kept: Option<Kept>,
    /// The files that a command's arguments name.
    files: Vec<FileRef>,
}

/// What one attempt came to.
enum Attempt {
    /// Commit this and then answer.
    Commit(Box<Transaction>, Result<Answered, CallError>),
    /// Nothing is to be committed.
    Done(Result<Answered, CallError>),
}

impl Root {
    fn new(kernel: Arc<Kernel>, call: Call, arguments: Arguments) -> Self {
        let started = kernel.clock().now();
        let origin = Arc::new(Origin {
            principal: Arc::clone(&call.principal),
            scope: call.scope.clone(),
            request_id: call.request_id.as_str().into(),
            started,
            seed: kernel.next_seed(),
            trace: call.trace,
            span: kernel.begin_span(call.trace, started),
        });
        let name = &call.operation.operation;
        let command = OperationKind::of(name) == OperationKind::Command;
        let bounds = if name.starts_with("report-") { Bounds::REPORT } else { Bounds::CALL };
        let (numbers, nested, published, outbox) = (Numbers::default(), Vec::new(), Vec::new(), Vec::new());
        Self {
            kernel,
            origin,
            command,
            bounds,
            numbers,
            nested,
            published,
            outbox,
            refused_token: None,
            wake: Wake::default(),
            served: None,
            used: Used::default(),
            crowd: None,
            call,
            arguments,
        }
    }

    async fn run(mut self, mut seat: Seat) -> End {
        let started = Instant::now();
        let deadline = started + Duration::from_millis(self.bounds.wall_ms);
        let result = self.attempts(&mut seat, deadline).await;
        if let Some(tenant) = self.crowd.take() {
            return End::Crowded(Box::new(self), tenant);
        }
        if let Err(error) = &result
            && let Some(outcome) = audit::outcome_of_failure(error)
        {
            let entry = self.audit_entry(outcome);
            audit::append_alone(&self.kernel, entry).await;
        }
        let outcome = result.as_ref().map(|_| ()).map_err(audit::label);
        let (used, served) = (Used { took: started.elapsed(), ..self.used }, self.served.as_deref());
        self.kernel.metrics().root((&self.call.scope, served), &self.call.operation, outcome, &used);
        self.kernel.end_root(&self.origin, &self.call.operation, served, outcome.err());
        End::Answered(result)
    }

    async fn attempts(&mut self, seat: &mut Seat, deadline: Instant) -> Result<Answered, CallError> {
        let mut attempt = 0;
        loop {
            let wait = backoff_ms(attempt, self.kernel.random());
            let exclusive = wait.is_none();
            let mut until = deadline;
            let mut _alone = None;
            let transaction = match wait {
                Some(wait_ms) => {
                    if wait_ms > 0
                        && tokio::time::timeout_at(deadline, tokio::time::sleep(Duration::from_millis(wait_ms)))
                            .await
                            .is_err()
                    {
                        return Err(CallError::Timeout);
                    }
                    self.begin()?
                }
                None => {
                    _alone = seat.alone(deadline).await?;
                    let transaction = self.begin_exclusive(deadline).await?;
                    until = until.min(Instant::now() + Duration::from_millis(self.bounds.exclusive().wall_ms));
                    transaction
                }
            };
            self.numbers.rewind();
            self.nested.clear();
            self.outbox.clear();
            self.wake = Wake::default();
            let tried = {
                // Pinned where it is: moving a future of this size into the timer would copy it.
                let attempt = std::pin::pin!(self.attempt(seat, transaction, exclusive));
                tokio::time::timeout_at(until, attempt).await
            };
            match tried.unwrap_or(Err(CallError::Timeout)) {
                Err(CallError::Conflict) => {}
                // What is too long to keep others out has had its attempts.
                Err(CallError::Limit("EXCLUSIVE_CPU_MS") | CallError::Timeout) if exclusive => {}
                Err(error) => return Err(error),
                Ok(Attempt::Done(answer)) => return answer,
                Ok(Attempt::Commit(transaction, answer)) => match transaction.commit().await {
                    Err(StorageError::Conflict) => {}
                    committed => {
                        self.kernel.dispatcher().published(std::mem::take(&mut self.published));
                        if committed.is_ok() {
                            self.kernel.outbound().wake(self.outbox.drain(..));
                        }
                        self.kernel.wake(&self.call.scope, std::mem::take(&mut self.wake));
                        return committed.map_err(CallError::from).and(answer);
                    }
                },
            }
            if exclusive {
                return Err(CallError::Conflict);
            }
            self.kernel.metrics().conflict();
            attempt += 1;
        }
    }

    fn mode(&self) -> Mode {
        if self.command { Mode::ReadWrite } else { Mode::ReadOnly }
    }

    fn begin(&self) -> Result<Transaction, CallError> {
        Ok(Transaction::begin(self.kernel.storage(), Some(self.call.scope.group.clone()), self.mode())?)
    }

    async fn begin_exclusive(&self, deadline: Instant) -> Result<Transaction, CallError> {
        let group = &self.call.scope.group;
        let guard = tokio::time::timeout_at(deadline, self.kernel.storage().exclusive(Some(group)));
        let guard = guard.await.map_err(|_| CallError::Timeout)?;
        Ok(Transaction::begin_exclusive(self.kernel.storage(), guard, self.mode())?)
    }

    async fn attempt(
        &mut self,
        seat: &mut Seat,
        mut transaction: Transaction,
        exclusive: bool,
    ) -> Result<Attempt, CallError> {
        self.reauthenticate(&mut transaction).await?;
        let scope = &self.call.scope;
        let policy = self.kernel.auth().policy(&mut transaction, &scope.group).await?;
        if let Decision::Deny(reason) = policy.member(&self.call.principal, scope) {
            return Err(CallError::Denied { reason: reason.code().to_owned() });
        }
        let generation = self.kernel.registry().generation(&mut transaction, &scope.group).await?;
        let path = &self.call.operation;
        let module = generation.provider(scope.store.as_ref(), &path.area);
        let module = Arc::clone(module.ok_or_else(|| CallError::AreaNotEnabled(path.area.to_string()))?);
        let loaded = self.kernel.load(&module).await?;
        let interface = format!("forecourt:{}/{}", path.area, path.interface);
        let export = loaded.newest(interface, path.operation.clone());
        let export = Arc::clone(export.ok_or_else(|| CallError::UnknownOperation(path.to_string()))?);
        if let Decision::Deny(reason) = policy.decide(&self.call.principal, path, self.command, scope) {
            return Err(CallError::Denied { reason: reason.code().to_owned() });
        }
        // What a newer version does not declare open any more, links that were made before open no more.
        if self.call.principal.link.is_some() && module.schema.linked(path).is_none() {
            return Err(CallError::Denied { reason: DenyReason::NoGrant.code().to_owned() });
        }
        if self.call.by_get {
            check_by_get(&export.operation, path)?;
        }
        let tenant = match self.kernel.admission().sit(seat, scope, &module.plugin) {
            Ok(tenant) => tenant,
            Err(crowd) => {
                self.crowd = Some(crowd);
                return Err(CallError::Full("STORE_PLUGIN_CALLS"));
            }
        };
        self.served = Some(Arc::clone(&module));
        let Prepared { params, warnings, kept, files } = self.prepare(&export)?;
        if let Some(kept) = &kept
            && let Some(answer) = kept.find(&mut transaction, self.origin.started).await?
        {
            return Ok(Attempt::Done(answer));
        }
        if !files.is_empty() {
            let fields = unknown_of(&mut transaction, scope, files).await?;
            if !fields.is_empty() {
                return Err(CallError::Malformed { fields });
            }
        }
        let ground = Ground { generation, policy };
        let target = Target { module, loaded, export };
        let bounds = if exclusive { self.bounds.exclusive() } else { self.bounds };
        let budget = Budget::new(bounds, transaction.usage(), Some(tenant));
        let outcome = self.execute((transaction, budget), ground, &target, &params).await?;
        self.conclude(outcome, &target, kept, warnings).await
    }

    /// The session must be open in the call's own transaction; rights that changed since it was read are read anew.
    async fn reauthenticate(&mut self, transaction: &mut Transaction) -> Result<(), CallError> {
        let auth = self.kernel.auth();
        match auth.reauthenticate(transaction, &self.call.principal).await {
            Err(AuthError::PrincipalChanged) => {
                let principal = auth.refresh(transaction, &self.call.principal).await?;
                self.call.principal = Arc::clone(&principal);
                self.origin = Arc::new(Origin { principal, ..(*self.origin).clone() });
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Checks the arguments and turns them into component values.
    fn prepare(&self, export: &Export) -> Result<Prepared, CallError> {
        let arguments = match &self.arguments {
            Arguments::Json(arguments) => arguments.clone(),
            Arguments::Values(params) => {
                return Ok(Prepared { params: params.clone(), warnings: Vec::new(), kept: None, files: Vec::new() });
            }
        };
        let (arguments, warnings) =
            forecourt_schema::normalise_params(&export.operation.params, arguments, self.origin.started)
                .map_err(|fields| CallError::Malformed { fields })?;
        let kept = match &self.call.idempotency_key {
            Some(key) if self.command => Some(Kept::new(&self.call, key, &arguments)?),
            _ => None,
        };
        let files = match self.command && export.names_files {
            true => file_refs(&export.parameters, &arguments),
            false => Vec::new(),
        };
        Ok(Prepared { params: parameters(&export.parameters, &arguments)?, warnings, kept, files })
    }

    /// Runs the operation; what the guest wrote is undone when it answered `err`.
    async fn execute(
        &mut self,
        (mut transaction, budget): (Transaction, Budget),
        ground: Ground,
        target: &Target,
        params: &[Val],
    ) -> Result<(Transaction, Option<Val>), CallError> {
        transaction.bound_reads(transaction.usage().bytes_read.saturating_add(budget.bounds.read_bytes));
        let savepoint = transaction.savepoint();
        let numbers = std::mem::take(&mut self.numbers);
        let pace = budget.pace();
        let tree = Tree::new(Arc::clone(&self.kernel), Arc::clone(&self.origin), transaction, ground, budget, numbers);
        let has_result = target.export.operation.returns_result || target.export.operation.ok.is_some();
        let mut results = if has_result { vec![Val::Bool(false)] } else { Vec::new() };
        let (tree, outcome) = {
            let owner = (&self.call.scope, &target.module.plugin);
            let invoked = std::pin::pin!(invoke(Box::new(tree), target, params, &mut results));
            self.kernel.turns().paced(pace, owner, invoked).await
        };
        let Some(tree) = tree else {
            return Err(outcome.err().unwrap_or_else(|| Abort::Internal("a call lost its tree".to_owned())).into());
        };
        let Tree { mut transaction, numbers, nested, budget, refused_token, published, outbox, wake, .. } = *tree;
        (self.published, self.outbox) = (published, outbox);
        self.refused_token = refused_token;
        self.wake = wake;
        self.numbers = numbers;
        self.nested = nested;
        self.used.and(&budget.used(&transaction.usage()));
        outcome?;
        let result = results.pop();
        if let Some(Val::Result(Err(_))) = result {
            transaction.rollback_to(&savepoint);
        }
        Ok((transaction, result))
    }

    async fn conclude(
        &self,
        (mut transaction, result): (Transaction, Option<Val>),
        target: &Target,
        kept: Option<Kept>,
        warnings: Vec<Warning>,
    ) -> Result<Attempt, CallError> {
        let operation = &target.export.operation;
        let given = |value: Option<&Val>| match self.arguments {
            Arguments::Values(_) => Ok(Given::Value(value.cloned())),
            Arguments::Json(_) => payload(&operation.ok, value).map(Given::Json),
        };
        let (answer, failed) = match &result {
            Some(Val::Result(Ok(value))) => (Ok(given(value.as_deref())?), None),
            Some(Val::Result(Err(error))) => {
                self.check_page_token(target)?;
                let case = case_name(error.as_deref());
                (Err(payload(&operation.err, error.as_deref())?), Some(case))
            }
            other => (Ok(given(other.as_ref())?), None),
        };
        if self.command {
            let outcome = failed.clone().map_or(Outcome::Done, Outcome::Failed);
            let mut entry = self.audit_entry(outcome);
            entry.records = forecourt_auth::audit::records(&transaction);
            forecourt_auth::audit::append(&mut transaction, &entry).await?;
            if let Some(kept) = kept {
                kept.keep(&mut transaction, self.origin.started, &answer, failed.as_deref()).await?;
            }
        }
        let answer = match answer {
            Ok(value) => Ok(Answered { value, warnings, replayed: false }),
            Err(error) => Err(idempotency::domain(failed.unwrap_or_default(), error, false)),
        };
        Ok(if self.command { Attempt::Commit(Box::new(transaction), answer) } else { Attempt::Done(answer) })
    }

    /// An operation that failed over a page token which its caller made up or took from another list was asked wrongly.
    fn check_page_token(&self, target: &Target) -> Result<(), CallError> {
        let (Some(token), Arguments::Json(arguments)) = (&self.refused_token, &self.arguments) else { return Ok(()) };
        match forecourt_schema::refused_page_token(&target.export.parameters, arguments, token) {
            Some(field) => Err(CallError::Malformed { fields: vec![field] }),
            None => Ok(()),
        }
    }

    fn audit_entry(&self, outcome: Outcome) -> AuditEntry {
        audit::of_call(&self.call, &self.origin, &self.nested, outcome)
    }
}
