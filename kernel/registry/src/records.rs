//! The registry's own stored records and where they live. Each holds its format and is checked when read.

use std::collections::{BTreeMap, BTreeSet};

use forecourt_base::{Area, GroupId, PluginName, StoreId, Timestamp};
use forecourt_storage::{Direction, KeyRange, Row, Space, StorageError, Transaction};
use semver::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, as_hex};
use crate::error::RegistryError;
use crate::grant::Grant;
use crate::info::{ModuleRef, Publisher};

const OWNER: &str = "@registry";
const FORMAT: u32 = 1;
const SCAN_ROWS: usize = 200;

/// The key of the one record in [`GroupSpaces::stamp`].
pub(crate) const STAMP_KEY: &[u8] = b"current";

/// Components' bytes under their sha256 in hexadecimal, for the whole deployment.
pub(crate) fn components() -> Result<Space, StorageError> {
    Space::new(None, None, OWNER, "components", 0)
}

/// The sizes of the stored components, so that asking whether one is there does not read it.
pub(crate) fn component_sizes() -> Result<Space, StorageError> {
    Space::new(None, None, OWNER, "component-sizes", 0)
}

/// The collections of one group.
#[derive(Debug, Clone)]
pub(crate) struct GroupSpaces {
    /// [`PluginRecord`] by name.
    pub(crate) plugins: Space,
    /// [`VersionRecord`] by name and version.
    pub(crate) versions: Space,
    /// [`GrantRecord`] by name and version.
    pub(crate) grants: Space,
    /// [`ModuleRecord`] by store and area.
    pub(crate) modules: Space,
    /// [`StampRecord`], the version key of the routing generation.
    pub(crate) stamp: Space,
}

impl GroupSpaces {
    pub(crate) fn new(group: &GroupId) -> Result<Self, StorageError> {
        let space = |collection| Space::new(Some(group), None, OWNER, collection, 0);
        Ok(Self {
            plugins: space("plugins")?,
            versions: space("versions")?,
            grants: space("grants")?,
            modules: space("modules")?,
            stamp: space("generation")?,
        })
    }
}

/// A record that knows the format it was written in.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The stored format.
    fn format(&self) -> u32;
}

macro_rules! records {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(crate) struct $name {
                format: u32,
                $($(#[$attribute])* pub(crate) $field: $type,)*
            }

            impl $name {
                pub(crate) fn new($($field: $type),*) -> Self {
                    Self { format: FORMAT, $($field),* }
                }
            }

            impl Record for $name {
                fn format(&self) -> u32 {
                    self.format
                }
            }
        )*
    };
}

records! {
    /// A plugin name and whose it is.
    PluginRecord {
        publisher: Publisher,
    }
    /// A published version.
    VersionRecord {
        #[serde(with = "as_hex")] sha256: Digest,
        bytes: u64,
        published: Timestamp,
        title: BTreeMap<String, String>,
        areas: BTreeSet<Area>,
        requested: Grant,
    }
    /// What a version was granted.
    GrantRecord {
        grant: Grant,
    }
    /// Which version serves an area.
    ModuleRecord {
        plugin: PluginName,
        version: Version,
    }
    /// The size of a stored component.
    SizeRecord {
        bytes: u64,
    }
    /// The generation's number, and a digest over all changes up to it.
    StampRecord {
        number: u64,
        #[serde(with = "as_hex")] state: Digest,
    }
}

/// The key of a version or its grant. Neither a name nor a version holds `/`.
pub(crate) fn version_key(name: &PluginName, version: &Version) -> Vec<u8> {
    format!("{name}/{version}").into_bytes()
}

/// The version in a key that [`version_key`] made.
pub(crate) fn parse_version_key(key: &[u8]) -> Option<ModuleRef> {
    let (plugin, version) = std::str::from_utf8(key).ok()?.split_once('/')?;
    Some(ModuleRef { plugin: plugin.parse().ok()?, version: version.parse().ok()? })
}

