//! What a component offers, needs and stores, as read from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use forecourt_base::{Area, Bilingual, OperationPath, RoleName};

use crate::{Collection, Field, InterfaceId, JOBS, LinkRequest, Manifest, Type};

/// Everything the kernel knows of a plugin version before running it.
#[derive(Debug, Clone)]
pub struct PluginSchema {
    /// The manifest as the author wrote it.
    pub manifest: Manifest,
    /// The exported interfaces that have operations.
    pub exports: Vec<Interface>,
    /// The exported interfaces of `forecourt:kernel`, which the kernel alone calls: `subscriber` and the like. They are no operations.
    pub hooks: Vec<Interface>,
    /// What the component imports.
    pub imports: Vec<Import>,
    /// Declared collections of records.
    pub collections: Vec<Collection>,
    /// Topics that the plugin publishes.
    pub topics: Vec<Topic>,
    /// Labels in several languages.
    pub labels: Labels,
    /// What is odd but not refused, in English.
    pub warnings: Vec<String>,
}

/// An interface with its operations.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Its full name.
    pub id: InterfaceId,
    /// Its docs.
    pub docs: String,
    /// Its functions in order.
    pub operations: Vec<Operation>,
}

/// Whether an operation may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Runs read-only.
    Query,
    /// May write.
    Command,
}

/// A function of an area's interface.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its name, in kebab case.
    pub name: String,
    /// Query or command, by its name.
    pub kind: OperationKind,
    /// Whether it is a `report-` query, which has larger limits.
    pub report: bool,
    /// Whether a parameter may hold personal data; then the operation is not reachable by GET.
    pub personal: bool,
    /// Its docs.
    pub docs: String,
    /// Its parameters in order.
    pub params: Vec<Field>,
    /// The value of `ok`; of the plain result where `returns_result` is false.
    pub ok: Option<Type>,
    /// The value of `err`.
    pub err: Option<Type>,
    /// Whether the function returns `result<…>`. True for every operation of an area; imported functions may differ.
    pub returns_result: bool,
}

/// One import of a component.
#[derive(Debug, Clone)]
pub enum Import {
    /// A kernel interface.
    Kernel(InterfaceId),
    /// An interface of another area, with those functions alone that the component imports.
    Area {
        /// The interface as this component sees it.
        interface: Interface,
        /// Whether the plugin works without it.
        optional: bool,
    },
    /// An interface of WASI 0.2.
    Wasi(InterfaceId),
    /// An interface of which only types are used.
    Types(InterfaceId),
}

/// A kind of event.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name, `repair.approved`.
    pub name: Arc<str>,
    /// The record type of its payload.
    pub payload: Type,
    /// The payload's docs.
    pub docs: Arc<str>,
}

/// Labels by language, then by id such as `forecourt:repair/records.order.promised-at`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(pub BTreeMap<String, BTreeMap<String, String>>);

impl Labels {
    /// The label of `id` in `language`; none where the author gave none.
    #[must_use]
    pub fn get(&self, language: &str, id: &str) -> Option<&str> {
        self.0.get(language)?.get(id).map(String::as_str)
    }

    /// The label of `id` in every language that has one.
    pub fn all<'a>(&'a self, id: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(language, labels)| Some((language.as_str(), labels.get(id)?.as_str())))
    }
}

const QUERY_PREFIXES: [&str; 8] = ["get-", "list-", "find-", "count-", "check-", "preview-", "report-", "print-"];

impl OperationKind {
    /// The kind that an operation's name tells.
    #[must_use]
    pub fn of(name: &str) -> Self {
        if QUERY_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) { Self::Query } else { Self::Command }
    }

    /// Whether the name is a query's prefix without anything behind it, which reads like a query but is a command.
    pub(crate) fn is_bare_prefix(name: &str) -> bool {
        QUERY_PREFIXES.iter().any(|prefix| prefix.trim_end_matches('-') == name)
    }
}

impl Operation {
    /// Whether GET reaches it: a query whose parameters are scalars and not personal.
    #[must_use]
    pub fn by_get(&self) -> bool {
        self.kind == OperationKind::Query && !self.personal && self.params.iter().all(|param| is_scalar(&param.ty))
    }
}

fn is_scalar(ty: &Type) -> bool {
    match ty.resolved() {
        Type::Option(inner) => !matches!(inner.resolved(), Type::Option(_)) && is_scalar(inner),
        Type::List(_)
        | Type::Result(_)
        | Type::Tuple(_)
        | Type::Record(_)
        | Type::Variant(_)
        | Type::Flags(_)
        | Type::Alias(_) => false,
        _ => true,
    }
}

impl Interface {
    /// The operation with this kebab-case name.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }
}

impl PluginSchema {
    /// The areas whose interfaces the plugin exports, each once.
    #[must_use]
    pub fn areas(&self) -> Vec<Area> {
        let mut areas: Vec<Area> = self.exports.iter().filter_map(|interface| interface.id.area()).collect();
        areas.sort();
        areas.dedup();
        areas
    }

