//! `plugin.toml`: what a plugin says of itself and asks for.

mod cron;
mod http;
mod jobs;
mod links;
mod subscriptions;

use std::collections::{BTreeMap, BTreeSet};

use forecourt_base::{PluginName, RoleName};
use semver::Version;
use serde::Deserialize;

use crate::error::{Code, Problems, both};
use crate::limits::MANIFEST_ENTRIES;
use crate::{InterfaceId, SchemaError};
pub use cron::CronRequest;
pub use http::HttpRequest;
pub use jobs::{JOBS, JobRequest};
pub use links::LinkRequest;
pub use subscriptions::{StartRequest, SubscriptionRequest};

/// A manifest. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Who the plugin is.
    pub plugin: About,
    /// What the SDK builds from; the kernel does not read it.
    #[serde(default)]
    pub build: Option<Build>,
    /// What the plugin offers.
    #[serde(default)]
    pub exports: Exports,
    /// The kernel interfaces it asks for.
    #[serde(default)]
    pub kernel: KernelRequest,
    /// The interfaces of other areas it asks for.
    #[serde(default)]
    pub imports: Vec<ImportRequest>,
    /// The collections it keeps.
    #[serde(default)]
    pub collections: Vec<CollectionRequest>,
    /// The events it publishes.
    #[serde(default)]
    pub events: Events,
    /// The events it is told of.
    #[serde(default)]
    pub subscriptions: Vec<SubscriptionRequest>,
    /// Where it sends requests.
    #[serde(default)]
    pub http: HttpRequest,
    /// The lines by which it is told that a time has come.
    #[serde(default)]
    pub cron: Vec<CronRequest>,
    /// The work that it does in steps.
    #[serde(default)]
    pub jobs: Vec<JobRequest>,
    /// Default roles by operation, `orders/approve`.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<RoleName>>,
    /// Powers that its operations ask for, `repair.discount-over-limit`.
    #[serde(default)]
    pub powers: BTreeMap<String, Power>,
    /// Operations that may be opened to customers by links, `orders/approve`.
    #[serde(default)]
    pub links: BTreeMap<String, LinkRequest>,
}

/// `[plugin]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Unique within a group.
    pub name: PluginName,
    /// The plugin's version.
    pub version: Version,
    /// Who publishes it.
    pub publisher: String,
    /// What people call it.
    pub title: Text,
    /// What it does, in a sentence.
    pub description: Text,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    pub en: String,
    /// Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

impl Text {
    /// The text in `language`: Chinese for `zh` and its regions, else English.
    #[must_use]
    pub fn get(&self, language: &str) -> &str {
        if language == "zh" || language.starts_with("zh-") { &self.zh_cn } else { &self.en }
    }
}

/// `[build]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Folders of WIT packages, relative to the crate.
    #[serde(default)]
    pub wit: Vec<String>,
    /// Files of labels, relative to the crate.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// `[exports]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exports {
    /// The interfaces with operations.
    #[serde(default)]
    pub interfaces: BTreeSet<InterfaceId>,
}

/// `[kernel]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelRequest {
    /// Names of interfaces, such as `storage`.
    #[serde(default)]
    pub interfaces: BTreeSet<String>,
}

/// `[[imports]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// The interface of another area.
    pub interface: InterfaceId,
    /// Whether the plugin works without it.
    #[serde(default)]
    pub optional: bool,
    /// Whether calls through it should not need the caller's own right.
    #[serde(default)]
    pub elevated: bool,
    /// The operations asked for; all when left out.
    #[serde(default)]
    pub operations: Option<BTreeSet<String>>,
}

/// `[[collections]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectionRequest {
    /// Its name.
    pub name: String,
    /// Its record type, `forecourt:repair/records@0.1.0#order`.
    pub record: String,
    /// Where its records live.
    pub scope: ScopeRequest,
    /// Its indexes.
    #[serde(default)]
    pub indexes: Vec<IndexRequest>,
}

/// Where a collection's records live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScopeRequest {
    /// Each store has its own.
    Store,
    /// The group's stores share them.
    Group,
}

/// `[[collections.indexes]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexRequest {
    /// Its name.
    pub name: String,
    /// How entries are made.
    #[serde(default)]
    pub kind: KindRequest,
    /// Fields, `contact.name` for one within a record.
    pub fields: Vec<String>,
}

