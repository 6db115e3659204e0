//! The routing generation: an immutable map from store and area to the plugin version that serves it.

use std::collections::BTreeMap;
use std::sync::Arc;

use forecourt_base::{Area, GroupId, OperationPath, PluginName, StoreId};
use forecourt_schema::{Interface, InterfaceId, Operation, PluginSchema};
use forecourt_storage::Bytes;
use semver::Version;

use crate::digest::Digest;
use crate::grant::Grant;
use crate::info::ModuleRef;

/// A plugin version as it serves an area.
#[derive(Debug)]
pub struct Module {
    /// The plugin.
    pub plugin: PluginName,
    /// Its version.
    pub version: Version,
    /// The content address of its component.
    pub sha256: Digest,
    /// What its component says of itself.
    pub schema: Arc<PluginSchema>,
    /// What the group allowed it.
    pub grant: Arc<Grant>,
}

impl Module {
    /// The plugin and version by name.
    #[must_use]
    pub fn reference(&self) -> ModuleRef {
        ModuleRef { plugin: self.plugin.clone(), version: self.version.clone() }
    }

    /// The exported interface that answers to `wanted`: of the same name and compatible version, the newest where there are
    /// several.
    #[must_use]
    pub fn export_for(&self, wanted: &InterfaceId) -> Option<&Interface> {
        let fits = |id: &InterfaceId| id.same_name(wanted) && same_track(&id.version, &wanted.version);
        self.schema.exports.iter().filter(|export| fits(&export.id)).max_by(|a, b| a.id.version.cmp(&b.id.version))
    }

    /// The exported interface and operation that a path names; of the newest interface that has it where there are several.
    #[must_use]
    pub fn operation(&self, path: &OperationPath) -> Option<(&Interface, &Operation)> {
        let named = |id: &InterfaceId| {
            id.interface == path.interface && id.package == path.area.as_str() && id.namespace == "forecourt"
        };
        let exports = self.schema.exports.iter().filter(|export| named(&export.id));
        exports
            .filter_map(|export| Some((export, export.operation(&path.operation)?)))
            .max_by(|(a, _), (b, _)| a.id.version.cmp(&b.id.version))
    }
}

/// Whether a caller of version `wanted` may be given `offered`: below 1.0 the minor version counts as the major one does above.
fn same_track(offered: &Version, wanted: &Version) -> bool {
    offered.major == wanted.major && (offered.major != 0 || offered.minor == wanted.minor)
}

/// The modules of one scope by the area that they serve.
pub(crate) type Modules = BTreeMap<Area, Arc<Module>>;

/// Which modules are enabled where. INVARIANT (one-provider): an area of a scope is a key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    /// Those that serve the group and all its stores.
    pub(crate) group: Modules,
    /// Those enabled in single stores. No value is empty.
    pub(crate) stores: BTreeMap<StoreId, Modules>,
}

/// A module as seen in some scope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) area: &'a Area,
    pub(crate) module: &'a Arc<Module>,
    pub(crate) group_wide: bool,
}

impl Layout {
    /// The module that serves an area in a scope: the store's own, else the group's.
    pub(crate) fn provider(&self, store: Option<&StoreId>, area: &Area) -> Option<Placed<'_>> {
        let placed = |group_wide| move |(area, module)| Placed { area, module, group_wide };
        let own = store.and_then(|store| self.stores.get(store)).and_then(|modules| modules.get_key_value(area));
        own.map(placed(false)).or_else(|| self.group.get_key_value(area).map(placed(true)))
    }

    /// All that serves in a scope, the store's own modules first.
    pub(crate) fn serving<'a>(&'a self, store: Option<&StoreId>) -> impl Iterator<Item = Placed<'a>> + use<'a> {
        let own = store.and_then(|store| self.stores.get(store));
        let group = self.group.iter().filter(move |(area, _)| !own.is_some_and(|own| own.contains_key(*area)));
        own.into_iter()
            .flatten()
            .map(|(area, module)| Placed { area, module, group_wide: false })
            .chain(group.map(|(area, module)| Placed { area, module, group_wide: true }))
    }

    /// Puts a module into a scope and takes out what was there.
    pub(crate) fn insert(&mut self, store: Option<&StoreId>, area: Area, module: Arc<Module>) -> Option<Arc<Module>> {
        match store {
            Some(store) => self.stores.entry(store.clone()).or_default().insert(area, module),
            None => self.group.insert(area, module),
        }
    }

    /// Takes the module of a scope out.
    pub(crate) fn remove(&mut self, store: Option<&StoreId>, area: &Area) -> Option<Arc<Module>> {
        let Some(store) = store else { return self.group.remove(area) };
        let modules = self.stores.get_mut(store)?;
        let removed = modules.remove(area);
        if modules.is_empty() {
            self.stores.remove(store);
        }
        removed
    }

    /// Every module with the store it is enabled in.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Option<&StoreId>, &Area, &Arc<Module>)> {
        let group = self.group.iter().map(|(area, module)| (None, area, module));
        let stores = self.stores.iter();
        group.chain(
            stores.flat_map(|(store, modules)| modules.iter().map(move |(area, module)| (Some(store), area, module))),
        )
    }
}

/// Which module serves each area of each store of a group, as of one commit. It never changes; the next one replaces it whole.
#[derive(Debug)]
pub struct Generation {
    pub(crate) group: GroupId,
    pub(crate) number: u64,
    /// The stored version key, none before the first change. INVARIANT (stamped).
    pub(crate) stamp: Option<Bytes>,
    pub(crate) layout: Layout,
}

impl Generation {
    /// The group.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        &self.group
    }

    /// How many changes led to it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The module that serves an area in a store, or in the group as a whole: the store's own, else the group's.
    #[must_use]
    pub fn provider(&self, store: Option<&StoreId>, area: &Area) -> Option<&Arc<Module>> {
        self.layout.provider(store, area).map(|placed| placed.module)
    }

    /// All that serves in a store, or in the group as a whole, in the order of the areas.
    #[must_use]
    pub fn serving(&self, store: Option<&StoreId>) -> Vec<(&Area, &Arc<Module>)> {
        let mut serving: Vec<_> = self.layout.serving(store).map(|placed| (placed.area, placed.module)).collect();
        serving.sort_by_key(|(area, _)| *area);
        serving
    }

    /// The version of a plugin that is at work in a store, or in the group as a whole: of what serves there. Where it serves several areas by
    /// several versions, the newest.
    #[must_use]
    pub fn active(&self, store: Option<&StoreId>, plugin: &PluginName) -> Option<&Arc<Module>> {
        let serving = self.layout.serving(store).map(|placed| placed.module);
        serving.filter(|module| module.plugin == *plugin).max_by(|a, b| a.version.cmp(&b.version))
    }

    /// The plugins at work in a store, or in the group as a whole, each in the version that [`Generation::active`] answers.
    #[must_use]
    pub fn at_work(&self, store: Option<&StoreId>) -> Vec<Arc<Module>> {
        let mut modules: BTreeMap<&PluginName, &Arc<Module>> = BTreeMap::new();
        for placed in self.layout.serving(store) {
            let known = modules.entry(&placed.module.plugin).or_insert(placed.module);
            if known.version < placed.module.version {
                *known = placed.module;
            }
        }
        modules.into_values().cloned().collect()
    }

    /// Every module of the group with the store it is enabled in; no store means all.
    pub fn modules(&self) -> impl Iterator<Item = (Option<&StoreId>, &Area, &Arc<Module>)> {
        self.layout.all()
    }
}
