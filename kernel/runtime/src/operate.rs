//! What operators do: publish, grant, enable, swap, disable, and look. Each is authorised, done and audited in one transaction.

mod deliveries;
mod jobs;
mod work;

use std::sync::Arc;

use bytes::Bytes;
use forecourt_auth::audit::{AuditEntry, Outcome};
use forecourt_auth::{AdminRight, AuthError, Decision, Principal};
use forecourt_base::{Area, GroupId, PluginName, Scope};
use forecourt_bus::Page;
use forecourt_registry::{
    Approval, Disabled, Enabled, Granted, ModuleInfo, PluginInfo, Published, Publisher, RegistryError,
};
use forecourt_schema::{PluginSchema, read_component};
use forecourt_storage::{Attempts, Mode, Transaction};
use semver::Version;
use serde_json::Value;
use sha2::{Digest, Sha256};
pub(crate) use work::{Nothing, Work};

pub use deliveries::SubscriptionInfo;
pub use jobs::JobStart;

use crate::KernelError;
use crate::audit;
use crate::kernel::Kernel;

/// On whose behalf, and by which request, an operator's action runs.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    /// Who acts.
    pub principal: &'a Arc<Principal>,
    /// Names the request in audit and logs.
    pub request_id: &'a str,
}

impl Kernel {
    /// Publishes a component into a group: its schema is read and verified, it is compiled with limits and linked, and only then
    /// stored. The same bytes again change nothing.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to operate; `Schema`, `Compile` or `Engine` with what is wrong with the component;
    /// `Registry` when the name or version is taken; `Full` when too many such actions run.
    pub async fn publish(&self, by: Acting<'_>, group: &GroupId, bytes: Bytes) -> Result<Published, KernelError> {
        let scope = Scope::group(group.clone());
        self.looking(by, AdminRight::Operate, &scope, "publish", work::Nothing).await?;
        let _permit = self.admission().maintenance().await?;
        let schema = self.examine(&bytes).await?;
        let publisher = &Publisher::User(by.principal.user.clone());
        let publish = work::Publish { group, publisher, bytes: &bytes, schema: &schema };
        self.acting(by, &scope, "publish", publish).await
    }

    /// Approves what a version requests, whole or in part, and takes over its default roles and powers.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to operate; `Registry` for an unknown version or an approval beyond the request; `Full`
    /// when too many such actions run.
    pub async fn grant(
        &self,
        by: Acting<'_>,
        group: &GroupId,
        name: &PluginName,
        version: &Version,
        approval: &Approval,
    ) -> Result<Granted, KernelError> {
        let scope = Scope::group(group.clone());
        self.looking(by, AdminRight::Operate, &scope, "grant", work::Nothing).await?;
        let _permit = self.admission().maintenance().await?;
        let granted = self.acting(by, &scope, "grant", work::Grant { group, name, version, approval }).await?;
        self.look_again(group).await;
        Ok(granted)
    }

    /// Lets a granted version serve an area. It is compiled and loaded before the routing generation is replaced, so that no call waits.
    /// Where the plugin was suspended, it no longer is.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to operate; `Registry` with who needs what; `Full` when too many such actions run.
    pub async fn enable(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        area: &Area,
        name: &PluginName,
        version: &Version,
    ) -> Result<Enabled, KernelError> {
        let find = work::Find { group: &scope.group, name, version };
        let (sha256, schema) = self.looking(by, AdminRight::Operate, scope, "enable", find).await?;
        let _permit = self.admission().maintenance().await?;
        self.load_version(&sha256, &schema).await?;
        let enabled = self.acting(by, scope, "enable", work::Enable { scope, area, name, version }).await?;
        self.suspensions().begin_anew(scope, name);
        self.look_again(&scope.group).await;
        self.layout_changed(&scope.group).await;
        Ok(enabled)
    }

    /// Takes an area's module out of service; its data stay.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to operate; `Registry` when others require it and `force` is not set.
    pub async fn disable(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        area: &Area,
        force: bool,
    ) -> Result<Disabled, KernelError> {
        let disabled = self.acting(by, scope, "disable", work::Disable { scope, area, force }).await?;
        self.look_again(&scope.group).await;
        self.layout_changed(&scope.group).await;
        Ok(disabled)
    }

