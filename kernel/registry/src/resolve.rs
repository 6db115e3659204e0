//! Whether the modules of a layout fit together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use forecourt_base::{Area, Bilingual, StoreId};
use forecourt_schema::{Difference, Interface, OperationKind, PluginSchema, interface_difference};

use crate::digest::Digest;
use crate::error::{place, place_zh};
use crate::generation::{Layout, Module, Placed};
use crate::info::{Importer, ModuleRef};

/// An import that would not be served as it must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// Who imports.
    pub importer: ModuleRef,
    /// The area that the importer serves.
    pub area: Area,
    /// The store where it does; none for the group as a whole.
    pub store: Option<StoreId>,
    /// The imported interface, with its version.
    pub interface: String,
    /// What is wrong.
    pub fault: Fault,
    /// Whether the importer is enabled for the group; where it is, it may still fail in one store alone.
    pub(crate) group_wide: bool,
}

/// What is wrong with an import.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Nothing serves the area there.
    NotEnabled,
    /// The plugin that serves the area does not export the interface in a compatible version.
    NotExported {
        /// The plugin that serves the area.
        provider: ModuleRef,
    },
    /// Values do not convert.
    Differs {
        /// The plugin that serves the area.
        provider: ModuleRef,
        /// Where, field by field.
        differences: Vec<Difference>,
    },
}

impl Need {
    /// The need in both languages.
    #[must_use]
    pub fn bilingual(&self) -> Bilingual {
        let (importer, area, interface) = (&self.importer, &self.area, &self.interface);
        let fault = match &self.fault {
            Fault::NotEnabled => "但其业务域在该处未启用".to_owned(),
            Fault::NotExported { provider } => format!("但 `{provider}` 未导出"),
            Fault::Differs { provider, differences } => {
                let told: Vec<String> =
                    differences.iter().map(|difference| difference.bilingual().zh.into_owned()).collect();
                format!("但与 `{provider}` 不一致：{}", told.join("，"))
            }
        };
        let place = place_zh(self.store.as_ref());
        Bilingual::made(
            self.to_string(),
            format!("{place}中 `{importer}` 的业务域 `{area}` 需要 `{interface}`，{fault}"),
        )
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (importer, area, interface) = (&self.importer, &self.area, &self.interface);
        write!(f, "`{area}` of `{importer}` {} needs `{interface}`, ", place(self.store.as_ref()))?;
        match &self.fault {
            Fault::NotEnabled => f.write_str("whose area is not enabled there"),
            Fault::NotExported { provider } => write!(f, "which `{provider}` does not export"),
            Fault::Differs { provider, differences } => {
                write!(f, "which differs in `{provider}`: ")?;
                for (at, difference) in differences.iter().enumerate() {
                    let separator = if at == 0 { "" } else { ", " };
                    write!(f, "{separator}`{}` {}", difference.path, difference.what)?;
                }
                Ok(())
            }
        }
    }
}

/// The scopes that a change of a module in `store` can touch: that store, or with the group every store that has modules of its
/// own. A store without any sees what the group sees.
pub(crate) fn touched(layout: &Layout, store: Option<&StoreId>) -> Vec<Option<StoreId>> {
    match store {
        Some(store) => vec![Some(store.clone())],
        None => std::iter::once(None).chain(layout.stores.keys().cloned().map(Some)).collect(),
    }
}

/// Compares importers with providers, each pair of versions once however many stores use it.
#[derive(Default)]
pub(crate) struct Resolver {
    compared: HashMap<(Digest, Digest, String), Vec<Difference>>,
}

impl Resolver {
    /// What breaks INVARIANT (resolved) in some scopes. Empty in a layout that may be stored.
    pub(crate) fn needs(&mut self, layout: &Layout, scopes: &[Option<StoreId>]) -> Vec<Need> {
        let mut needs = Vec::new();
        for store in scopes {
            for importer in layout.serving(store.as_ref()) {
                for import in area_imports(&importer.module.schema) {
                    let provider = layout.provider(store.as_ref(), &import.area);
                    // A pair that serves the whole group is looked at once, in the group's own scope.
                    let of_group = importer.group_wide && provider.is_none_or(|provider| provider.group_wide);
                    if store.is_some() && of_group {
                        continue;
                    }
                    if let Some(fault) = self.fault(importer, &import, provider) {
                        needs.push(Need {
                            importer: importer.module.reference(),
                            area: importer.area.clone(),
                            store: store.clone(),
                            interface: import.interface.id.to_string(),
                            fault,
                            group_wide: importer.group_wide,
                        });
                    }
                }
            }
        }
        needs
    }

    fn fault(&mut self, importer: Placed<'_>, import: &AreaImport<'_>, provider: Option<Placed<'_>>) -> Option<Fault> {
        let Some(provider) = provider else {
            return (!import.optional).then_some(Fault::NotEnabled);
        };
        let Some(export) = provider.module.export_for(&import.interface.id) else {
            return (!import.optional).then(|| Fault::NotExported { provider: provider.module.reference() });
        };
        let pair = (importer.module.sha256, provider.module.sha256, import.interface.id.to_string());
        let differences = self.compared.entry(pair).or_insert_with(|| interface_difference(import.interface, export));
        if differences.is_empty() {
            return None;
        }
        Some(Fault::Differs { provider: provider.module.reference(), differences: differences.clone() })
    }
}

