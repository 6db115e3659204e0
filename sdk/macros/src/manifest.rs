//! What the macro needs of `plugin.toml`. The whole file is checked by the kernel; here only the keys of these tables are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The part of a manifest that decides what is generated.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) plugin: Plugin,
    pub(crate) build: Build,
    #[serde(default)]
    pub(crate) exports: Exports,
    #[serde(default)]
    pub(crate) kernel: Kernel,
    #[serde(default)]
    pub(crate) imports: Vec<Import>,
    #[serde(default)]
    pub(crate) collections: Vec<Collection>,
    #[serde(default)]
    pub(crate) events: Events,
    #[serde(default)]
    pub(crate) subscriptions: Vec<Subscription>,
    #[serde(default)]
    pub(crate) cron: Vec<Cron>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Plugin {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    /// Folders of WIT packages, relative to the crate.
    pub(crate) wit: Vec<PathBuf>,
    /// Label files, named after their language.
    #[serde(default)]
    pub(crate) labels: Vec<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exports {
    #[serde(default)]
    pub(crate) interfaces: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kernel {
    #[serde(default)]
    pub(crate) interfaces: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Import {
    pub(crate) interface: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Collection {
    pub(crate) name: String,
    pub(crate) record: String,
    #[serde(default)]
    pub(crate) indexes: Vec<Index>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Index {
    pub(crate) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    #[serde(default)]
    pub(crate) publishes: Vec<String>,
}

/// A line by which the plugin is told that a time has come.
#[derive(Debug, Deserialize)]
pub(crate) struct Cron {}

#[derive(Debug, Deserialize)]
pub(crate) struct Subscription {
    #[serde(default)]
    pub(crate) topics: Vec<String>,
}

impl Manifest {
    /// Whether the plugin sets timers.
    pub(crate) fn sets_timers(&self) -> bool {
        self.kernel.interfaces.iter().any(|name| name == "timers")
    }

    /// The topics of all subscriptions, each once.
    pub(crate) fn subscribed(&self) -> BTreeSet<&str> {
        self.subscriptions.iter().flat_map(|subscription| &subscription.topics).map(String::as_str).collect()
    }
}

/// Reads `plugin.toml` of the crate in `root`.
pub(crate) fn read(root: &Path) -> Result<(PathBuf, Manifest), String> {
    let path = root.join("plugin.toml");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("plugin.toml is needed beside Cargo.toml, in {}: {error}", root.display()))?;
    let manifest = toml::from_str(&text).map_err(|error| format!("plugin.toml: {error}"))?;
    Ok((path, manifest))
}