/// The key of a module: the store, nothing for the group, then the area.
pub(crate) fn module_key(store: Option<&StoreId>, area: &Area) -> Vec<u8> {
    format!("{}/{area}", store.map_or("", StoreId::as_str)).into_bytes()
}

/// The store and area in a key that [`module_key`] made.
pub(crate) fn parse_module_key(key: &[u8]) -> Option<(Option<StoreId>, Area)> {
    let (store, area) = std::str::from_utf8(key).ok()?.split_once('/')?;
    let store = if store.is_empty() { None } else { Some(store.parse().ok()?) };
    Some((store, area.parse().ok()?))
}

/// What a record whose key or value cannot be right is answered with.
pub(crate) fn corrupt(space: &Space, key: &[u8], reason: impl ToString) -> RegistryError {
    let record = format!("{}/{}", space.collection(), String::from_utf8_lossy(key));
    RegistryError::Corrupt { record, reason: reason.to_string() }
}

/// Reads a record's value.
pub(crate) fn decode<T: Record>(space: &Space, key: &[u8], value: &[u8]) -> Result<T, RegistryError> {
    let record: T = serde_json::from_slice(value).map_err(|error| corrupt(space, key, error))?;
    if record.format() == FORMAT {
        return Ok(record);
    }
    Err(corrupt(space, key, format!("format {} is not {FORMAT}", record.format())))
}

/// The record under `key`.
pub(crate) async fn read<T: Record>(
    tx: &mut Transaction,
    space: &Space,
    key: &[u8],
) -> Result<Option<T>, RegistryError> {
    match tx.get(space, key).await? {
        Some(value) => decode(space, key, &value).map(Some),
        None => Ok(None),
    }
}

/// Writes a record under `key`.
pub(crate) async fn write<T: Record>(
    tx: &mut Transaction,
    space: &Space,
    key: &[u8],
    record: &T,
) -> Result<(), RegistryError> {
    let value = serde_json::to_vec(record).map_err(|error| corrupt(space, key, error))?;
    Ok(tx.put(space, key, value, Vec::new()).await?)
}

/// All rows of a range, in order.
pub(crate) async fn rows(tx: &mut Transaction, space: &Space, range: KeyRange) -> Result<Vec<Row>, RegistryError> {
    let mut all = Vec::new();
    let mut range = range;
    loop {
        let page = tx.scan(space, &range, Direction::Forward, SCAN_ROWS).await?;
        all.extend(page.items);
        match all.last() {
            Some(last) if page.more => range.lower = std::ops::Bound::Excluded(last.key.to_vec()),
            _ => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_give_back_what_they_were_made_of() {
        let name = PluginName::new("parts-plus").unwrap();
        let version: Version = "1.2.0-rc.1+build.7".parse().unwrap();
        let reference = ModuleRef { plugin: name.clone(), version: version.clone() };
        assert_eq!(parse_version_key(&version_key(&name, &version)), Some(reference));
        let area = Area::new("parts").unwrap();
        for store in [None, Some(StoreId::new("bj01").unwrap())] {
            assert_eq!(parse_module_key(&module_key(store.as_ref(), &area)), Some((store, area.clone())));
        }
        for bad in [&b"parts"[..], b"\xff/parts", b"BJ/parts", b"bj01/"] {
            assert_eq!(parse_module_key(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_record_of_another_format_or_with_unknown_fields_is_refused() {
        let space = GroupSpaces::new(&GroupId::new("g").unwrap()).unwrap().modules;
        let read = |text: &str| decode::<ModuleRecord>(&space, b"/parts", text.as_bytes());
        let good = r#"{"format":1,"plugin":"parts","version":"0.1.0"}"#;
        assert_eq!(read(good).unwrap().plugin.as_str(), "parts");
        for bad in [
            r#"{"format":2,"plugin":"parts","version":"0.1.0"}"#,
            r#"{"format":1,"plugin":"parts","version":"0.1.0","more":1}"#,
            r#"{"format":1,"plugin":"Parts","version":"0.1.0"}"#,
            r#"{"format":1,"plugin":"parts","version":"one"}"#,
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("`modules//parts`"), "{error}");
        }
    }
}