    /// The exported operation with this path.
    #[must_use]
    pub fn operation(&self, path: &OperationPath) -> Option<(&Interface, &Operation)> {
        let interface = self.exports.iter().find(|interface| {
            interface.id.interface == path.interface && interface.id.area().as_ref() == Some(&path.area)
        })?;
        Some((interface, interface.operation(&path.operation)?))
    }

    /// The exported interface of the kernel's with this name, such as `subscriber`.
    #[must_use]
    pub fn hook(&self, name: &str) -> Option<&Interface> {
        self.hooks.iter().find(|hook| hook.id.interface == name)
    }

    /// The declared collection with this name.
    #[must_use]
    pub fn collection(&self, name: &str) -> Option<&Collection> {
        self.collections.iter().find(|collection| &*collection.name == name)
    }

    /// The declared topic with this name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| &*topic.name == name)
    }

    /// The imported area interfaces, each with whether it is optional.
    pub fn area_imports(&self) -> impl Iterator<Item = (&Interface, bool)> {
        self.imports.iter().filter_map(|import| match import {
            Import::Area { interface, optional } => Some((interface, *optional)),
            _ => None,
        })
    }

    /// The default roles of each operation that the manifest maps.
    ///
    /// INVARIANT (mapped-operations): every key of a read component's `[roles]` names one exported operation,
    /// so none is lost here.
    #[must_use]
    pub fn role_defaults(&self) -> Vec<(OperationPath, Vec<RoleName>)> {
        let path = |key: &str| self.role_path(key).ok();
        let operations = self.manifest.roles.iter().filter_map(|(key, roles)| Some((path(key)?, roles.clone())));
        let jobs = self.manifest.jobs.iter().filter_map(|job| Some((self.job_path(&job.name)?, job.roles.clone())));
        operations.chain(jobs).collect()
    }

    /// The path by which roles are granted a job: `<area>/jobs/<name>`, with the plugin's first area, or with its name where it serves none.
    #[must_use]
    pub fn job_path(&self, name: &str) -> Option<OperationPath> {
        let areas = self.areas();
        let plugin = self.manifest.plugin.name.as_str();
        let area = areas.first().map_or(plugin, |area| area.as_str());
        self.manifest.jobs.iter().find(|job| job.name == name)?;
        OperationPath::new(area, JOBS, name).ok()
    }

    /// What the manifest says of links to an operation, and the JSON name of the parameter that names the record; none where it is not open to links.
    #[must_use]
    pub fn linked(&self, path: &OperationPath) -> Option<(&LinkRequest, String)> {
        self.manifest.links.iter().find_map(|(key, request)| match self.link_parameter(key, request) {
            Ok((of, parameter)) if of == *path => Some((request, parameter)),
            _ => None,
        })
    }

    /// The operation that a key of `[links]` names, and the JSON name of its parameter.
    pub(crate) fn link_parameter(
        &self,
        key: &str,
        request: &LinkRequest,
    ) -> Result<(OperationPath, String), Bilingual> {
        let path = self.role_path(key)?;
        let of_path = |interface: &&Interface| {
            interface.id.area().is_some_and(|area| area == path.area) && *interface.id.interface == *path.interface
        };
        let operations = self.exports.iter().filter(of_path).flat_map(|interface| &interface.operations);
        let params = operations.filter(|operation| *operation.name == *path.operation).flat_map(|found| &found.params);
        let mut named = params.filter(|param| *param.name == *request.record);
        match named.next() {
            Some(param) if matches!(param.ty.resolved(), Type::String) => Ok((path, param.json.to_string())),
            _ => Err(Bilingual::fixed(
                "has no parameter of text of the name that `record` gives",
                "没有 `record` 所指名称的文本参数",
            )),
        }
    }

    /// The exported operation that a key of `[roles]` names: `interface/operation`, or `area/interface/operation`.
    pub(crate) fn role_path(&self, key: &str) -> Result<OperationPath, Bilingual> {
        let mut found = None;
        for interface in &self.exports {
            let Some(area) = interface.id.area() else { continue };
            for operation in &interface.operations {
                let short = format!("{}/{}", interface.id.interface, operation.name);
                if key != short
                    && key.strip_prefix(area.as_str()).and_then(|rest| rest.strip_prefix('/')) != Some(&short)
                {
                    continue;
                }
                if found.is_some() {
                    return Err(Bilingual::fixed(
                        "names operations of several areas: write `area/interface/operation`",
                        "对应多个业务域的操作：请写作 `area/interface/operation`",
                    ));
                }
                found = OperationPath::new(area.as_str(), &interface.id.interface, &operation.name).ok();
            }
        }
        found.ok_or(Bilingual::fixed("names no exported operation", "不对应任何导出的操作"))
    }
}
