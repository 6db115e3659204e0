//! Nested plugin calls: an import of another area is resolved at each call, through the call's own routing generation.
//!
//! INVARIANT (one-generation): a linked closure holds names alone. Which plugin version answers is looked up in the tree's generation,
//! so a call tree never mixes versions and a swap never relinks anything.
//!
//! wasmtime does not compare types at this seam; [`Plan`] does, once for each pair of versions.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use forecourt_auth::{Decision, Origin};
use forecourt_base::{Area, OperationPath, limits};
use forecourt_registry::ImportGrant;
use forecourt_schema::{CallConversion, InterfaceId, Operation, OperationKind, PluginSchema, Type, call_conversion};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Val};

use crate::convert;
use crate::error::Abort;
use crate::invoke::{Target, invoke};
use crate::state::CallState;
use crate::trace::{Span, SpanKind, attributes};
use crate::tree::{NestedCall, Tree};

/// An imported operation as its importer sees it.
#[derive(Debug)]
struct Imported {
    /// Its place among the importer's imported operations.
    number: usize,
    interface: InterfaceId,
    /// The interface without its version, as grants name it.
    name: String,
    area: Area,
    operation: Operation,
    optional: bool,
}

/// How values pass between an importer and the version that serves it.
#[derive(Debug)]
pub(crate) struct Plan {
    target: Target,
    conversion: CallConversion,
    same: bool,
}

/// Plans by importer, its imported operation, and provider.
#[derive(Debug, Default)]
pub(crate) struct Plans(RwLock<HashMap<(u64, usize, u64), Arc<Plan>>>);

/// The plans of versions long gone are dropped with all others once so many are held.
const PLANS_HELD: usize = 16_384;

/// Links every operation of other areas that a component imports.
pub(crate) fn link(linker: &mut Linker<CallState>, schema: &PluginSchema) -> wasmtime::Result<()> {
    let mut number = 0;
    for (interface, optional) in schema.area_imports() {
        let Some(area) = interface.id.area() else { continue };
        let mut instance = linker.instance(&interface.id.to_string())?;
        for operation in &interface.operations {
            let imported = Arc::new(Imported {
                number,
                interface: interface.id.clone(),
                name: interface.id.unversioned(),
                area: area.clone(),
                operation: operation.clone(),
                optional,
            });
            number += 1;
            instance.func_new_async(&operation.name, move |store, _, params, results| {
                let imported = Arc::clone(&imported);
                Box::new(async move { Ok(call(store, &imported, params, results).await?) })
            })?;
        }
    }
    Ok(())
}

async fn call(
    mut store: StoreContextMut<'_, CallState>,
    imported: &Imported,
    params: &[Val],
    results: &mut [Val],
) -> Result<(), Abort> {
    let state = store.data_mut();
    let importer = Arc::clone(&state.loaded);
    let by = Arc::clone(&state.module);
    let grant = by
        .grant
        .import(&imported.name, &imported.operation.name)
        .ok_or_else(|| Abort::Denied(format!("plugin-not-granted:{}.{}", imported.name, imported.operation.name)))?;
    let tree = state.tree()?;
    let store_id = tree.origin.scope.store.clone();
    let Some(module) = tree.generation.provider(store_id.as_ref(), &imported.area).cloned() else {
        return not_enabled(imported, results);
    };
    let loaded = tree.kernel.load(&module).await?;
    let plan = tree.kernel.plans().get_or_make((importer.id, imported.number, loaded.id), || {
        let export = loaded.serving(&imported.interface, &imported.operation.name)?;
        Plan::new(
            imported,
            Target { module: Arc::clone(&module), loaded: Arc::clone(&loaded), export: Arc::clone(export) },
        )
    });
    let Some(plan) = plan else { return not_enabled(imported, results) };
    let target = plan.target_in(module);
    let path = Arc::clone(&target.export.path);
    admit(tree, &path, &target, grant)?;

    let savepoint = tree.transaction.savepoint();
    let outer = tree.span;
    tree.span = outer.map(|outer| outer.child(tree.kernel.next_seed()));
    let tree = state.take_tree()?;
    let (tree, outcome) = plan.run(tree, &target, params, results).await;
    let Some(mut tree) = tree else { return Err(Abort::Internal("a nested call lost its tree".to_owned())) };
    let refused = matches!((&outcome, results.first()), (Ok(()), Some(Val::Result(Err(_)))));
    if refused {
        tree.transaction.rollback_to(&savepoint);
    }
    let ended = match &outcome {
        Ok(()) if refused => Err("domain"),
        outcome => outcome.as_ref().copied().map_err(Abort::label),
    };
    tree.kernel.metrics().nested((&tree.origin.scope, &target.module.plugin), &path, ended);
    if let Some(begun) = &tree.span {
        let more = |span: &mut Span| span.attributes = attributes(&tree.origin, Some(&target.module));
        tree.kernel.end_span(begun, (path.to_string(), SpanKind::Internal), ended.err(), more);
    }
    tree.span = outer;
    tree.nested.push(NestedCall { operation: path, elevated: grant.elevated, by: Arc::clone(&by) });
    store.data_mut().put_tree(tree);
    outcome
}

