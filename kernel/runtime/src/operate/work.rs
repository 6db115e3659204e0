//! What is done or read in one authorised transaction. Values, not closures: their futures are known to be `Send`.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use forecourt_auth::{AuthError, Principal};
use forecourt_base::{Area, GroupId, OperationPath, PluginName, Scope};
use forecourt_bus::{Event, Page, Start};
use forecourt_registry::{
    Approval, Disabled, Enabled, Generation, Granted, ModuleInfo, PluginInfo, Published, Publisher,
};
use forecourt_schema::{OperationKind, PluginSchema, StartRequest};
use forecourt_storage::Transaction;
use semver::Version;

use crate::KernelError;
use crate::kernel::Kernel;

/// One unit of work. It may run several times, so it does nothing but through its transaction.
pub(crate) trait Work: Sync {
    type Output: Send;

    fn run(
        &self,
        kernel: &Kernel,
        transaction: &mut Transaction,
    ) -> impl Future<Output = Result<Self::Output, KernelError>> + Send;

    /// What the audit line adds to the action's name; ids only.
    fn note(&self, _done: &Self::Output) -> String {
        String::new()
    }
}

pub(super) struct Publish<'a> {
    pub(super) group: &'a GroupId,
    pub(super) publisher: &'a Publisher,
    pub(super) bytes: &'a Bytes,
    pub(super) schema: &'a Arc<PluginSchema>,
}

impl Work for Publish<'_> {
    type Output = Published;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Published, KernelError> {
        let Self { group, publisher, bytes, schema } = self;
        Ok(kernel.registry().publish(transaction, group, publisher, bytes, schema, kernel.clock().now()).await?)
    }

    fn note(&self, done: &Published) -> String {
        format!("{}@{}", done.name, done.version)
    }
}

/// Publishes a bundled plugin and grants it.
pub(super) struct Offer<'a> {
    pub(super) group: &'a GroupId,
    pub(super) bytes: &'a Bytes,
    pub(super) schema: &'a Arc<PluginSchema>,
}

impl Work for Offer<'_> {
    type Output = Published;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Published, KernelError> {
        let Self { group, bytes, schema } = self;
        let now = kernel.clock().now();
        let published = kernel.registry().offer_bundled(transaction, group, bytes, schema, now).await?;
        take_over_roles(kernel, transaction, group, schema).await?;
        Ok(published)
    }
}

pub(super) struct Grant<'a> {
    pub(super) group: &'a GroupId,
    pub(super) name: &'a PluginName,
    pub(super) version: &'a Version,
    pub(super) approval: &'a Approval,
}

impl Work for Grant<'_> {
    type Output = Granted;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Granted, KernelError> {
        let Self { group, name, version, approval } = self;
        let granted = kernel.registry().grant(transaction, group, name, version, approval).await?;
        let schema = kernel.registry().schema(transaction, &granted.sha256).await?;
        take_over_roles(kernel, transaction, group, &schema).await?;
        subscribe(kernel, transaction, group).await?;
        Ok(granted)
    }

    fn note(&self, _: &Granted) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// Finds a published version with its schema.
pub(super) struct Find<'a> {
    pub(super) group: &'a GroupId,
    pub(super) name: &'a PluginName,
    pub(super) version: &'a Version,
}

impl Work for Find<'_> {
    type Output = ([u8; 32], Arc<PluginSchema>);

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Self::Output, KernelError> {
        let found = kernel.registry().version(transaction, self.group, self.name, self.version).await?;
        let schema = kernel.registry().schema(transaction, &found.sha256).await?;
        Ok((found.sha256, schema))
    }
}

pub(super) struct Enable<'a> {
    pub(super) scope: &'a Scope,
    pub(super) area: &'a Area,
    pub(super) name: &'a PluginName,
    pub(super) version: &'a Version,
}

impl Work for Enable<'_> {
    type Output = Enabled;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Enabled, KernelError> {
        let Self { scope, area, name, version } = self;
        let enabled = kernel.registry().enable(transaction, scope, area, name, version).await?;
        subscribe(kernel, transaction, &scope.group).await?;
        Ok(enabled)
    }

    fn note(&self, done: &Enabled) -> String {
        let previous = done.previous.as_ref().map(|previous| format!(" instead of {previous}")).unwrap_or_default();
        format!("{} {}@{}{previous}", self.area, self.name, self.version)
    }
}

pub(super) struct Disable<'a> {
    pub(super) scope: &'a Scope,
    pub(super) area: &'a Area,
    pub(super) force: bool,
}

impl Work for Disable<'_> {
    type Output = Disabled;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Disabled, KernelError> {
        let disabled = kernel.registry().disable(transaction, self.scope, self.area, self.force).await?;
        subscribe(kernel, transaction, &self.scope.group).await?;
        Ok(disabled)
    }

    fn note(&self, done: &Disabled) -> String {
        format!("{} {}", self.area, done.previous)
    }
}

