//! A hook run: the kernel calls a function that a plugin exports for it, in a root transaction of principal `plugin:<name>`.
//!
//! What is to be done and what becomes of it are rows of the kernel's own, read and written in the same transaction as the guest's writes:
//! an [`Errand`] does both. So the effect of a run on the state is there exactly once, however often the run is begun. The calls of one run
//! share an instance and a transaction; what one that answers `err` wrote is undone.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use forecourt_auth::Principal;
use forecourt_auth::audit::Outcome;
use forecourt_base::{PluginName, Scope, TraceContext};
use forecourt_registry::Module;
use forecourt_storage::{Mode, StorageError, Transaction, backoff_ms};
use tokio::time::{Instant, timeout_at};

use crate::admission::HandlerSeat;
use crate::audit;
use crate::budget::{Bounds, Budget};
use crate::error::{Abort, CallError};
use crate::invoke::{Given, HookCall, Target, invoke_each};
use crate::kernel::Kernel;
use crate::metrics::Used;
use crate::outbound::Item;
use crate::series::Numbers;
use crate::trace::{SpanKind, attributes};
use crate::tree::{Ground, NestedCall, Origin, Tree};
use crate::wake::Wake;

/// An exported function of one of the kernel's interfaces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hook {
    /// The interface, `subscriber`.
    pub(crate) interface: &'static str,
    /// The function, `handle`.
    pub(crate) function: &'static str,
}

/// What a hook's transaction is about. It may be begun several times, so it does nothing but through the transaction it is given.
pub(crate) trait Errand: Send {
    /// Finds out in the transaction what is to be done; none where there is nothing, any more.
    fn open(
        &mut self,
        kernel: &Kernel,
        module: &Module,
        transaction: &mut Transaction,
    ) -> impl Future<Output = Result<Option<Vec<HookCall>>, CallError>> + Send;

    /// Writes down in the same transaction what became of each call, in their order.
    fn close(
        &mut self,
        kernel: &Kernel,
        transaction: &mut Transaction,
        results: &[Given],
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Whether each run has an audit line; else the errand writes what there is to say.
    fn audited(&self) -> bool {
        true
    }

    /// What the audit line adds to the hook's name; ids only.
    fn note(&self) -> String;

    /// How it ended, for the audit.
    fn outcome(&self) -> Outcome {
        Outcome::Done
    }
}

/// A plugin's hook in a place, and how it is run.
#[derive(Debug)]
pub(crate) struct HookRun {
    pub(crate) scope: Scope,
    pub(crate) plugin: PluginName,
    pub(crate) hook: Hook,
    /// Names the run in logs, events and audit.
    pub(crate) request_id: String,
    /// The work that led to the run, as far as it is traced.
    pub(crate) links: Vec<TraceContext>,
    /// Whether a failure counts towards the plugin's suspension. One that is tried again and again by the kernel's own plan is no news.
    pub(crate) judged: bool,
}

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// There was nothing to do, or nobody to do it.
    Idle,
    /// It committed.
    Done,
}

/// Why a run left nothing.
#[derive(Debug)]
pub(crate) struct HookError {
    /// The number of the call that ended the run, where it was one of them.
    pub(crate) at: Option<usize>,
    pub(crate) error: CallError,
}

impl From<CallError> for HookError {
    fn from(error: CallError) -> Self {
        Self { at: None, error }
    }
}

impl From<StorageError> for HookError {
    fn from(error: StorageError) -> Self {
        CallError::from(error).into()
    }
}

/// What one attempt came to.
enum Attempt {
    Nothing,
    Commit(Box<Transaction>),
}

/// A run over all its attempts.
struct Running<'a, E> {
    kernel: &'a Arc<Kernel>,
    run: &'a HookRun,
    errand: &'a mut E,
    seat: HandlerSeat,
    origin: Arc<Origin>,
    numbers: Numbers,
    nested: Vec<NestedCall>,
    published: Vec<(Scope, String)>,
    outbox: Vec<Item>,
    /// What is to be looked at once the run has committed.
    wake: Wake,
    /// What all attempts have used.
    used: Used,
}

