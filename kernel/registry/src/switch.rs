//! Enabling, swapping and disabling modules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forecourt_base::{Area, PluginName, Scope, StoreId};
use forecourt_storage::Transaction;
use semver::Version;

use crate::digest::hex;
use crate::error::RegistryError;
use crate::generation::Layout;
use crate::info::{Disabled, Enabled, Importer, ModuleRef};
use crate::load::{Change, stamp};
use crate::records::{GrantRecord, ModuleRecord, VersionRecord, module_key, read, version_key, write};
use crate::registry::Registry;
use crate::resolve::{Need, Resolver, cycle, losers, touched, withheld};

impl Registry {
    /// Lets a granted version serve an area in a store, or in the group and all its stores that have no module of their own for it.
    /// What served the area in this scope before is replaced. INVARIANT (one-provider). An extension, a plugin that exports no area, is
    /// enabled in the place of an area called as it is.
    ///
    /// # Errors
    /// [`RegistryError::UnknownVersion`], [`RegistryError::AreaNotServed`], [`RegistryError::NotGranted`];
    /// [`RegistryError::Unresolved`] when an import would not be served as it must be, be it of the version or from it;
    /// [`RegistryError::Cycle`]; or what storage answers.
    pub async fn enable(
        &self,
        tx: &mut Transaction,
        scope: &Scope,
        area: &Area,
        name: &PluginName,
        version: &Version,
    ) -> Result<Enabled, RegistryError> {
        let cache = self.groups.group(&scope.group)?;
        let (spaces, store) = (&cache.spaces, scope.store.as_ref());
        let reference = ModuleRef { plugin: name.clone(), version: version.clone() };
        let key = version_key(name, version);
        let published: Option<VersionRecord> = read(tx, &spaces.versions, &key).await?;
        let published = published.ok_or_else(|| RegistryError::unknown(name, version))?;
        // An extension has no area: it is enabled under its own name.
        let extension = published.areas.is_empty() && area.as_str() == name.as_str();
        if !published.areas.contains(area) && !extension {
            let areas = published.areas.into_iter().collect();
            return Err(RegistryError::AreaNotServed { module: reference, area: area.clone(), areas });
        }
        let Some(grant) = read::<GrantRecord>(tx, &spaces.grants, &key).await? else {
            return Err(RegistryError::NotGranted { module: reference });
        };
        let current = self.generation(tx, &scope.group).await?;
        let mut layout = current.layout.clone();
        let enabled = layout.all().find(|(_, _, module)| module.plugin == *name && module.version == *version);
        let module = match enabled {
            Some((_, _, module)) => module.clone(),
            None => self.module(tx, &reference, &published, grant.grant).await?,
        };
        let previous = layout.insert(store, area.clone(), module.clone());
        let withheld = withheld(&module);
        let mut enabled = Enabled {
            changed: !previous.as_ref().is_some_and(|previous| Arc::ptr_eq(previous, &module)),
            previous: previous.map(|previous| previous.reference()),
            loses: Vec::new(),
            withheld,
        };
        if !enabled.changed {
            return Ok(enabled);
        }
        let scopes = touched(&layout, store);
        check(&layout, &scopes)?;
        enabled.loses = losers(&current.layout, &layout, &scopes);
        let record = ModuleRecord::new(name.clone(), version.clone());
        write(tx, &spaces.modules, &module_key(store, area), &record).await?;
        let change = Change::Enabled {
            store: store.map(StoreId::as_str),
            area: area.as_str(),
            module: &reference,
            sha256: hex(&module.sha256),
            grant: &module.grant,
        };
        stamp(tx, spaces, &current, &change).await?;
        Ok(enabled)
    }

    /// Takes the module of a scope out of service. Behind a store's module the group's comes into view again.
    ///
    /// Where others require it, that is refused, or with `force` they are disabled with it, and those that require these.
    ///
    /// # Errors
    /// [`RegistryError::NotEnabled`], [`RegistryError::GroupWide`]; [`RegistryError::Required`] without `force`;
    /// [`RegistryError::Unresolved`] and [`RegistryError::Cycle`] when what comes into view does not fit; or what storage answers.
    pub async fn disable(
        &self,
        tx: &mut Transaction,
        scope: &Scope,
        area: &Area,
        force: bool,
    ) -> Result<Disabled, RegistryError> {
        let cache = self.groups.group(&scope.group)?;
        let (spaces, store) = (&cache.spaces, scope.store.as_ref());
        let current = self.generation(tx, &scope.group).await?;
        let mut layout = current.layout.clone();
        let Some(removed) = layout.remove(store, area) else {
            return Err(match (store, current.provider(store, area)) {
                (Some(store), Some(_)) => RegistryError::GroupWide { area: area.clone(), store: store.clone() },
                _ => RegistryError::NotEnabled { area: area.clone(), store: store.cloned() },
            });
        };
        let scopes = touched(&current.layout, store);
        let stops = stop_importers(&mut layout, &scopes)?;
        if !stops.is_empty() && !force {
            return Err(RegistryError::Required { area: area.clone(), importers: stops });
        }
        check(&layout, &scopes)?;
        let stopped = stops.iter().map(|importer| (importer.store.as_ref(), &importer.area));
        let gone: Vec<_> = std::iter::once((store, area)).chain(stopped).collect();
        for (store, area) in &gone {
            tx.delete(&spaces.modules, &module_key(*store, area)).await?;
        }
        let named = gone.iter().map(|(store, area)| (store.map(StoreId::as_str), area.as_str()));
        stamp(tx, spaces, &current, &Change::Disabled(named.collect())).await?;
        let loses = losers(&current.layout, &layout, &scopes);
        Ok(Disabled { previous: removed.reference(), stops, loses })
    }
}

/// Upholds INVARIANT (resolved) and INVARIANT (area-order) in a layout about to be stored.
fn check(layout: &Layout, scopes: &[Option<StoreId>]) -> Result<(), RegistryError> {
    let needs = Resolver::default().needs(layout, scopes);
    if !needs.is_empty() {
        return Err(RegistryError::Unresolved { needs });
    }
    match cycle(layout, scopes) {
        Some(areas) => Err(RegistryError::Cycle { areas }),
        None => Ok(()),
    }
}

/// Takes out the modules that cannot do without what was taken out before, until none is left, and answers which.
fn stop_importers(layout: &mut Layout, scopes: &[Option<StoreId>]) -> Result<Vec<Importer>, RegistryError> {
    let mut resolver = Resolver::default();
    let mut stops: BTreeMap<(Option<StoreId>, Area), Importer> = BTreeMap::new();
    loop {
        let needs = resolver.needs(layout, scopes);
        if needs.is_empty() {
            return Ok(stops.into_values().collect());
        }
        // A module of the group that comes into view in a store and does not fit there must not stop elsewhere for that.
        let in_place: Vec<Need> =
            needs.iter().filter(|need| need.store.is_none() || !need.group_wide).cloned().collect();
        if in_place.is_empty() {
            return Err(RegistryError::Unresolved { needs });
        }
        for need in in_place {
            let importer = stops.entry((need.store.clone(), need.area.clone())).or_insert_with(|| Importer {
                store: need.store.clone(),
                area: need.area.clone(),
                module: need.importer,
                interfaces: BTreeSet::new(),
            });
            importer.interfaces.insert(need.interface);
            layout.remove(need.store.as_ref(), &need.area);
        }
    }
}

#[cfg(test)]
mod tests;
