//! What one instance's store holds.

use std::sync::Arc;

use forecourt_base::limits;
use forecourt_registry::Module;
use forecourt_storage::Space;
use wasmtime::ResourceLimiter;

use crate::error::Abort;
use crate::loaded::Loaded;
use crate::tree::Tree;

/// The store data of one plugin instance.
pub(crate) struct CallState {
    /// INVARIANT (one-runner): absent while a nested call runs.
    tree: Option<Box<Tree>>,
    pub(crate) module: Arc<Module>,
    pub(crate) loaded: Arc<Loaded>,
    spaces: Vec<Option<Space>>,
    memory_bytes: usize,
    /// Epoch ticks that found this instance running.
    pub(crate) ticks: u64,
}

impl CallState {
    pub(crate) fn new(tree: Box<Tree>, module: Arc<Module>, loaded: Arc<Loaded>) -> Self {
        Self { tree: Some(tree), module, loaded, spaces: Vec::new(), memory_bytes: 0, ticks: 0 }
    }

    pub(crate) fn tree(&mut self) -> Result<&mut Tree, Abort> {
        self.tree.as_deref_mut().ok_or_else(|| Abort::Internal("a suspended instance ran".to_owned()))
    }

    pub(crate) fn take_tree(&mut self) -> Result<Box<Tree>, Abort> {
        self.tree.take().ok_or_else(|| Abort::Internal("a suspended instance called".to_owned()))
    }

    pub(crate) fn put_tree(&mut self, tree: Box<Tree>) {
        self.tree = Some(tree);
    }

    /// Ends the instance: its memory is no longer the tree's.
    pub(crate) fn finish(mut self) -> Option<Box<Tree>> {
        let mut tree = self.tree.take()?;
        tree.budget.give_memory(self.memory_bytes);
        Some(tree)
    }

    /// The instance misused the kernel in a way that no error case describes.
    pub(crate) fn misuse(&self, what: impl Into<String>) -> Abort {
        Abort::Misuse { plugin: self.module.plugin.to_string(), what: what.into() }
    }

    /// One host call by the guest, of the granted interface `forecourt:kernel/<interface>`.
    pub(crate) fn enter(&mut self, interface: &'static str) -> Result<&mut Tree, Abort> {
        if !self.module.grant.kernel.contains(interface) {
            return Err(Abort::Denied(format!("plugin-not-granted:{interface}")));
        }
        let tree = self.tree()?;
        tree.budget.host_call()?;
        Ok(tree)
    }

    /// Where the collection of this number in the plugin's manifest lives for the running call.
    pub(crate) fn space(&mut self, collection: usize) -> Result<Space, Abort> {
        if let Some(Some(space)) = self.spaces.get(collection) {
            return Ok(space.clone());
        }
        let declared = self
            .module
            .schema
            .collections
            .get(collection)
            .ok_or_else(|| Abort::Internal("no such collection".to_owned()))?;
        let scope = &self.tree.as_ref().ok_or_else(|| Abort::Internal("no tree".to_owned()))?.origin.scope;
        let store = match declared.scope {
            forecourt_schema::CollectionScope::Group => None,
            forecourt_schema::CollectionScope::Store => scope.store.as_ref(),
        };
        let space = Space::new(Some(&scope.group), store, self.module.plugin.as_str(), &declared.name, 0)?;
        if self.spaces.len() <= collection {
            self.spaces.resize(collection + 1, None);
        }
        if let Some(slot) = self.spaces.get_mut(collection) {
            *slot = Some(space.clone());
        }
        Ok(space)
    }
}

impl ResourceLimiter for CallState {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > limits::INSTANCE_MEMORY_BYTES || maximum.is_some_and(|maximum| desired > maximum) {
            return Err(Abort::Limit("INSTANCE_MEMORY_BYTES").into());
        }
        let more = desired.saturating_sub(current);
        self.tree()?.budget.take_memory(more)?;
        self.memory_bytes += more;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > limits::INSTANCE_TABLE_ELEMENTS || maximum.is_some_and(|maximum| desired > maximum) {
            return Err(Abort::Limit("INSTANCE_TABLE_ELEMENTS").into());
        }
        Ok(true)
    }
}