/// How an index's entries are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KindRequest {
    /// From the fields' values.
    #[default]
    Fields,
    /// From fragments of their text.
    Text,
}

/// `[events]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Topics, `repair.approved`.
    #[serde(default)]
    pub publishes: BTreeSet<String>,
}

/// An entry of `[powers]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// Roles that have it by default.
    pub roles: Vec<RoleName>,
    /// What it allows, in English.
    pub en: String,
    /// What it allows, in Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

impl Manifest {
    /// Reads `plugin.toml`.
    ///
    /// # Errors
    /// [`SchemaError`] names the key that is wrong.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let wrong = |message| SchemaError::new(Code::Manifest, message);
        let document = toml::Deserializer::parse(text).map_err(|error| {
            wrong(both!("plugin.toml is not TOML: {}", "plugin.toml 不是有效的 TOML：{}", error.message()))
        })?;
        let manifest: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let key = error.path().to_string();
            let said = crate::bilingual(&error.inner().message().trim_end().replace('\n', ", "));
            wrong(said.around(|en| format!("key `{key}`: {en}"), |zh| format!("键 `{key}`：{zh}")))
        })?;
        let mut problems = Problems::default();
        manifest.check(&mut problems);
        problems.finish()?;
        Ok(manifest)
    }

    fn check(&self, problems: &mut Problems) {
        let about = &self.plugin;
        let texts = [
            ("plugin.publisher", &about.publisher),
            ("plugin.title.en", &about.title.en),
            ("plugin.title.zh-CN", &about.title.zh_cn),
            ("plugin.description.en", &about.description.en),
            ("plugin.description.zh-CN", &about.description.zh_cn),
        ];
        for (key, text) in texts {
            if text.trim().is_empty() || text.chars().any(char::is_control) {
                problems
                    .add(Code::Manifest, both!("key `{key}`: must be one line of text", "键 `{key}`：必须是一行文本"));
            }
        }
        if !about.version.build.is_empty() {
            let without =
                both!("key `plugin.version`: must be without build metadata", "键 `plugin.version`：不得含构建元数据");
            problems.add(Code::Manifest, without);
        }
        let counts = [
            ("exports.interfaces", self.exports.interfaces.len(), MANIFEST_ENTRIES),
            ("kernel.interfaces", self.kernel.interfaces.len(), MANIFEST_ENTRIES),
            ("imports", self.imports.len(), MANIFEST_ENTRIES),
            ("collections", self.collections.len(), crate::limits::COLLECTIONS),
            ("events.publishes", self.events.publishes.len(), MANIFEST_ENTRIES),
            ("subscriptions", self.subscriptions.len(), MANIFEST_ENTRIES),
            ("cron", self.cron.len(), MANIFEST_ENTRIES),
            ("jobs", self.jobs.len(), MANIFEST_ENTRIES),
            ("roles", self.roles.len(), MANIFEST_ENTRIES),
            ("powers", self.powers.len(), MANIFEST_ENTRIES),
            ("links", self.links.len(), MANIFEST_ENTRIES),
        ];
        for (key, count, most) in counts {
            if count > most {
                problems.add(
                    Code::Limit,
                    both!("key `{key}`: {count} entries are more than {most}", "键 `{key}`：{count} 项超过上限 {most}"),
                );
            }
        }
        self.check_subscriptions(problems);
        self.check_http(problems);
        self.check_cron_and_jobs(problems);
        self.check_links(problems);
        self.check_names(problems);
    }

    fn check_names(&self, problems: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (at, import) in self.imports.iter().enumerate() {
            if !seen.insert(import.interface.unversioned()) {
                let name = &import.interface;
                problems.add(
                    Code::Manifest,
                    both!(
                        "key `imports[{at}].interface`: `{name}` is imported twice",
                        "键 `imports[{at}].interface`：`{name}` 重复导入"
                    ),
                );
            }
        }
        for power in self.powers.keys() {
            if !power
                .split_once('.')
                .is_some_and(|(area, name)| crate::ids::is_kebab(area) && crate::ids::is_kebab(name))
            {
                let wrong = both!(
                    "key `powers`: `{power}` is not a power's name such as `repair.reopen`",
                    "键 `powers`：`{power}` 不是 `repair.reopen` 之类的权限点名称"
                );
                problems.add(Code::Roles, wrong);
            }
        }
    }
}

#[cfg(test)]
mod tests;
