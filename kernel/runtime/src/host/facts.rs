//! What a call knows without asking storage: who calls, when, and what is enabled.

use forecourt_auth::Origin as AuthOrigin;
use forecourt_base::Area;
use jiff::Timestamp;

use crate::bindings::forecourt::kernel::{clock, identity, modules};
use crate::error::Abort;
use crate::schedule;
use crate::state::CallState;
use crate::tree::Tree;

impl identity::Host for CallState {
    async fn caller(&mut self) -> wasmtime::Result<identity::Principal> {
        let tree = self.enter("identity")?;
        let principal = &tree.origin.principal;
        let origin = match &principal.origin {
            AuthOrigin::User => identity::Origin::User,
            AuthOrigin::Link => identity::Origin::Link,
            AuthOrigin::Plugin(_) => identity::Origin::Plugin,
        };
        let roles = tree.policy.roles_in(principal, &tree.origin.scope);
        Ok(identity::Principal {
            id: principal.user.to_string(),
            name: principal.name.clone(),
            roles: roles.into_iter().map(|role| role.to_string()).collect(),
            departments: principal.departments.clone(),
            origin,
        })
    }

    async fn link(&mut self) -> wasmtime::Result<Option<identity::CustomerLink>> {
        let link = self.enter("identity")?.origin.principal.link.as_deref();
        Ok(link.map(|link| identity::CustomerLink {
            id: link.id.clone(),
            customer: link.customer.clone(),
            record: link.record.clone(),
        }))
    }

    async fn store(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.enter("identity")?.origin.scope.store.as_ref().map(ToString::to_string))
    }

    async fn group(&mut self) -> wasmtime::Result<String> {
        Ok(self.enter("identity")?.origin.scope.group.to_string())
    }

    async fn may(&mut self, power: String) -> wasmtime::Result<bool> {
        self.enter("identity")?;
        if !self.module.schema.manifest.powers.contains_key(&power) {
            return Err(self.misuse(format!("power `{power}` is not in its manifest")).into());
        }
        let tree = self.tree()?;
        Ok(tree.policy.may(&tree.origin.principal, &power, &tree.origin.scope))
    }
}

fn started(tree: &Tree) -> Result<Timestamp, Abort> {
    Timestamp::from_millisecond(tree.origin.started.as_millis())
        .map_err(|error| Abort::Internal(format!("the clock is out of range: {error}")))
}

impl clock::Host for CallState {
    async fn now(&mut self) -> wasmtime::Result<String> {
        Ok(self.enter("clock")?.origin.started.to_rfc3339())
    }

    async fn unix_millis(&mut self) -> wasmtime::Result<i64> {
        Ok(self.enter("clock")?.origin.started.as_millis())
    }

    async fn today(&mut self) -> wasmtime::Result<String> {
        let tree = self.enter("clock")?;
        let zone = schedule::zone(&tree.policy, tree.origin.scope.store.as_ref()).map_err(Abort::Internal)?;
        Ok(started(tree)?.to_zoned(zone).date().to_string())
    }
}

impl modules::Host for CallState {
    async fn enabled(&mut self, interface: String) -> wasmtime::Result<bool> {
        let tree = self.enter("modules")?;
        let name = interface.split('@').next().unwrap_or_default();
        let Some((package, interface)) = name.split_once('/') else { return Ok(false) };
        let Some(area) = package.strip_prefix("forecourt:").and_then(|area| Area::new(area).ok()) else {
            return Ok(false);
        };
        let provider = tree.generation.provider(tree.origin.scope.store.as_ref(), &area);
        Ok(provider.is_some_and(|module| module.schema.exports.iter().any(|export| export.id.interface == interface)))
    }
}
