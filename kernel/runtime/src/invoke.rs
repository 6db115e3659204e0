//! One plugin call: a fresh instance, one exported function, called once or for a batch, and the tree given back.

use std::collections::HashSet;
use std::sync::Arc;

use forecourt_registry::Module;
use wasmtime::component::{Func, Instance, Val};
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::breaker::Verdict;
use crate::error::Abort;
use crate::fault;
use crate::loaded::{Export, Loaded};
use crate::state::CallState;
use crate::suspension::Pass;
use crate::tree::Tree;

/// A plugin and the operation of it that is called.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) module: Arc<Module>,
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) export: Arc<Export>,
}

fn new_store(tree: Box<Tree>, target: &Target) -> Store<CallState> {
    let fuel = tree.budget.bounds.hostcall_fuel;
    let engine = target.loaded.pre().engine();
    let state = CallState::new(tree, Arc::clone(&target.module), Arc::clone(&target.loaded));
    let mut store = Store::new(engine, state);
    store.limiter(|state| state);
    store.set_hostcall_fuel(fuel);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut context| {
        let state = context.data_mut();
        state.ticks += 1;
        Ok(if state.tree()?.budget.tick()? { UpdateDeadline::Yield(1) } else { UpdateDeadline::Continue(1) })
    });
    store
}

/// Calls `target` in a fresh instance. The tree comes back in every case but one: when the kernel itself lost it.
pub(crate) async fn invoke(
    tree: Box<Tree>,
    target: &Target,
    params: &[Val],
    results: &mut [Val],
) -> (Option<Box<Tree>>, Result<(), Abort>) {
    let (pass, mut store) = match enter(tree, target) {
        Ok(entered) => entered,
        Err((tree, abort)) => return (Some(tree), Err(abort)),
    };
    let ran = run(&mut store, target, params, results).await;
    leave(store, target, pass, ran, true)
}

/// One of several calls of a hook.
#[derive(Debug)]
pub(crate) struct HookCall {
    pub(crate) params: Vec<Val>,
    /// Handlers of events between a person's call and this one.
    pub(crate) hops: u32,
    /// Calls of one lane follow one another: behind one that answered `err` they are left out.
    pub(crate) lane: usize,
}

/// What became of a call of a hook that did not end the run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    /// It gave this.
    Value(Option<Val>),
    /// It was left out.
    LeftOut,
}

/// Calls `target` several times, one after another in one fresh instance. What a call that answers `err` wrote is undone. `results` has what
/// became of the calls up to the one that traps, which is the last. With `judged` false a failure is not held against the plugin, nor is one
/// behind other calls, which may have used up what it needed: alone it will show.
pub(crate) async fn invoke_each(
    tree: Box<Tree>,
    target: &Target,
    calls: &[HookCall],
    results: &mut Vec<Given>,
    judged: bool,
) -> (Option<Box<Tree>>, Result<(), Abort>) {
    let (pass, mut store) = match enter(tree, target) {
        Ok(entered) => entered,
        Err((tree, abort)) => return (Some(tree), Err(abort)),
    };
    let ran = run_each(&mut store, target, calls, results).await;
    let judged = judged && results.iter().all(|given| *given == Given::LeftOut);
    leave(store, target, pass, ran, judged)
}

/// Moves the tree into a store of its own for an instance of `target`'s plugin, if that may run.
fn enter(mut tree: Box<Tree>, target: &Target) -> Result<(Pass, Store<CallState>), (Box<Tree>, Abort)> {
    if let Err(abort) = tree.budget.plugin_call() {
        return Err((tree, abort));
    }
    let pass = match tree.kernel.suspensions().enter(&tree.origin.scope, &target.module) {
        Ok(pass) => pass,
        Err(abort) => return Err((tree, abort)),
    };
    tree.stack.push(Arc::clone(&target.module));
    Ok((pass, new_store(tree, target)))
}

