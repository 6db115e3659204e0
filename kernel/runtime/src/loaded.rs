//! A plugin version ready to run: compiled, linked, its exports found.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use forecourt_base::OperationPath;
use forecourt_schema::{Interface, InterfaceId, Operation, PluginSchema, Record, Type};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

use crate::KernelError;
use crate::state::CallState;
use crate::{host, nested, wasi};

/// An exported operation of a loaded plugin version.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) interface: InterfaceId,
    pub(crate) path: Arc<OperationPath>,
    pub(crate) operation: Operation,
    /// The parameters as one record, as JSON callers give them.
    pub(crate) parameters: Type,
    /// Whether the parameters may name files.
    pub(crate) names_files: bool,
    pub(crate) index: ComponentExportIndex,
}

/// A compiled component with everything resolved that does not depend on a call.
pub(crate) struct Loaded {
    /// Unique in this process; names the version in caches.
    pub(crate) id: u64,
    pre: InstancePre<CallState>,
    exports: HashMap<(String, String), Vec<Arc<Export>>>,
    /// The exported functions of the kernel's interfaces, by interface, `subscriber`, and function.
    hooks: HashMap<(String, String), Arc<Export>>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("id", &self.id).finish_non_exhaustive()
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Loaded {
    /// Links a component and finds the exports that its schema tells of.
    pub(crate) fn new(component: &Component, schema: &PluginSchema) -> Result<Self, KernelError> {
        let engine = component.engine();
        let mut linker: Linker<CallState> = Linker::new(engine);
        host::add_to_linker(&mut linker)?;
        let wrong = |error: wasmtime::Error| KernelError::Engine(format!("{error:#}"));
        wasi::link(&mut linker, component).map_err(wrong)?;
        nested::link(&mut linker, schema).map_err(wrong)?;
        let pre = linker.instantiate_pre(component).map_err(wrong)?;
        let mut exports: HashMap<_, Vec<Arc<Export>>> = HashMap::new();
        for interface in &schema.exports {
            for export in found(component, interface)? {
                let name = (interface.id.unversioned(), export.operation.name.clone());
                exports.entry(name).or_default().push(Arc::new(export));
            }
        }
        let mut hooks = HashMap::new();
        for interface in &schema.hooks {
            for export in found(component, interface)? {
                hooks.insert((interface.id.interface.clone(), export.operation.name.clone()), Arc::new(export));
            }
        }
        for versions in exports.values_mut() {
            versions.sort_by(|a, b| b.interface.version.cmp(&a.interface.version));
        }
        Ok(Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), pre, exports, hooks })
    }

    pub(crate) fn pre(&self) -> &InstancePre<CallState> {
        &self.pre
    }

    /// The newest version of an exported operation; `interface` is written without a version.
    pub(crate) fn newest(&self, interface: String, operation: String) -> Option<&Arc<Export>> {
        self.exports.get(&(interface, operation))?.first()
    }

    /// An exported function of one of the kernel's interfaces, such as `subscriber` and `handle`.
    pub(crate) fn hook(&self, interface: &str, function: &str) -> Option<&Arc<Export>> {
        self.hooks.get(&(interface.to_owned(), function.to_owned()))
    }

    /// The exported operation that serves an importer of this interface version.
    pub(crate) fn serving(&self, interface: &InterfaceId, operation: &str) -> Option<&Arc<Export>> {
        let versions = self.exports.get(&(interface.unversioned(), operation.to_owned()))?;
        versions.iter().find(|export| compatible(&interface.version, &export.interface.version))
    }
}

/// The functions of an exported interface.
fn found(component: &Component, interface: &Interface) -> Result<Vec<Export>, KernelError> {
    let absent = |what: &dyn std::fmt::Display| KernelError::Engine(format!("the component has no export `{what}`"));
    let instance = component.get_export_index(None, interface.id.to_string()).ok_or_else(|| absent(&interface.id))?;
    let export = |operation: &Operation| {
        let index = component.get_export_index(Some(&instance), &operation.name);
        let index = index.ok_or_else(|| absent(&format_args!("{}.{}", interface.id, operation.name)))?;
        let path = OperationPath::new(&interface.id.package, &interface.id.interface, &operation.name)
            .map_err(|error| KernelError::Engine(error.to_string()))?;
        let parameters = parameters(&interface.id, operation);
        Ok(Export {
            path: Arc::new(path),
            interface: interface.id.clone(),
            names_files: parameters.names_files(),
            parameters,
            operation: operation.clone(),
            index,
        })
    };
    interface.operations.iter().map(export).collect()
}

/// Versions are compatible within a major, and within a minor of the unreleased 0.x.
fn compatible(importer: &semver::Version, provider: &semver::Version) -> bool {
    importer.major == provider.major && (importer.major > 0 || importer.minor == provider.minor)
}

fn parameters(interface: &InterfaceId, operation: &Operation) -> Type {
    Type::Record(Arc::new(Record {
        name: operation.name.as_str().into(),
        docs: operation.docs.as_str().into(),
        owner: interface.to_string().into(),
        fields: operation.params.clone(),
    }))
}