/// The checks before a callee runs: depth, re-entrance, and the principal's right unless the grant is elevated.
fn admit(tree: &Tree, path: &OperationPath, target: &Target, grant: &ImportGrant) -> Result<(), Abort> {
    if tree.stack.len() >= limits::TREE_DEPTH {
        return Err(Abort::Limit("TREE_DEPTH"));
    }
    if tree.stack.iter().any(|running| running.plugin == target.module.plugin) {
        let caller = tree.stack.last().map(|running| running.plugin.to_string()).unwrap_or_default();
        let what = format!("it called `{}`, which is already running in this call", target.module.plugin);
        return Err(Abort::Misuse { plugin: caller, what });
    }
    if grant.elevated {
        return Ok(());
    }
    if let Origin::Plugin(_) = tree.origin.principal.origin {
        return admit_plugin(tree, path, target);
    }
    let command = target.export.operation.kind == OperationKind::Command;
    match tree.policy.decide(&tree.origin.principal, path, command, &tree.origin.scope) {
        Decision::Allow => Ok(()),
        Decision::Deny(reason) => Err(Abort::Denied(format!("{}:{path}", reason.code()))),
    }
}

/// What a plugin may do by itself is what it was granted: its principal has no other right.
fn admit_plugin(tree: &Tree, path: &OperationPath, target: &Target) -> Result<(), Abort> {
    let name = target.export.interface.unversioned();
    let granted = tree.stack.first().and_then(|root| root.grant.import(&name, &path.operation));
    granted.map(|_| ()).ok_or_else(|| Abort::Denied(format!("no-grant:{path}")))
}

/// The name of an error value's case, for logs and audit.
pub(crate) fn case_name(error: Option<&Val>) -> String {
    match error {
        Some(Val::Variant(name, _) | Val::Enum(name)) => name.replace('-', "_"),
        _ => "error".to_owned(),
    }
}

/// An optional import answers `not-enabled`; a required one ends the call.
fn not_enabled(imported: &Imported, results: &mut [Val]) -> Result<(), Abort> {
    const CASE: &str = "not-enabled";
    let has_case = match imported.operation.err.as_ref().map(Type::resolved) {
        Some(Type::Variant(error)) => error.cases.iter().any(|case| &*case.name == CASE && case.ty.is_none()),
        _ => false,
    };
    match results.first_mut() {
        Some(result) if imported.optional && has_case => {
            *result = Val::Result(Err(Some(Box::new(Val::Variant(CASE.to_owned(), None)))));
            Ok(())
        }
        _ => Err(Abort::NotEnabled(imported.name.clone())),
    }
}

impl Plans {
    fn get_or_make(&self, key: (u64, usize, u64), make: impl FnOnce() -> Option<Plan>) -> Option<Arc<Plan>> {
        if let Some(plan) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(Arc::clone(plan));
        }
        let plan = Arc::new(make()?);
        let mut plans = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= PLANS_HELD {
            plans.clear();
        }
        plans.insert(key, Arc::clone(&plan));
        Some(plan)
    }
}

impl Plan {
    /// The conversions between an importer and a provider; none where the registry should not have let them meet.
    fn new(imported: &Imported, target: Target) -> Option<Self> {
        let conversion = call_conversion(&imported.operation, &target.export.operation).ok()?;
        let same = conversion.is_same();
        Some(Self { target, conversion, same })
    }

    /// The target with the module as the call's generation has it: another group may have granted the same version otherwise.
    fn target_in(&self, module: Arc<forecourt_registry::Module>) -> Target {
        Target { module, loaded: Arc::clone(&self.target.loaded), export: Arc::clone(&self.target.export) }
    }

    async fn run(
        &self,
        tree: Box<Tree>,
        target: &Target,
        params: &[Val],
        results: &mut [Val],
    ) -> (Option<Box<Tree>>, Result<(), Abort>) {
        if self.same {
            return invoke(tree, target, params, results).await;
        }
        let converted = match convert::params(&self.conversion, params) {
            Ok(converted) => converted,
            Err(abort) => return (Some(tree), Err(abort)),
        };
        let (tree, outcome) = invoke(tree, target, &converted, results).await;
        let outcome = outcome.and_then(|()| match results.first_mut() {
            Some(result) => convert::convert(&self.conversion.result, result).map(|converted| *result = converted),
            None => Ok(()),
        });
        (tree, outcome)
    }
}
