//! Publication, grants, and lists.

use std::collections::HashMap;
use std::sync::Arc;

use forecourt_base::{GroupId, PluginName, Scope, Timestamp, limits};
use forecourt_schema::PluginSchema;
use forecourt_storage::{Bytes, KeyRange, Transaction};
use semver::Version;

use crate::cache::{Groups, Schemas};
use crate::digest::{Digest, hex, sha256};
use crate::error::RegistryError;
use crate::grant::{Approval, Grant, approve};
use crate::info::{Granted, ModuleInfo, ModuleRef, PluginInfo, Published, Publisher, VersionInfo};
use crate::load::{Change, off_thread, stamp};
use crate::records::{
    GrantRecord, PluginRecord, SizeRecord, VersionRecord, component_sizes, components, corrupt, decode,
    parse_version_key, read, rows, version_key, write,
};

/// The registry of all groups of a deployment. It holds nothing that is not also stored: caches alone.
#[derive(Debug)]
pub struct Registry {
    pub(crate) schemas: Schemas,
    pub(crate) groups: Groups,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// A registry with empty caches.
    #[must_use]
    pub fn new() -> Self {
        Self { schemas: Schemas::new(), groups: Groups::new() }
    }

    /// Publishes a component into a group. `schema` must be what `forecourt_schema::read_component` made of `bytes`. The same bytes again
    /// change nothing.
    ///
    /// # Errors
    /// [`RegistryError::TooLarge`], [`RegistryError::NameTaken`], [`RegistryError::VersionTaken`], or what storage answers.
    pub async fn publish(
        &self,
        tx: &mut Transaction,
        group: &GroupId,
        publisher: &Publisher,
        bytes: &Bytes,
        schema: &Arc<PluginSchema>,
        now: Timestamp,
    ) -> Result<Published, RegistryError> {
        let (size, max) = (bytes.len() as u64, limits::COMPONENT_BYTES as u64);
        if size > max {
            return Err(RegistryError::TooLarge { bytes: size, max });
        }
        let spaces = &self.groups.group(group)?.spaces;
        let plugin = &schema.manifest.plugin;
        let (name, version) = (plugin.name.clone(), plugin.version.clone());
        let owner: Option<PluginRecord> = read(tx, &spaces.plugins, name.as_str().as_bytes()).await?;
        match owner {
            None => {
                let record = PluginRecord::new(publisher.clone());
                write(tx, &spaces.plugins, name.as_str().as_bytes(), &record).await?;
            }
            Some(owner) if owner.publisher == *publisher => {}
            Some(owner) => return Err(RegistryError::NameTaken { name, publisher: owner.publisher }),
        }
        let content = bytes.clone();
        let address = off_thread(move || sha256(&[&content])).await?;
        let key = version_key(&name, &version);
        let published: Option<VersionRecord> = read(tx, &spaces.versions, &key).await?;
        match published {
            Some(record) if record.sha256 == address => {
                return Ok(Published { name, version, sha256: address, new: false });
            }
            Some(_) => {
                return Err(RegistryError::VersionTaken { module: ModuleRef { plugin: name, version } });
            }
            None => {}
        }
        store_component(tx, &address, bytes).await?;
        let title = [("en", &plugin.title.en), ("zh-CN", &plugin.title.zh_cn)];
        let title = title.into_iter().map(|(language, text)| (language.to_owned(), text.clone())).collect();
        let areas = schema.areas().into_iter().collect();
        let record = VersionRecord::new(address, size, now, title, areas, Grant::requested(schema));
        write(tx, &spaces.versions, &key, &record).await?;
        // Kept already when another group has it: then there is nothing to set.
        let _ = self.schemas.slot(&address).set(schema.clone());
        Ok(Published { name, version, sha256: address, new: true })
    }

    /// Publishes a plugin that comes with the kernel and grants all that it requests, unless an administrator of the group has granted
    /// otherwise. Enables nothing.
    ///
    /// # Errors
    /// As [`Registry::publish`].
    pub async fn offer_bundled(
        &self,
        tx: &mut Transaction,
        group: &GroupId,
        bytes: &Bytes,
        schema: &Arc<PluginSchema>,
        now: Timestamp,
    ) -> Result<Published, RegistryError> {
        let published = self.publish(tx, group, &Publisher::Bundled, bytes, schema, now).await?;
        let spaces = &self.groups.group(group)?.spaces;
        let key = version_key(&published.name, &published.version);
        if read::<GrantRecord>(tx, &spaces.grants, &key).await?.is_none() {
            self.grant(tx, group, &published.name, &published.version, &Approval::AllRequested).await?;
        }
        Ok(published)
    }