impl Kernel {
    /// Runs a plugin's hook in a root transaction. It waits for one of the permits of handlers, which are apart from people's.
    ///
    /// # Errors
    /// [`HookError`]; in every case but `OutcomeUnknown` nothing was committed.
    pub(crate) async fn run_hook<E: Errand>(self: &Arc<Self>, run: &HookRun, errand: &mut E) -> Result<Ran, HookError> {
        let seat = self.admission().handler(&run.scope, &run.plugin).await?;
        let now = self.clock().now();
        let origin = Arc::new(Origin {
            principal: Arc::new(Principal::of_plugin(run.scope.group.clone(), run.plugin.clone())),
            scope: run.scope.clone(),
            request_id: run.request_id.as_str().into(),
            started: now,
            seed: self.next_seed(),
            trace: run.links.first().copied(),
            span: self.begin_span(None, now),
        });
        let (numbers, nested, published, outbox) = (Numbers::default(), Vec::new(), Vec::new(), Vec::new());
        let mut running = Running {
            kernel: self,
            run,
            errand,
            seat,
            origin,
            numbers,
            nested,
            published,
            outbox,
            wake: Wake::default(),
            used: Used::default(),
        };
        let started = Instant::now();
        let result = running.attempts().await;
        let outcome = result.as_ref().map(|_| ()).map_err(|failure| audit::label(&failure.error));
        if !matches!(result, Ok(Ran::Idle)) {
            let used = Used { took: started.elapsed(), ..running.used };
            self.metrics().hook((&run.scope, &run.plugin), run.hook, outcome, &used);
            if let Some(begun) = &running.origin.span {
                let name = format!("kernel/{}/{}", run.hook.interface, run.hook.function);
                self.end_span(begun, (name, SpanKind::Consumer), outcome.err(), |span| {
                    span.attributes = attributes(&running.origin, None);
                    span.attributes.push(("forecourt.plugin", run.plugin.to_string()));
                    span.links.clone_from(&run.links);
                });
            }
        }
        result
    }
}