/// Takes the tree back and judges how the instance ended.
fn leave(
    store: Store<CallState>,
    target: &Target,
    pass: Pass,
    ran: wasmtime::Result<()>,
    judged: bool,
) -> (Option<Box<Tree>>, Result<(), Abort>) {
    let state = store.into_data();
    let ticks = state.ticks;
    let mut tree = state.finish();
    let outcome = ran.map_err(|error| classify(error, target, tree.as_deref()));
    if let Some(tree) = &mut tree {
        tree.stack.pop();
        let mut verdict = fault::verdict(outcome.as_ref().copied(), &tree.budget, ticks, &mut tree.blamed);
        if verdict == Verdict::Failure && !judged {
            verdict = Verdict::None;
        }
        tree.kernel.suspensions().ended(pass, &tree.origin.scope, &target.module, verdict);
    }
    (tree, outcome)
}

async fn run_each(
    store: &mut Store<CallState>,
    target: &Target,
    calls: &[HookCall],
    results: &mut Vec<Given>,
) -> wasmtime::Result<()> {
    let instance = target.loaded.pre().instantiate_async(&mut *store).await?;
    let function = exported(&instance, store, target)?;
    let has_result = target.export.operation.returns_result || target.export.operation.ok.is_some();
    let mut failed = HashSet::new();
    for (at, call) in calls.iter().enumerate() {
        if failed.contains(&call.lane) {
            results.push(Given::LeftOut);
            continue;
        }
        let tree = store.data_mut().tree()?;
        if at > 0 {
            tree.budget.plugin_call()?;
        }
        tree.hops = call.hops;
        let savepoint = tree.transaction.savepoint();
        let mut given = if has_result { vec![Val::Bool(false)] } else { Vec::new() };
        function.call_async(&mut *store, &call.params, &mut given).await?;
        let result = given.pop();
        if let Some(Val::Result(Err(_))) = result {
            store.data_mut().tree()?.transaction.rollback_to(&savepoint);
            failed.insert(call.lane);
        }
        results.push(Given::Value(result));
    }
    Ok(())
}

fn exported(instance: &Instance, store: &mut Store<CallState>, target: &Target) -> Result<Func, Abort> {
    let function = instance.get_func(store, target.export.index);
    function.ok_or_else(|| Abort::Internal("an export vanished".to_owned()))
}

async fn run(
    store: &mut Store<CallState>,
    target: &Target,
    params: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let instance = target.loaded.pre().instantiate_async(&mut *store).await?;
    let function = exported(&instance, store, target)?;
    function.call_async(&mut *store, params, results).await
}

/// Tells the kernel's own endings of a call from the guest's traps. What is the plugin's fault is logged here, once, with a backtrace where
/// there is one: what comes out of a nested call was logged there.
fn classify(error: wasmtime::Error, target: &Target, tree: Option<&Tree>) -> Abort {
    let known = tree.is_some_and(|tree| tree.blamed);
    let error = match error.downcast::<Abort>() {
        Ok(abort @ Abort::Misuse { .. }) if !known => {
            log(target, tree, &abort);
            return abort;
        }
        Ok(abort) => return abort,
        Err(error) => error,
    };
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        // The pool is as large as all root calls need.
        return Abort::Full("ROOT_CALLS");
    }
    log(target, tree, &format_args!("{error:?}"));
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Abort::Limit("GUEST_STACK_BYTES"),
        // The engine has a private type for this error, so its text is what tells it.
        _ if format!("{error:#}").contains("fuel allocated for hostcalls") => Abort::Limit("HOSTCALL_FUEL"),
        _ => Abort::Trap { plugin: target.module.plugin.to_string() },
    }
}

fn log(target: &Target, tree: Option<&Tree>, why: &dyn std::fmt::Display) {
    let module = &target.module;
    let (interface, operation) = (&target.export.interface, &target.export.operation.name);
    let request_id = tree.map(|tree| &*tree.origin.request_id).unwrap_or_default();
    tracing::warn!(plugin = %module.plugin, version = %module.version, %interface, operation, request_id, "plugin trapped: {why}");
}