/// Only the authorisation itself.
pub(crate) struct Nothing;

impl Work for Nothing {
    type Output = ();

    async fn run(&self, _: &Kernel, _: &mut Transaction) -> Result<(), KernelError> {
        Ok(())
    }
}

pub(super) struct Plugins<'a>(pub(super) &'a GroupId);

impl Work for Plugins<'_> {
    type Output = Vec<PluginInfo>;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Self::Output, KernelError> {
        Ok(kernel.registry().plugins(transaction, self.0).await?)
    }
}

pub(super) struct Modules<'a>(pub(super) &'a Scope);

impl Work for Modules<'_> {
    type Output = Vec<ModuleInfo>;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Self::Output, KernelError> {
        Ok(kernel.registry().modules(transaction, self.0).await?)
    }
}

pub(super) struct Routing<'a>(pub(super) &'a Scope);

impl Work for Routing<'_> {
    type Output = Arc<Generation>;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Self::Output, KernelError> {
        Ok(kernel.registry().generation(transaction, &self.0.group).await?)
    }
}

pub(super) struct Events<'a> {
    pub(super) principal: &'a Principal,
    pub(super) scope: &'a Scope,
    pub(super) topics: &'a [String],
    pub(super) after: Option<&'a str>,
    pub(super) limit: usize,
}

impl Work for Events<'_> {
    type Output = Page;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Page, KernelError> {
        let policy = kernel.auth().policy(transaction, &self.scope.group).await?;
        let generation = kernel.registry().generation(transaction, &self.scope.group).await?;
        let reads = |area: &Area| {
            let module = generation.provider(self.scope.store.as_ref(), area);
            let queries = module.map(|module| queries(&module.schema, area)).unwrap_or_default();
            queries.iter().any(|path| policy.decide(self.principal, path, false, self.scope).is_allowed())
        };
        let mut page = forecourt_bus::page(transaction, self.scope, self.topics, self.after, self.limit).await?;
        page.items.retain(|placed| {
            let Event { topic, plugin, .. } = &placed.event;
            match topic.split('.').next() {
                // What the kernel tells a plugin of is for those who may read something of the plugin's.
                Some("kernel") => {
                    let module = generation.active(self.scope.store.as_ref(), plugin);
                    module.is_some_and(|module| module.schema.areas().iter().any(reads))
                }
                area => area.and_then(|area| Area::new(area).ok()).is_some_and(|area| reads(&area)),
            }
        });
        Ok(page)
    }
}

/// The queries of an area that a plugin exports.
fn queries(schema: &PluginSchema, area: &Area) -> Vec<OperationPath> {
    let interfaces = schema.exports.iter().filter(|interface| interface.id.area().as_ref() == Some(area));
    let paths = interfaces.flat_map(|interface| {
        let queries = interface.operations.iter().filter(|operation| operation.kind == OperationKind::Query);
        queries.filter_map(|query| OperationPath::new(area.as_str(), &interface.id.interface, &query.name).ok())
    });
    paths.collect()
}

/// Brings the subscriptions of a group's plugins in line with what is enabled and granted after a change of either.
async fn subscribe(kernel: &Kernel, transaction: &mut Transaction, group: &GroupId) -> Result<(), KernelError> {
    let generation = kernel.registry().generation(transaction, group).await?;
    let policy = kernel.auth().policy(transaction, group).await?;
    let stores = policy.stores().map(|store| Scope::store(group.clone(), store.id.clone()));
    for scope in std::iter::once(Scope::group(group.clone())).chain(stores) {
        for module in generation.at_work(scope.store.as_ref()) {
            let asked = module.schema.manifest.subscribed().into_iter();
            let granted = asked.filter(|(topic, _)| module.grant.subscriptions.contains(*topic));
            let topics: BTreeMap<&str, Start> = granted
                .map(|(topic, start)| match start {
                    StartRequest::Now => (topic, Start::Now),
                    StartRequest::Start => (topic, Start::Oldest),
                })
                .collect();
            if !topics.is_empty() {
                forecourt_bus::subscribe(transaction, &scope, &module.plugin, &topics).await?;
            }
        }
    }
    Ok(())
}

async fn take_over_roles(
    kernel: &Kernel,
    transaction: &mut Transaction,
    group: &GroupId,
    schema: &PluginSchema,
) -> Result<(), AuthError> {
    let powers = &schema.manifest.powers;
    let powers: Vec<_> = powers.iter().map(|(name, power)| (name.clone(), power.roles.clone())).collect();
    let plugin = &schema.manifest.plugin.name;
    kernel.auth().apply_role_defaults(transaction, group, plugin, &schema.role_defaults(), &powers).await
}
