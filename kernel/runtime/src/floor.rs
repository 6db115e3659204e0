//! The least that a call can cost: the same exports with the same host functions, called in bare wasmtime. Benches hold the kernel's
//! own path against it; nothing else uses it.
//!
//! A bare call has a transaction and fresh instances, so that what the guest does is the same. It has no session, no decision, no
//! limits, no retries, no audit line and no conversion of types.

use std::sync::Arc;

use forecourt_auth::Principal;
use forecourt_base::{OperationPath, Scope};
use forecourt_registry::{Generation, Module};
use forecourt_schema::Interface;
use forecourt_storage::{Mode, Transaction};
use wasmtime::component::{ComponentExportIndex, InstancePre, Linker, Val};
use wasmtime::{Store, StoreContextMut};

use crate::budget::{Bounds, Budget};
use crate::error::{Abort, CallError, KernelError};
use crate::kernel::Kernel;
use crate::loaded::{Export, Loaded};
use crate::series::Numbers;
use crate::state::CallState;
use crate::tree::{Ground, Origin, Tree};
use crate::{host, wasi};

/// An operation linked without the kernel's own work around it.
pub struct Floor {
    kernel: Arc<Kernel>,
    origin: Arc<Origin>,
    generation: Arc<Generation>,
    module: Arc<Module>,
    loaded: Arc<Loaded>,
    operation: OperationPath,
    index: ComponentExportIndex,
    pre: InstancePre<CallState>,
}

impl std::fmt::Debug for Floor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Floor").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// What serves an imported operation.
#[derive(Debug)]
struct Callee {
    module: Arc<Module>,
    loaded: Arc<Loaded>,
    export: Arc<Export>,
}

impl Floor {
    /// Links `operation` of what is enabled in `scope` now, and what it imports to what serves that now.
    ///
    /// # Errors
    /// [`KernelError::Engine`] when the operation, or an imported one, is not served.
    pub async fn new(
        kernel: &Arc<Kernel>,
        principal: &Arc<Principal>,
        scope: &Scope,
        operation: &OperationPath,
    ) -> Result<Self, KernelError> {
        let missing = |what: &dyn std::fmt::Display| KernelError::Engine(format!("`{what}` is not served"));
        let generation = kernel.generation(&scope.group).await?;
        let module = generation.provider(scope.store.as_ref(), &operation.area).ok_or_else(|| missing(operation))?;
        let loaded = kernel.load(module).await.map_err(|_| missing(operation))?;
        let interface = format!("forecourt:{}/{}", operation.area, operation.interface);
        let export = loaded.newest(interface, operation.operation.clone()).ok_or_else(|| missing(operation))?;
        let component = kernel.component(&module.sha256, &kernel.bytes(&module.sha256).await?).await?;
        let mut linker: Linker<CallState> = Linker::new(component.engine());
        host::add_to_linker(&mut linker)?;
        let wrong = |error: wasmtime::Error| KernelError::Engine(format!("{error:#}"));
        wasi::link(&mut linker, &component).map_err(wrong)?;
        for (interface, _) in module.schema.area_imports() {
            let area = interface.id.area().ok_or_else(|| missing(&interface.id))?;
            let Some(provider) = generation.provider(scope.store.as_ref(), &area) else {
                absent(&mut linker, interface).map_err(wrong)?;
                continue;
            };
            let loaded = kernel.load(provider).await.map_err(|_| missing(&area))?;
            let mut instance = linker.instance(&interface.id.to_string()).map_err(wrong)?;
            for imported in &interface.operations {
                let export = loaded.serving(&interface.id, &imported.name).ok_or_else(|| missing(&imported.name))?;
                let callee = Arc::new(Callee {
                    module: Arc::clone(provider),
                    loaded: Arc::clone(&loaded),
                    export: Arc::clone(export),
                });
                instance
                    .func_new_async(&imported.name, move |store, _, params, results| {
                        let callee = Arc::clone(&callee);
                        Box::new(async move { nested(store, &callee, params, results).await })
                    })
                    .map_err(wrong)?;
            }
        }
        let origin = Origin {
            principal: Arc::clone(principal),
            scope: scope.clone(),
            request_id: "floor".into(),
            started: kernel.clock().now(),
            seed: 1,
            trace: None,
            span: None,
        };
        Ok(Self {
            kernel: Arc::clone(kernel),
            origin: Arc::new(origin),
            pre: linker.instantiate_pre(&component).map_err(wrong)?,
            module: Arc::clone(module),
            operation: operation.clone(),
            index: component
                .get_export_index(None, export.interface.to_string())
                .and_then(|instance| component.get_export_index(Some(&instance), &export.operation.name))
                .ok_or_else(|| missing(operation))?,
            loaded,
            generation: Arc::clone(&generation),
        })
    }

    /// One bare call; what it wrote is committed.
    ///
    /// # Errors
    /// [`CallError`] for a trap or when storage refuses.
    pub async fn call(&self, params: &[Val]) -> Result<Option<Val>, CallError> {
        let group = &self.origin.scope.group;
        let mut transaction = Transaction::begin(self.kernel.storage(), Some(group.clone()), Mode::ReadWrite)?;
        let policy = self.kernel.auth().policy(&mut transaction, group).await?;
        let ground = Ground { generation: Arc::clone(&self.generation), policy };
        let budget = Budget::new(Bounds::CALL, transaction.usage(), None);
        let (kernel, origin) = (Arc::clone(&self.kernel), Arc::clone(&self.origin));
        let tree = Tree::new(kernel, origin, transaction, ground, budget, Numbers::default());
        let mut results = [Val::Bool(false)];
        let (module, loaded) = (&self.module, &self.loaded);
        let tree = bare(Box::new(tree), (module, loaded), &self.pre, self.index, params, &mut results).await;
        let tree = tree.map_err(|error| CallError::Internal(format!("{error:#}")))?;
        tree.transaction.commit().await?;
        let [result] = results;
        Ok(Some(result))
    }
}

/// Nobody serves the interface here: a call of it ends the call.
fn absent(linker: &mut Linker<CallState>, interface: &Interface) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&interface.id.to_string())?;
    for imported in &interface.operations {
        let name = interface.id.to_string();
        instance.func_new(&imported.name, move |_, _, _, _| Err(Abort::NotEnabled(name.clone()).into()))?;
    }
    Ok(())
}

async fn bare(
    tree: Box<Tree>,
    (module, loaded): (&Arc<Module>, &Arc<Loaded>),
    pre: &InstancePre<CallState>,
    export: ComponentExportIndex,
    params: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<Box<Tree>> {
    let state = CallState::new(tree, Arc::clone(module), Arc::clone(loaded));
    let mut store = Store::new(pre.engine(), state);
    store.set_epoch_deadline(u64::MAX / 2);
    let instance = pre.instantiate_async(&mut store).await?;
    let lost = || Abort::Internal("an export vanished".to_owned());
    let function = instance.get_func(&mut store, export).ok_or_else(lost)?;
    function.call_async(&mut store, params, results).await?;
    Ok(store.into_data().finish().ok_or_else(lost)?)
}

async fn nested(
    mut store: StoreContextMut<'_, CallState>,
    callee: &Callee,
    params: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let tree = store.data_mut().take_tree()?;
    let Callee { module, loaded, export } = callee;
    let tree = bare(tree, (module, loaded), loaded.pre(), export.index, params, results).await?;
    store.data_mut().put_tree(tree);
    Ok(())
}
