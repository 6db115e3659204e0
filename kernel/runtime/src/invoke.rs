//! One plugin call: a fresh instance, one exported function, and the tree given back.

use std::sync::Arc;

use forecourt_registry::Module;
use wasmtime::component::Val;
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::error::Abort;
use crate::fault;
use crate::loaded::{Export, Loaded};
use crate::state::CallState;
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
    mut tree: Box<Tree>,
    target: &Target,
    params: &[Val],
    results: &mut [Val],
) -> (Option<Box<Tree>>, Result<(), Abort>) {
    if let Err(abort) = tree.budget.plugin_call() {
        return (Some(tree), Err(abort));
    }
    let pass = match tree.kernel.suspensions().enter(&tree.origin.scope, &target.module) {
        Ok(pass) => pass,
        Err(abort) => return (Some(tree), Err(abort)),
    };
    tree.stack.push(Arc::clone(&target.module));
    let mut store = new_store(tree, target);
    let ran = run(&mut store, target, params, results).await;
    let state = store.into_data();
    let ticks = state.ticks;
    let mut tree = state.finish();
    let outcome = ran.map_err(|error| classify(error, target, tree.as_deref()));
    if let Some(tree) = &mut tree {
        tree.stack.pop();
        let verdict = fault::verdict(outcome.as_ref().copied(), &tree.budget, ticks, &mut tree.blamed);
        tree.kernel.suspensions().ended(pass, &tree.origin.scope, &target.module, verdict);
    }
    (tree, outcome)
}

async fn run(
    store: &mut Store<CallState>,
    target: &Target,
    params: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let instance = target.loaded.pre().instantiate_async(&mut *store).await?;
    let function = instance
        .get_func(&mut *store, target.export.index)
        .ok_or_else(|| Abort::Internal("an export vanished".to_owned()))?;
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