    /// Approves what a version requested, or a part of it, in place of what was granted before. Where the version is enabled, the
    /// next generation has it.
    ///
    /// # Errors
    /// [`RegistryError::UnknownVersion`], [`RegistryError::WiderThanRequested`], or what storage answers.
    pub async fn grant(
        &self,
        tx: &mut Transaction,
        group: &GroupId,
        name: &PluginName,
        version: &Version,
        approval: &Approval,
    ) -> Result<Granted, RegistryError> {
        let cache = self.groups.group(group)?;
        let key = version_key(name, version);
        let published: Option<VersionRecord> = read(tx, &cache.spaces.versions, &key).await?;
        let published = published.ok_or_else(|| RegistryError::unknown(name, version))?;
        let module = ModuleRef { plugin: name.clone(), version: version.clone() };
        let grant = match approve(&published.requested, approval) {
            Ok(grant) => grant,
            Err(items) => return Err(RegistryError::WiderThanRequested { module, items }),
        };
        let before: Option<GrantRecord> = read(tx, &cache.spaces.grants, &key).await?;
        let changed = before.is_none_or(|before| before.grant != grant);
        if changed {
            let current = self.generation(tx, group).await?;
            write(tx, &cache.spaces.grants, &key, &GrantRecord::new(grant.clone())).await?;
            if current.modules().any(|(_, _, enabled)| enabled.plugin == *name && enabled.version == *version) {
                stamp(tx, &cache.spaces, &current, &Change::Granted { module: &module, grant: &grant }).await?;
            }
        }
        Ok(Granted { grant: Arc::new(grant), sha256: published.sha256, changed })
    }

    /// One published version.
    ///
    /// # Errors
    /// [`RegistryError::UnknownVersion`], or what storage answers.
    pub async fn version(
        &self,
        tx: &mut Transaction,
        group: &GroupId,
        name: &PluginName,
        version: &Version,
    ) -> Result<VersionInfo, RegistryError> {
        let spaces = &self.groups.group(group)?.spaces;
        let key = version_key(name, version);
        let published: Option<VersionRecord> = read(tx, &spaces.versions, &key).await?;
        let published = published.ok_or_else(|| RegistryError::unknown(name, version))?;
        let granted: Option<GrantRecord> = read(tx, &spaces.grants, &key).await?;
        Ok(version_info(version.clone(), published, granted))
    }

    /// All plugins of a group by name, with their versions in semantic order.
    ///
    /// # Errors
    /// [`RegistryError::Corrupt`], or what storage answers.
    pub async fn plugins(&self, tx: &mut Transaction, group: &GroupId) -> Result<Vec<PluginInfo>, RegistryError> {
        let spaces = &self.groups.group(group)?.spaces;
        let mut grants: HashMap<Bytes, GrantRecord> = HashMap::new();
        for row in rows(tx, &spaces.grants, KeyRange::all()).await? {
            let grant = decode(&spaces.grants, &row.key, &row.value)?;
            grants.insert(row.key, grant);
        }
        let mut versions: HashMap<PluginName, Vec<VersionInfo>> = HashMap::new();
        for row in rows(tx, &spaces.versions, KeyRange::all()).await? {
            let not_a_key = || corrupt(&spaces.versions, &row.key, "the key is not a name and a version");
            let module = parse_version_key(&row.key).ok_or_else(not_a_key)?;
            let record = decode(&spaces.versions, &row.key, &row.value)?;
            let info = version_info(module.version, record, grants.remove(&row.key));
            versions.entry(module.plugin).or_default().push(info);
        }
        let mut plugins = Vec::new();
        for row in rows(tx, &spaces.plugins, KeyRange::all()).await? {
            let name = std::str::from_utf8(&row.key).ok().and_then(|name| PluginName::new(name).ok());
            let name = name.ok_or_else(|| corrupt(&spaces.plugins, &row.key, "the key is not a plugin name"))?;
            let record: PluginRecord = decode(&spaces.plugins, &row.key, &row.value)?;
            let mut versions = versions.remove(&name).unwrap_or_default();
            versions.sort_by(|a, b| a.version.cmp(&b.version));
            plugins.push(PluginInfo { name, publisher: record.publisher, versions });
        }
        Ok(plugins)
    }

    /// What serves in a scope, by area; in a store the group's modules too, where the store has none of its own.
    ///
    /// # Errors
    /// As [`Registry::generation`].
    pub async fn modules(&self, tx: &mut Transaction, scope: &Scope) -> Result<Vec<ModuleInfo>, RegistryError> {
        let generation = self.generation(tx, &scope.group).await?;
        let serving = generation.layout.serving(scope.store.as_ref());
        let mut modules: Vec<ModuleInfo> = serving
            .map(|placed| ModuleInfo {
                area: placed.area.clone(),
                module: placed.module.reference(),
                sha256: placed.module.sha256,
                group_wide: placed.group_wide,
            })
            .collect();
        modules.sort_by(|a, b| a.area.cmp(&b.area));
        Ok(modules)
    }
}

/// Stores bytes that no group has published before.
async fn store_component(tx: &mut Transaction, address: &Digest, bytes: &Bytes) -> Result<(), RegistryError> {
    let (sizes, key) = (component_sizes()?, hex(address));
    if read::<SizeRecord>(tx, &sizes, key.as_bytes()).await?.is_none() {
        tx.put(&components()?, key.as_bytes(), bytes.clone(), Vec::new()).await?;
        write(tx, &sizes, key.as_bytes(), &SizeRecord::new(bytes.len() as u64)).await?;
    }
    Ok(())
}

fn version_info(version: Version, published: VersionRecord, granted: Option<GrantRecord>) -> VersionInfo {
    VersionInfo {
        version,
        sha256: published.sha256,
        bytes: published.bytes,
        published: published.published,
        title: published.title,
        areas: published.areas,
        requested: published.requested,
        granted: granted.map(|record| record.grant),
    }
}

#[cfg(test)]
mod tests;