    /// What subscribes in a group may have changed: every subscription gets a turn.
    async fn look_again(&self, group: &GroupId) {
        match self.scopes_of(group).await {
            Ok(scopes) => self.dispatcher().look(scopes),
            Err(error) => tracing::error!(%group, %error, "subscriptions are looked at when events come"),
        }
    }

    /// A group's plugins with their versions and grants.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to operate.
    pub async fn plugins(&self, by: Acting<'_>, group: &GroupId) -> Result<Vec<PluginInfo>, KernelError> {
        let scope = Scope::group(group.clone());
        self.looking(by, AdminRight::Operate, &scope, "list-plugins", work::Plugins(group)).await
    }

    /// What serves in a scope; for its members.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` for others.
    pub async fn modules(&self, by: Acting<'_>, scope: &Scope) -> Result<Vec<ModuleInfo>, KernelError> {
        self.looking(by, AdminRight::Belong, scope, "list-modules", work::Modules(scope)).await
    }

    /// OpenAPI 3.1 of what is enabled in a scope; for its members.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` for others.
    pub async fn openapi(&self, by: Acting<'_>, scope: &Scope, language: &str) -> Result<Value, KernelError> {
        let generation = self.looking(by, AdminRight::Belong, scope, "openapi", work::Routing(scope)).await?;
        let prefix = match &scope.store {
            Some(store) => format!("/v1/stores/{store}"),
            None => format!("/v1/groups/{}", scope.group),
        };
        let serving = generation.serving(scope.store.as_ref());
        let schemas: Vec<&PluginSchema> = serving.iter().map(|(_, module)| &*module.schema).collect();
        Ok(forecourt_schema::openapi(&format!("Forecourt {scope}"), &prefix, &schemas, language))
    }

