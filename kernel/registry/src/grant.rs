//! What a group allows a plugin version, and how an approval narrows what the version requested.

use std::collections::{BTreeMap, BTreeSet};

use forecourt_base::Bilingual;
use forecourt_schema::PluginSchema;
use serde::{Deserialize, Serialize};

/// What a plugin version requested, or what a group allowed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Kernel interfaces by name, such as `storage`.
    pub kernel: BTreeSet<String>,
    /// Interfaces of other areas by name without version, such as `forecourt:parts/reservations`.
    pub imports: BTreeMap<String, ImportGrant>,
    /// Topics of the events that the plugin publishes, such as `repair.approved`.
    pub topics: BTreeSet<String>,
    /// Topics of the events that the plugin is told of.
    #[serde(default)]
    pub subscriptions: BTreeSet<String>,
    /// Hosts that the plugin may send requests to, such as `*.example.com`.
    #[serde(default)]
    pub http_hosts: BTreeSet<String>,
    /// Names of secrets that the plugin may place in those requests.
    #[serde(default)]
    pub secrets: BTreeSet<String>,
}

/// What a plugin version may call in one interface of another area.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportGrant {
    /// Operations in kebab case.
    pub operations: BTreeSet<String>,
    /// Whether the originating principal's own right to the operations is not needed.
    pub elevated: bool,
}

impl Grant {
    /// The grant for an interface by its name without version, when it covers `operation`.
    #[must_use]
    pub fn import(&self, name: &str, operation: &str) -> Option<&ImportGrant> {
        self.imports.get(name).filter(|import| import.operations.contains(operation))
    }

    /// All that a component asks for. An import whose manifest names no operations asks for those that the component imports.
    pub(crate) fn requested(schema: &PluginSchema) -> Self {
        let mut requested = Self {
            kernel: schema.manifest.kernel.interfaces.iter().cloned().collect(),
            imports: BTreeMap::new(),
            topics: schema.manifest.events.publishes.iter().cloned().collect(),
            subscriptions: schema.manifest.subscribed().into_keys().map(str::to_owned).collect(),
            http_hosts: schema.manifest.http.hosts.clone(),
            secrets: schema.manifest.http.secrets.clone(),
        };
        for (interface, _) in schema.area_imports() {
            let entry = requested.imports.entry(interface.id.unversioned()).or_default();
            let asked = schema.manifest.imports.iter().find(|import| import.interface == interface.id);
            match asked.and_then(|import| import.operations.as_ref()) {
                Some(named) => entry.operations.extend(named.iter().cloned()),
                None => entry.operations.extend(interface.operations.iter().map(|operation| operation.name.clone())),
            }
            entry.elevated |= asked.is_some_and(|import| import.elevated);
        }
        requested
    }
}

/// What an administrator approves of a plugin version's requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Approval {
    /// All that was requested, `elevated` included.
    #[default]
    AllRequested,
    /// These alone.
    Only(NarrowApproval),
}

/// A narrower set than requested. What is left out is not granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NarrowApproval {
    /// Kernel interfaces by name.
    #[serde(default)]
    pub kernel: BTreeSet<String>,
    /// Interfaces of other areas by name without version.
    #[serde(default)]
    pub imports: BTreeMap<String, ImportApproval>,
    /// Topics of published events.
    #[serde(default)]
    pub topics: BTreeSet<String>,
    /// Topics of events to be told of.
    #[serde(default)]
    pub subscriptions: BTreeSet<String>,
    /// Hosts that requests may be sent to, each as it was requested.
    #[serde(default)]
    pub http_hosts: BTreeSet<String>,
    /// Names of secrets.
    #[serde(default)]
    pub secrets: BTreeSet<String>,
}

/// What is approved of one requested import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportApproval {
    /// Operations in kebab case; all requested ones when absent.
    #[serde(default)]
    pub operations: Option<BTreeSet<String>>,
    /// Approves `elevated`, which must have been requested.
    #[serde(default)]
    pub elevated: bool,
}

/// Applies an approval to a request. INVARIANT (narrow-grant).
///
/// # Errors
/// What the approval names beyond the request, each as a few words.
pub(crate) fn approve(requested: &Grant, approval: &Approval) -> Result<Grant, Vec<Bilingual>> {
    let Approval::Only(narrow) = approval else { return Ok(requested.clone()) };
    let mut wider = Vec::new();
    for name in narrow.kernel.difference(&requested.kernel) {
        wider.push(named("kernel interface", "系统接口", name));
    }
    for topic in narrow.topics.difference(&requested.topics) {
        wider.push(named("topic", "主题", topic));
    }
    for topic in narrow.subscriptions.difference(&requested.subscriptions) {
        wider.push(named("subscription to", "订阅主题", topic));
    }
    for host in narrow.http_hosts.difference(&requested.http_hosts) {
        wider.push(named("host", "主机", host));
    }
    for secret in narrow.secrets.difference(&requested.secrets) {
        wider.push(named("secret", "密钥", secret));
    }
    let mut imports = BTreeMap::new();
    for (name, import) in &narrow.imports {
        match requested.imports.get(name) {
            Some(asked) => {
                imports.insert(name.clone(), approve_import(name, asked, import, &mut wider));
            }
            None => wider.push(named("import", "导入", name)),
        }
    }
    if wider.is_empty() {
        let NarrowApproval { kernel, topics, subscriptions, http_hosts, secrets, .. } = narrow.clone();
        return Ok(Grant { kernel, imports, topics, subscriptions, http_hosts, secrets });
    }
    Err(wider)
}