/// A circle of areas in one of the scopes, the first area again at the end. INVARIANT (area-order).
pub(crate) fn cycle(layout: &Layout, scopes: &[Option<StoreId>]) -> Option<Vec<Area>> {
    scopes.iter().find_map(|store| {
        let mut edges: BTreeMap<&Area, BTreeSet<Area>> = BTreeMap::new();
        for importer in layout.serving(store.as_ref()) {
            let ordered = area_imports(&importer.module.schema)
                .filter(|import| orders_areas(import) && layout.provider(store.as_ref(), &import.area).is_some());
            edges.insert(importer.area, ordered.map(|import| import.area).collect());
        }
        circle(&edges)
    })
}

/// Whether an import counts in the order of the areas. The way back is a query through an optional import.
fn orders_areas(import: &AreaImport<'_>) -> bool {
    let commands = |kind| matches!(kind, OperationKind::Command);
    !import.optional || import.interface.operations.iter().any(|operation| commands(operation.kind))
}

/// Takes away areas without outgoing edges until none is left or each that is left leads on to another: then following any edge
/// comes round.
fn circle(edges: &BTreeMap<&Area, BTreeSet<Area>>) -> Option<Vec<Area>> {
    let mut left = edges.clone();
    loop {
        let ends: Vec<&Area> = left
            .iter()
            .filter(|(_, to)| !to.iter().any(|area| left.contains_key(area)))
            .map(|(area, _)| *area)
            .collect();
        if ends.is_empty() {
            break;
        }
        for area in ends {
            left.remove(area);
        }
    }
    let mut path: Vec<Area> = vec![(*left.keys().next()?).clone()];
    loop {
        let next = left.get(path.last()?)?.iter().find(|area| left.contains_key(area))?.clone();
        let seen = path.iter().position(|area| *area == next);
        path.push(next);
        if let Some(start) = seen {
            return Some(path.split_off(start));
        }
    }
}

/// An import of an area's interface.
struct AreaImport<'a> {
    area: Area,
    interface: &'a Interface,
    optional: bool,
}

fn area_imports(schema: &PluginSchema) -> impl Iterator<Item = AreaImport<'_>> {
    schema
        .area_imports()
        .filter_map(|(interface, optional)| Some(AreaImport { area: interface.id.area()?, interface, optional }))
}

/// The required imports that a module's grant withholds, by name without version.
pub(crate) fn withheld(module: &Module) -> Vec<String> {
    let required = area_imports(&module.schema).filter(|import| !import.optional);
    let names: BTreeSet<String> = required.map(|import| import.interface.id.unversioned()).collect();
    names.into_iter().filter(|name| !module.grant.imports.contains_key(name)).collect()
}

/// The modules whose optional imports are served in `before` and, though they serve on, not in `after`.
pub(crate) fn losers(before: &Layout, after: &Layout, scopes: &[Option<StoreId>]) -> Vec<Importer> {
    let mut losers: BTreeMap<(Option<StoreId>, Area), Importer> = BTreeMap::new();
    for store in scopes {
        for importer in before.serving(store.as_ref()) {
            let interfaces = lost(before, after, store.as_ref(), importer);
            if !interfaces.is_empty() {
                let (area, module) = (importer.area.clone(), importer.module.reference());
                let loser = Importer { store: store.clone(), area: area.clone(), module, interfaces };
                losers.insert((store.clone(), area), loser);
            }
        }
    }
    losers.into_values().collect()
}

/// The interfaces that one module loses in one scope. What a module of the group loses everywhere is told in the group's scope.
fn lost(before: &Layout, after: &Layout, store: Option<&StoreId>, importer: Placed<'_>) -> BTreeSet<String> {
    let serves_on = |now: Placed<'_>| Arc::ptr_eq(now.module, importer.module);
    if !after.provider(store, importer.area).is_some_and(serves_on) {
        return BTreeSet::new();
    }
    let of_group = |layout: &Layout, import: &AreaImport<'_>| {
        layout.provider(store, &import.area).is_none_or(|provider| provider.group_wide)
    };
    let told_of_group = |import: &AreaImport<'_>| {
        store.is_some() && importer.group_wide && of_group(before, import) && of_group(after, import)
    };
    area_imports(&importer.module.schema)
        .filter(|import| import.optional && !told_of_group(import))
        .filter(|import| served(before, store, import) && !served(after, store, import))
        .map(|import| import.interface.id.to_string())
        .collect()
}

fn served(layout: &Layout, store: Option<&StoreId>, import: &AreaImport<'_>) -> bool {
    let provider = layout.provider(store, &import.area);
    provider.is_some_and(|provider| provider.module.export_for(&import.interface.id).is_some())
}
