//! What the registry answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use forecourt_base::{Area, Bilingual, PluginName, StoreId, Timestamp, UserId};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, as_hex};
use crate::error::place_zh;
use crate::grant::Grant;

/// Who published a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Publisher {
    /// A person of the group.
    User(UserId),
    /// The deployment itself: the plugins that come with the kernel.
    Bundled,
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Bundled => f.write_str("bundled"),
        }
    }
}

/// A plugin version by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ModuleRef {
    /// The plugin.
    pub plugin: PluginName,
    /// Its version.
    pub version: Version,
}

impl fmt::Display for ModuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.plugin, self.version)
    }
}

/// The outcome of a publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The plugin.
    pub name: PluginName,
    /// Its version.
    pub version: Version,
    /// The content address of the component.
    #[serde(with = "as_hex")]
    pub sha256: Digest,
    /// False when the same bytes were published before.
    pub new: bool,
}

/// The outcome of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What the version may do from now on.
    pub grant: Arc<Grant>,
    /// The content address of the version's component.
    pub sha256: Digest,
    /// False when the same was granted before.
    pub changed: bool,
}

/// The outcome of enabling or swapping a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Enabled {
    /// What served the area in this scope itself before; the group's module behind a store's is not meant.
    pub previous: Option<ModuleRef>,
    /// False when the same version was enabled before.
    pub changed: bool,
    /// Modules whose optional imports were served before and are not any more.
    pub loses: Vec<Importer>,
    /// Required imports that the grant withholds: calls of them will be refused.
    pub withheld: Vec<String>,
}

/// The outcome of disabling a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disabled {
    /// What served the area in this scope.
    pub previous: ModuleRef,
    /// Modules that could not do without and were disabled with it.
    pub stops: Vec<Importer>,
    /// Modules whose optional imports were served before and are not any more.
    pub loses: Vec<Importer>,
}

/// A module that imports from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Importer {
    /// The store where it is enabled; none when it serves the group.
    pub store: Option<StoreId>,
    /// The area it serves.
    pub area: Area,
    /// Its plugin and version.
    pub module: ModuleRef,
    /// The imported interfaces in question.
    pub interfaces: BTreeSet<String>,
}

impl Importer {
    /// The importer in both languages.
    #[must_use]
    pub fn bilingual(&self) -> Bilingual {
        let place = place_zh(self.store.as_ref());
        Bilingual::made(self.to_string(), format!("{place}中 `{}` 的业务域 `{}`", self.module, self.area))
    }
}

impl fmt::Display for Importer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of `{}`", self.area, self.module)?;
        match &self.store {
            Some(store) => write!(f, " in `{store}`"),
            None => f.write_str(" in the group"),
        }
    }
}

/// A plugin of a group with its versions, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginInfo {
    /// The plugin's name.
    pub name: PluginName,
    /// Who published the name first and alone may publish versions of it.
    pub publisher: Publisher,
    /// Its versions in semantic order.
    pub versions: Vec<VersionInfo>,
}

/// One published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionInfo {
    /// The version.
    pub version: Version,
    /// The content address of the component.
    #[serde(with = "as_hex")]
    pub sha256: Digest,
    /// The component's size.
    pub bytes: u64,
    /// When it was published.
    pub published: Timestamp,
    /// The plugin's title by language.
    pub title: BTreeMap<String, String>,
    /// The areas that it can serve.
    pub areas: BTreeSet<Area>,
    /// What it asked for.
    pub requested: Grant,
    /// What it was granted; none before an approval.
    pub granted: Option<Grant>,
}

/// A module that serves an area in a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleInfo {
    /// The area.
    pub area: Area,
    /// The plugin and version that serve it.
    pub module: ModuleRef,
    /// The content address of the component.
    #[serde(with = "as_hex")]
    pub sha256: Digest,
    /// Whether it is enabled for the whole group, not in the store asked about.
    pub group_wide: bool,
}