fn named(en: &str, zh: &str, name: &str) -> Bilingual {
    Bilingual::made(format!("{en} `{name}`"), format!("{zh} `{name}`"))
}

fn approve_import(name: &str, asked: &ImportGrant, import: &ImportApproval, wider: &mut Vec<Bilingual>) -> ImportGrant {
    let operations = import.operations.as_ref().unwrap_or(&asked.operations);
    for operation in operations.difference(&asked.operations) {
        wider.push(Bilingual::made(
            format!("operation `{operation}` of `{name}`"),
            format!("`{name}` 的操作 `{operation}`"),
        ));
    }
    if import.elevated && !asked.elevated {
        wider.push(Bilingual::made(format!("`elevated` for `{name}`"), format!("`{name}` 的 `elevated`")));
    }
    ImportGrant { operations: operations.clone(), elevated: import.elevated }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn requested() -> Grant {
        let reserve = ImportGrant { operations: set(&["release", "reserve"]), elevated: true };
        let find = ImportGrant { operations: set(&["find"]), elevated: false };
        Grant {
            kernel: set(&["clock", "storage"]),
            imports: [("forecourt:parts/reservations".to_owned(), reserve), ("forecourt:crm/people".to_owned(), find)]
                .into(),
            topics: set(&["repair.approved"]),
            subscriptions: set(&["parts.received"]),
            http_hosts: set(&["api.example.com"]),
            secrets: set(&["dms-token"]),
        }
    }

    fn import(name: &str, operations: Option<&[&str]>, elevated: bool) -> NarrowApproval {
        let import = ImportApproval { operations: operations.map(set), elevated };
        NarrowApproval { imports: [(name.to_owned(), import)].into(), ..NarrowApproval::default() }
    }

    #[test]
    fn approving_all_grants_the_request() {
        assert_eq!(approve(&requested(), &Approval::AllRequested), Ok(requested()));
    }

    #[test]
    fn what_is_left_out_is_not_granted() {
        let narrow = import("forecourt:parts/reservations", Some(&["reserve"]), false);
        let grant = approve(&requested(), &Approval::Only(narrow)).unwrap();
        assert!(grant.kernel.is_empty() && grant.topics.is_empty());
        assert!(!grant.import("forecourt:parts/reservations", "reserve").unwrap().elevated);
        assert_eq!(grant.import("forecourt:parts/reservations", "release"), None);
        assert_eq!(grant.import("forecourt:crm/people", "find"), None);
    }

    #[test]
    fn an_import_without_operations_means_all_requested_ones() {
        let narrow = import("forecourt:parts/reservations", None, true);
        let grant = approve(&requested(), &Approval::Only(narrow)).unwrap();
        assert!(grant.import("forecourt:parts/reservations", "release").unwrap().elevated);
    }

    #[test]
    fn nothing_beyond_the_request_is_granted() {
        let cases = [
            (
                NarrowApproval { kernel: set(&["storage", "http"]), ..NarrowApproval::default() },
                "kernel interface `http`",
            ),
            (NarrowApproval { topics: set(&["parts.issued"]), ..NarrowApproval::default() }, "topic `parts.issued`"),
            (
                NarrowApproval { subscriptions: set(&["parts.issued"]), ..NarrowApproval::default() },
                "subscription to `parts.issued`",
            ),
            (
                NarrowApproval { http_hosts: set(&["*.example.com"]), ..NarrowApproval::default() },
                "host `*.example.com`",
            ),
            (NarrowApproval { secrets: set(&["other"]), ..NarrowApproval::default() }, "secret `other`"),
            (import("forecourt:staff/salaries", None, false), "import `forecourt:staff/salaries`"),
            (
                import("forecourt:crm/people", Some(&["find", "drop"]), false),
                "operation `drop` of `forecourt:crm/people`",
            ),
            (import("forecourt:crm/people", None, true), "`elevated` for `forecourt:crm/people`"),
        ];
        for (narrow, beyond) in cases {
            let wider = approve(&requested(), &Approval::Only(narrow)).unwrap_err();
            assert_eq!(wider.iter().map(ToString::to_string).collect::<Vec<_>>(), [beyond]);
        }
    }
}