impl<E: Errand> Running<'_, E> {
    async fn attempts(&mut self) -> Result<Ran, HookError> {
        let deadline = Instant::now() + Duration::from_millis(Bounds::HANDLER.wall_ms);
        let mut attempt = 0;
        loop {
            let wait = backoff_ms(attempt, self.kernel.random());
            let exclusive = wait.is_none();
            let (mut until, mut _alone) = (deadline, None);
            let transaction = match wait {
                Some(wait_ms) => {
                    if wait_ms > 0 {
                        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                    }
                    Transaction::begin(self.kernel.storage(), Some(self.run.scope.group.clone()), Mode::ReadWrite)?
                }
                None => {
                    _alone = self.seat.alone(deadline).await?;
                    let guard = self.kernel.storage().exclusive(Some(&self.run.scope.group));
                    let guard = timeout_at(deadline, guard).await.map_err(|_| CallError::Timeout)?;
                    until = until.min(Instant::now() + Duration::from_millis(Bounds::HANDLER.exclusive().wall_ms));
                    Transaction::begin_exclusive(self.kernel.storage(), guard, Mode::ReadWrite)?
                }
            };
            self.numbers.rewind();
            self.nested.clear();
            self.published.clear();
            self.outbox.clear();
            self.wake = Wake::default();
            let bounds = if exclusive { Bounds::HANDLER.exclusive() } else { Bounds::HANDLER };
            let mut done = Vec::new();
            let tried = {
                let attempt = std::pin::pin!(self.attempt(transaction, bounds, &mut done));
                timeout_at(until, attempt).await
            };
            let error = match tried.unwrap_or_else(|_| Err(CallError::Timeout)) {
                Ok(Attempt::Nothing) => return Ok(Ran::Idle),
                Ok(Attempt::Commit(transaction)) => match transaction.commit().await {
                    Err(StorageError::Conflict) => CallError::Conflict,
                    committed => {
                        self.kernel.dispatcher().published(std::mem::take(&mut self.published));
                        if committed.is_ok() {
                            self.kernel.outbound().wake(self.outbox.drain(..));
                        }
                        self.kernel.wake(&self.run.scope, std::mem::take(&mut self.wake));
                        return Ok(committed.map(|_| Ran::Done)?);
                    }
                },
                Err(error) => error,
            };
            match error {
                CallError::Conflict => {}
                // What is too long to keep others out has had its attempts.
                CallError::Limit("EXCLUSIVE_CPU_MS") | CallError::Timeout if exclusive => {}
                error => return Err(HookError { at: Some(done.len()), error }),
            }
            if exclusive {
                return Err(CallError::Conflict.into());
            }
            self.kernel.metrics().conflict();
            attempt += 1;
        }
    }

    /// `done` has what the calls gave that ended, whatever becomes of the attempt.
    async fn attempt(
        &mut self,
        mut transaction: Transaction,
        bounds: Bounds,
        done: &mut Vec<Given>,
    ) -> Result<Attempt, CallError> {
        let (kernel, run) = (self.kernel, self.run);
        let policy = kernel.auth().policy(&mut transaction, &run.scope.group).await?;
        let generation = kernel.registry().generation(&mut transaction, &run.scope.group).await?;
        let Some(module) = generation.active(run.scope.store.as_ref(), &run.plugin).cloned() else {
            return Ok(Attempt::Nothing);
        };
        let loaded = kernel.load(&module).await?;
        let Some(export) = loaded.hook(run.hook.interface, run.hook.function).cloned() else {
            return Ok(Attempt::Nothing);
        };
        let Some(calls) = self.errand.open(kernel, &module, &mut transaction).await? else {
            return Ok(Attempt::Nothing);
        };
        if !calls.is_empty() {
            let budget = Budget::new(bounds, transaction.usage(), Some(Arc::clone(&self.seat.tenant)));
            let target = Target { module, loaded, export };
            let ground = Ground { generation, policy };
            transaction = self.execute((transaction, budget), ground, &target, &calls, done).await?;
        }
        let mut entry = audit::entry(
            self.origin.started,
            &self.origin.principal,
            &run.scope,
            &format!("{}/{}", run.hook.interface, run.hook.function),
            Outcome::Done,
            &run.request_id,
        );
        entry.chain = self.nested.iter().map(audit::chain).collect();
        entry.records = forecourt_auth::audit::records(&transaction);
        self.errand.close(kernel, &mut transaction, done).await?;
        (entry.note, entry.outcome) = (self.errand.note(), self.errand.outcome());
        if self.errand.audited() {
            forecourt_auth::audit::append(&mut transaction, &entry).await?;
        }
        Ok(Attempt::Commit(Box::new(transaction)))
    }

    async fn execute(
        &mut self,
        (mut transaction, budget): (Transaction, Budget),
        ground: Ground,
        target: &Target,
        calls: &[HookCall],
        done: &mut Vec<Given>,
    ) -> Result<Transaction, CallError> {
        transaction.bound_reads(transaction.usage().bytes_read.saturating_add(budget.bounds.read_bytes));
        let numbers = std::mem::take(&mut self.numbers);
        let (kernel, pace) = (self.kernel, budget.pace());
        let tree = Tree::new(Arc::clone(kernel), Arc::clone(&self.origin), transaction, ground, budget, numbers);
        let (tree, outcome) = {
            let owner = (&self.run.scope, &self.run.plugin);
            let invoked = std::pin::pin!(invoke_each(Box::new(tree), target, calls, done, self.run.judged));
            kernel.turns().paced(pace, owner, invoked).await
        };
        let Some(tree) = tree else {
            return Err(outcome.err().unwrap_or_else(|| Abort::Internal("a call lost its tree".to_owned())).into());
        };
        let Tree { transaction, numbers, nested, budget, published, outbox, wake, .. } = *tree;
        (self.numbers, self.nested, self.published) = (numbers, nested, published);
        (self.outbox, self.wake) = (outbox, wake);
        self.used.and(&budget.used(&transaction.usage()));
        outcome?;
        Ok(transaction)
    }
}
