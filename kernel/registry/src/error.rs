//! Why the registry refuses.

use std::fmt::{Display, Write as _};

use forecourt_base::{Area, Bilingual, PluginName, StoreId};
use forecourt_storage::StorageError;
use semver::Version;
use thiserror::Error;

use crate::info::{Importer, ModuleRef, Publisher};
use crate::resolve::Need;

/// Why a publication, grant or switch was refused, or could not be read.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The component is larger than `COMPONENT_BYTES`.
    #[error("the component has {bytes} bytes; at most {max} are taken")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The largest size taken.
        max: u64,
    },
    /// The name belongs to another publisher. INVARIANT (bound-name).
    #[error("the name `{name}` belongs to the publisher `{publisher}`; publish under another name")]
    NameTaken {
        /// The plugin's name.
        name: PluginName,
        /// Whose it is.
        publisher: Publisher,
    },
    /// The version was published with other bytes. INVARIANT (fixed-version).
    #[error("`{module}` was published before with other content; publish it under a new version")]
    VersionTaken {
        /// The name and version.
        module: ModuleRef,
    },
    /// The group has no such plugin version.
    #[error("no plugin version `{module}` is published in this group")]
    UnknownVersion {
        /// The name and version.
        module: ModuleRef,
    },
    /// The approval goes beyond the request. INVARIANT (narrow-grant).
    #[error("`{module}` did not request {}", listed(items))]
    WiderThanRequested {
        /// The name and version.
        module: ModuleRef,
        /// What was not requested, each as a few words.
        items: Vec<Bilingual>,
    },
    /// The version must be granted first.
    #[error("`{module}` has no grant in this group; approve its requests first")]
    NotGranted {
        /// The name and version.
        module: ModuleRef,
    },
    /// The plugin does not serve this area.
    #[error("`{module}` does not serve the area `{area}`; it serves {}", quoted(areas))]
    AreaNotServed {
        /// The name and version.
        module: ModuleRef,
        /// The area asked for.
        area: Area,
        /// The areas that it serves.
        areas: Vec<Area>,
    },
    /// Importers and providers would not fit together. INVARIANT (resolved).
    #[error("{}", listed(needs))]
    Unresolved {
        /// Who needs what.
        needs: Vec<Need>,
    },
    /// Areas would import one another in a circle. INVARIANT (area-order).
    #[error("areas would call one another in a circle: {}", arrows(areas))]
    Cycle {
        /// The areas along the circle, the first one again at the end.
        areas: Vec<Area>,
    },
    /// Importers could not do without the module.
    #[error("`{area}` is required by {}; disable them first, or force it and they stop", listed(importers))]
    Required {
        /// The area to be disabled.
        area: Area,
        /// The modules that would stop.
        importers: Vec<Importer>,
    },
    /// The area is not enabled in the scope.
    #[error("the area `{area}` is not enabled {}", place(store.as_ref()))]
    NotEnabled {
        /// The area.
        area: Area,
        /// The store, or none for the group.
        store: Option<StoreId>,
    },
    /// The area is served in the store by the group's module.
    #[error("the area `{area}` is enabled for the whole group, not in `{store}`; disable it for the group")]
    GroupWide {
        /// The area.
        area: Area,
        /// The store asked about.
        store: StoreId,
    },
    /// A stored record cannot be right.
    #[error("the stored record `{record}` is corrupt: {reason}")]
    Corrupt {
        /// Its collection and key.
        record: String,
        /// What is wrong.
        reason: String,
    },
    /// The kernel is stopping.
    #[error("the kernel is stopping")]
    Stopping,
    /// The storage refused or failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl RegistryError {
    /// Whether the same request may succeed in a new transaction.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_retryable())
    }

    pub(crate) fn unknown(plugin: &PluginName, version: &Version) -> Self {
        Self::UnknownVersion { module: ModuleRef { plugin: plugin.clone(), version: version.clone() } }
    }
}

/// The same in Chinese.
pub(crate) fn place_zh(store: Option<&StoreId>) -> String {
    store.map_or_else(|| "集团".to_owned(), |store| format!("门店 `{store}`"))
}

/// Where something is enabled, in words.
pub(crate) fn place(store: Option<&StoreId>) -> String {
    store.map_or_else(|| "for the group".to_owned(), |store| format!("in `{store}`"))
}

fn joined<T: Display>(items: &[T], separator: &str, quote: &str) -> String {
    let mut text = String::new();
    for (at, item) in items.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = write!(text, "{}{quote}{item}{quote}", if at == 0 { "" } else { separator });
    }
    text
}

fn listed<T: Display>(items: &[T]) -> String {
    joined(items, "; ", "")
}

fn quoted(areas: &[Area]) -> String {
    if areas.is_empty() { "none".to_owned() } else { joined(areas, ", ", "`") }
}

fn arrows(areas: &[Area]) -> String {
    joined(areas, " → ", "`")
}