    /// Events of a scope in the order of commits, of those areas alone of which the principal may read something.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` for those outside the scope; `Events` for a cursor that is none.
    pub async fn events(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        topics: &[String],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, KernelError> {
        let events = work::Events { principal: by.principal, scope, topics, after, limit };
        self.looking(by, AdminRight::Belong, scope, "events", events).await
    }

    /// Publishes and grants the plugins that come with the kernel in a group, under the deployment's name. Enables nothing. One whose
    /// name the group gave to another publisher, or whose version is there with other content, is left out with a warning.
    ///
    /// # Errors
    /// [`KernelError`] when a component is refused or storage fails.
    pub async fn offer_bundled(&self, group: &GroupId, components: &[Bytes]) -> Result<Vec<Published>, KernelError> {
        let mut offered = Vec::with_capacity(components.len());
        for bytes in components {
            let schema = self.examine(bytes).await?;
            let offer = work::Offer { group, bytes, schema: &schema };
            match self.offer(offer, group).await {
                Ok(published) => offered.push(published),
                Err(KernelError::Registry(
                    error @ (RegistryError::VersionTaken { .. } | RegistryError::NameTaken { .. }),
                )) => tracing::warn!(%group, %error, "a bundled plugin is not offered"),
                Err(error) => return Err(error),
            }
        }
        Ok(offered)
    }

    async fn offer(&self, offer: work::Offer<'_>, group: &GroupId) -> Result<Published, KernelError> {
        let mut attempts = Attempts::new(self.storage(), Some(group), self.random());
        loop {
            let mut transaction = attempts.begin().await?;
            let result = offer.run(self, &mut transaction).await;
            if let Some(published) = attempts.end(transaction, result).await? {
                return Ok(published);
            }
        }
    }

    /// Reads, compiles and links a component, storing nothing of it but its compiled form.
    async fn examine(&self, bytes: &Bytes) -> Result<Arc<PluginSchema>, KernelError> {
        let read = bytes.clone();
        let schema = tokio::task::spawn_blocking(move || read_component(&read)).await;
        let schema = Arc::new(schema.map_err(|error| KernelError::Engine(error.to_string()))??);
        self.try_component(&Sha256::digest(bytes).into(), bytes, &schema).await?;
        Ok(schema)
    }

    /// Authorises, acts and audits in one transaction; a refusal is counted for the audit.
    pub(crate) async fn acting<W: Work>(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        action: &str,
        work: W,
    ) -> Result<W::Output, KernelError> {
        self.acting_with(by, AdminRight::Operate, scope, action, work).await
    }

    /// The same for members of the scope, whose rights the work checks itself.
    pub(crate) async fn acting_in<W: Work>(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        action: &str,
        work: W,
    ) -> Result<W::Output, KernelError> {
        self.acting_with(by, AdminRight::Belong, scope, action, work).await
    }

    /// Reads for members of the scope.
    pub(crate) async fn looking_in<W: Work>(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        action: &str,
        work: W,
    ) -> Result<W::Output, KernelError> {
        self.looking(by, AdminRight::Belong, scope, action, work).await
    }

    /// The same with another right than to operate.
    pub(crate) async fn acting_with<W: Work>(
        &self,
        by: Acting<'_>,
        right: AdminRight,
        scope: &Scope,
        action: &str,
        work: W,
    ) -> Result<W::Output, KernelError> {
        let mut attempts = Attempts::new(self.storage(), Some(&scope.group), self.random());
        let result = loop {
            let mut transaction = attempts.begin().await?;
            let result = self.act(&mut transaction, by, right, scope, action, &work).await;
            match attempts.end(transaction, result).await {
                Ok(None) => {}
                Ok(Some(value)) => break Ok(value),
                Err(error) => break Err(error),
            }
        };
        self.audit_refusal(by, scope, action, &result).await;
        result
    }

    async fn act<W: Work>(
        &self,
        transaction: &mut Transaction,
        by: Acting<'_>,
        right: AdminRight,
        scope: &Scope,
        action: &str,
        work: &W,
    ) -> Result<W::Output, KernelError> {
        self.authorise(transaction, by.principal, right, scope).await?;
        let value = work.run(self, transaction).await?;
        let mut entry = self.entry(by, scope, action, Outcome::Done);
        entry.note = work.note(&value);
        forecourt_auth::audit::append(transaction, &entry).await?;
        Ok(value)
    }

    /// Authorises and reads in one consistent state; a refusal is audited.
    pub(crate) async fn looking<W: Work>(
        &self,
        by: Acting<'_>,
        right: AdminRight,
        scope: &Scope,
        action: &str,
        work: W,
    ) -> Result<W::Output, KernelError> {
        let result = loop {
            let mut transaction = Transaction::begin(self.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
            let result = match self.authorise(&mut transaction, by.principal, right, scope).await {
                Ok(()) => work.run(self, &mut transaction).await,
                Err(error) => Err(error.into()),
            };
            if !transaction.conflicted() {
                break result;
            }
            tokio::task::yield_now().await;
        };
        self.audit_refusal(by, scope, action, &result).await;
        result
    }

    /// `Belong` is to the scope here: a user of one store does not look into another.
    async fn authorise(
        &self,
        transaction: &mut Transaction,
        principal: &Principal,
        right: AdminRight,
        scope: &Scope,
    ) -> Result<(), AuthError> {
        self.auth().authorise(transaction, principal, right, scope).await?;
        match self.auth().policy(transaction, &scope.group).await?.member(principal, scope) {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => {
                Err(AuthError::Denied { right: right.name().to_owned(), scope: scope.to_string(), reason })
            }
        }
    }

    async fn audit_refusal<T>(&self, by: Acting<'_>, scope: &Scope, action: &str, result: &Result<T, KernelError>) {
        let outcome = match result {
            Err(KernelError::Auth(AuthError::Denied { reason, .. })) => Outcome::Denied(reason.code().to_owned()),
            Err(KernelError::Auth(error)) if error.is_unauthenticated() => Outcome::Denied(error.case().to_owned()),
            Err(KernelError::Registry(error)) if !matches!(error, RegistryError::Storage(_)) => {
                Outcome::Failed(error.to_string())
            }
            _ => return,
        };
        audit::append_alone(self, self.entry(by, scope, action, outcome)).await;
    }

    fn entry(&self, by: Acting<'_>, scope: &Scope, action: &str, outcome: Outcome) -> AuditEntry {
        audit::entry(self.clock().now(), by.principal, scope, action, outcome, by.request_id)
    }
}
