//! From stored records to components, schemas and routing generations.

use std::collections::HashMap;
use std::sync::Arc;

use forecourt_base::GroupId;
use forecourt_schema::{PluginSchema, read_component};
use forecourt_storage::{Bytes, KeyRange, Transaction};
use serde::Serialize;

use crate::cache::GroupCache;
use crate::digest::{Digest, hex, sha256};
use crate::error::RegistryError;
use crate::generation::{Generation, Layout, Module};
use crate::grant::Grant;
use crate::info::ModuleRef;
use crate::records::{
    GrantRecord, GroupSpaces, ModuleRecord, STAMP_KEY, StampRecord, VersionRecord, components, corrupt, decode,
    parse_module_key, read, rows, version_key, write,
};
use crate::registry::Registry;

/// What a change of the routes consists of. Two chains of equal changes lead to equal routes, so whatever decides over a module
/// is named: its content and its grant too, which the version alone does not tell of a transaction that never commits.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change<'a> {
    /// A module enabled or swapped.
    Enabled { store: Option<&'a str>, area: &'a str, module: &'a ModuleRef, sha256: String, grant: &'a Grant },
    /// Modules disabled, by store and area.
    Disabled(Vec<(Option<&'a str>, &'a str)>),
    /// Another grant for a version that is enabled somewhere.
    Granted { module: &'a ModuleRef, grant: &'a Grant },
}

/// Writes the version key of the generation that a change of `current` makes. INVARIANT (stamped).
pub(crate) async fn stamp(
    tx: &mut Transaction,
    spaces: &GroupSpaces,
    current: &Generation,
    change: &Change<'_>,
) -> Result<(), RegistryError> {
    let before = match &current.stamp {
        Some(stamp) => decode::<StampRecord>(&spaces.stamp, STAMP_KEY, stamp)?.state,
        None => [0; 32],
    };
    let change = serde_json::to_vec(change).map_err(|error| corrupt(&spaces.stamp, STAMP_KEY, error))?;
    let record = StampRecord::new(current.number + 1, sha256(&[&before, &change]));
    write(tx, &spaces.stamp, STAMP_KEY, &record).await
}

/// Runs what would hold up other calls of this thread.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(RegistryError::Stopping),
        },
    }
}

impl Registry {
    /// The bytes of a published component, checked against their address.
    ///
    /// # Errors
    /// [`RegistryError::Corrupt`] when no such component is stored or its bytes are others.
    pub async fn component(&self, tx: &mut Transaction, address: &Digest) -> Result<Bytes, RegistryError> {
        let space = components()?;
        let name = hex(address);
        let Some(bytes) = tx.get(&space, name.as_bytes()).await? else {
            return Err(corrupt(&space, name.as_bytes(), "it is missing"));
        };
        let content = bytes.clone();
        if off_thread(move || sha256(&[&content])).await? != *address {
            return Err(corrupt(&space, name.as_bytes(), "its content has another sha256"));
        }
        Ok(bytes)
    }

    /// What a published component says of itself. Read and parsed once, then kept.
    ///
    /// # Errors
    /// As [`Registry::component`], and [`RegistryError::Corrupt`] when `schema` does not take the component any more.
    pub async fn schema(&self, tx: &mut Transaction, address: &Digest) -> Result<Arc<PluginSchema>, RegistryError> {
        let slot = self.schemas.slot(address);
        let parsed = slot.get_or_try_init(|| async {
            let bytes = self.component(tx, address).await?;
            let schema = off_thread(move || read_component(&bytes)).await?;
            schema.map(Arc::new).map_err(|error| match components() {
                Ok(space) => corrupt(&space, hex(address).as_bytes(), error),
                Err(error) => error.into(),
            })
        });
        Ok(parsed.await?.clone())
    }

    /// The routing generation of a group as the transaction sees it, its own changes included. The version key is in its read set,
    /// so a call commits on the generation that it ran on or not at all.
    ///
    /// The first transaction after a change reads the records, and after a start the components, behind it: measure a call's own
    /// reads from here on.
    ///
    /// # Errors
    /// [`RegistryError::Corrupt`] when stored records do not fit together, else what storage answers.
    pub async fn generation(&self, tx: &mut Transaction, group: &GroupId) -> Result<Arc<Generation>, RegistryError> {
        let cache = self.groups.group(group)?;
        let stamp = tx.get(&cache.spaces.stamp, STAMP_KEY).await?;
        if let Some(generation) = cache.generation(stamp.as_ref()) {
            return Ok(generation);
        }
        let generation = Arc::new(self.load(tx, group, &cache, stamp).await?);
        cache.keep(&generation);
        Ok(generation)
    }

    async fn load(
        &self,
        tx: &mut Transaction,
        group: &GroupId,
        cache: &GroupCache,
        stamp: Option<Bytes>,
    ) -> Result<Generation, RegistryError> {
        let spaces = &cache.spaces;
        let number = match &stamp {
            Some(stamp) => decode::<StampRecord>(&spaces.stamp, STAMP_KEY, stamp)?.number,
            None => 0,
        };
        let mut layout = Layout::default();
        let mut loaded: HashMap<ModuleRef, Arc<Module>> = HashMap::new();
        for row in rows(tx, &spaces.modules, KeyRange::all()).await? {
            let not_a_key = || corrupt(&spaces.modules, &row.key, "the key is not a store and an area");
            let (store, area) = parse_module_key(&row.key).ok_or_else(not_a_key)?;
            let record: ModuleRecord = decode(&spaces.modules, &row.key, &row.value)?;
            let reference = ModuleRef { plugin: record.plugin, version: record.version };
            let module = match loaded.get(&reference) {
                Some(module) => module.clone(),
                None => self.load_module(tx, spaces, &reference).await?,
            };
            loaded.insert(reference, module.clone());
            layout.insert(store.as_ref(), area, module);
        }
        Ok(Generation { group: group.clone(), number, stamp, layout })
    }

    async fn load_module(
        &self,
        tx: &mut Transaction,
        spaces: &GroupSpaces,
        reference: &ModuleRef,
    ) -> Result<Arc<Module>, RegistryError> {
        let key = version_key(&reference.plugin, &reference.version);
        let missing = |space| corrupt(space, &key, "it is missing, though the version is enabled");
        let version: VersionRecord =
            read(tx, &spaces.versions, &key).await?.ok_or_else(|| missing(&spaces.versions))?;
        let grant: GrantRecord = read(tx, &spaces.grants, &key).await?.ok_or_else(|| missing(&spaces.grants))?;
        self.module(tx, reference, &version, grant.grant).await
    }

    /// A module of these records.
    pub(crate) async fn module(
        &self,
        tx: &mut Transaction,
        reference: &ModuleRef,
        version: &VersionRecord,
        grant: Grant,
    ) -> Result<Arc<Module>, RegistryError> {
        Ok(Arc::new(Module {
            plugin: reference.plugin.clone(),
            version: reference.version.clone(),
            sha256: version.sha256,
            schema: self.schema(tx, &version.sha256).await?,
            grant: Arc::new(grant),
        }))
    }
}

#[cfg(test)]
mod tests;
