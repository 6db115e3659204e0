//! Plugins and a group for the tests of this crate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forecourt_base::{Area, GroupId, PluginName, Scope, StoreId, Timestamp, UserId};
use forecourt_schema::{
    About, Events, Exports, Field, Import, ImportRequest, Interface, InterfaceId, KernelRequest, Labels, Manifest,
    Operation, OperationKind, PluginSchema, Text, Type,
};
use forecourt_storage::{Bytes, Engine, MemoryEngine, Mode, Transaction};
use semver::Version;

use crate::{Approval, Disabled, Enabled, ModuleRef, Publisher, Registry, RegistryError};

/// One interface with its operations and the type of each one's parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Face {
    /// Its id, `forecourt:parts/stock@0.1.0`.
    pub(crate) id: String,
    pub(crate) operations: BTreeMap<String, Type>,
}

/// An interface of which each operation takes one parameter.
pub(crate) fn face(id: &str, operations: &[(&str, Type)]) -> Face {
    let operations = operations.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect();
    Face { id: id.to_owned(), operations }
}

impl Face {
    pub(crate) fn id(&self) -> InterfaceId {
        self.id.parse().unwrap()
    }

    fn interface(&self) -> Interface {
        let operation = |(name, ty): (&String, &Type)| Operation {
            name: name.clone(),
            kind: OperationKind::of(name),
            report: false,
            personal: false,
            docs: String::new(),
            params: vec![Field::new("value", "", ty.clone())],
            ok: None,
            err: None,
            returns_result: true,
        };
        Interface { id: self.id(), docs: String::new(), operations: self.operations.iter().map(operation).collect() }
    }
}

/// An import of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) face: Face,
    pub(crate) optional: bool,
    pub(crate) elevated: bool,
}

/// A plugin version in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugin {
    pub(crate) name: PluginName,
    pub(crate) version: Version,
    pub(crate) exports: Vec<Face>,
    pub(crate) imports: Vec<Use>,
}

/// A plugin version, `parts@0.1.0`, without exports or imports.
pub(crate) fn plugin(reference: &str) -> Plugin {
    let (name, version) = reference.split_once('@').unwrap();
    let (name, version) = (name.parse().unwrap(), version.parse().unwrap());
    Plugin { name, version, exports: Vec::new(), imports: Vec::new() }
}

impl Plugin {
    pub(crate) fn exports(mut self, id: &str, operations: &[(&str, Type)]) -> Self {
        self.exports.push(face(id, operations));
        self
    }

    pub(crate) fn requires(mut self, id: &str, operations: &[(&str, Type)]) -> Self {
        self.imports.push(Use { face: face(id, operations), optional: false, elevated: true });
        self
    }

    pub(crate) fn may_use(mut self, id: &str, operations: &[(&str, Type)]) -> Self {
        self.imports.push(Use { face: face(id, operations), optional: true, elevated: false });
        self
    }

    pub(crate) fn reference(&self) -> ModuleRef {
        ModuleRef { plugin: self.name.clone(), version: self.version.clone() }
    }

    /// Bytes that stand for the component: no test that uses them reads them as one.
    pub(crate) fn bytes(&self) -> Bytes {
        Bytes::from(format!("{self:?}"))
    }

    pub(crate) fn schema(&self) -> Arc<PluginSchema> {
        let text = || Text { en: self.name.to_string(), zh_cn: "插件".to_owned() };
        let request = |import: &Use| ImportRequest {
            interface: import.face.id(),
            optional: import.optional,
            elevated: import.elevated,
            operations: None,
        };
        let manifest = Manifest {
            plugin: About {
                name: self.name.clone(),
                version: self.version.clone(),
                publisher: "acme".to_owned(),
                title: text(),
                description: text(),
            },
            build: None,
            exports: Exports { interfaces: self.exports.iter().map(Face::id).collect() },
            kernel: KernelRequest { interfaces: ["clock".to_owned(), "storage".to_owned()].into() },
            imports: self.imports.iter().map(request).collect(),
            collections: Vec::new(),
            events: Events::default(),
            subscriptions: Vec::new(),
            http: forecourt_schema::HttpRequest::default(),
            links: BTreeMap::new(),
            cron: Vec::new(),
            jobs: Vec::new(),
            roles: BTreeMap::new(),
            powers: BTreeMap::new(),
        };
        let import = |import: &Use| Import::Area { interface: import.face.interface(), optional: import.optional };
        Arc::new(PluginSchema {
            manifest,
            exports: self.exports.iter().map(Face::interface).collect(),
            hooks: Vec::new(),
            imports: self.imports.iter().map(import).collect(),
            collections: Vec::new(),
            topics: Vec::new(),
            labels: Labels::default(),
            warnings: Vec::new(),
        })
    }
}

pub(crate) fn area(name: &str) -> Area {
    Area::new(name).unwrap()
}

pub(crate) fn user(name: &str) -> Publisher {
    Publisher::User(UserId::new(name).unwrap())
}

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_768_032_000_000);

/// A registry over an engine in memory, and one group in it.
pub(crate) struct Desk {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) registry: Registry,
    pub(crate) group: GroupId,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { engine: MemoryEngine::new(), registry: Registry::new(), group: GroupId::new("north").unwrap() }
    }

    pub(crate) fn begin(&self) -> Transaction {
        Transaction::begin(&self.engine, Some(self.group.clone()), Mode::ReadWrite).unwrap()
    }

    /// The group, for an empty name, or a store.
    pub(crate) fn scope(&self, store: &str) -> Scope {
        let store = (!store.is_empty()).then(|| StoreId::new(store).unwrap());
        Scope { group: self.group.clone(), store }
    }

    /// Publishes a plugin and grants all that it requests.
    pub(crate) async fn offer(&self, plugin: &Plugin) {
        let mut tx = self.begin();
        let (bytes, schema) = (plugin.bytes(), plugin.schema());
        self.registry.publish(&mut tx, &self.group, &user("wang"), &bytes, &schema, NOW).await.unwrap();
        let all = Approval::AllRequested;
        self.registry.grant(&mut tx, &self.group, &plugin.name, &plugin.version, &all).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn enable(&self, store: &str, name: &str, plugin: &Plugin) -> Result<Enabled, RegistryError> {
        let mut tx = self.begin();
        let scope = self.scope(store);
        let enabled = self.registry.enable(&mut tx, &scope, &area(name), &plugin.name, &plugin.version).await?;
        tx.commit().await.unwrap();
        Ok(enabled)
    }

    pub(crate) async fn disable(&self, store: &str, name: &str, force: bool) -> Result<Disabled, RegistryError> {
        let mut tx = self.begin();
        let disabled = self.registry.disable(&mut tx, &self.scope(store), &area(name), force).await?;
        tx.commit().await.unwrap();
        Ok(disabled)
    }

    /// What serves in a scope, each as `area plugin@version`, with `*` where it is the group's.
    pub(crate) async fn serving(&self, store: &str) -> BTreeSet<String> {
        let mut tx = self.begin();
        let modules = self.registry.modules(&mut tx, &self.scope(store)).await.unwrap();
        let text = |group_wide| if group_wide { "*" } else { "" };
        modules.iter().map(|info| format!("{} {}{}", info.area, info.module, text(info.group_wide))).collect()
    }
}
