//! The one place where leave to call is decided: sets compiled from a group's roles.
//!
//! INVARIANT (deny-by-default): what no grant allows is refused, and membership in the group and the store comes before any grant.

use std::collections::{HashMap, HashSet};

use forecourt_base::{Area, GroupId, OperationPath, RoleName, Scope, StoreId};

use crate::error::DenyReason;
use crate::principal::{Principal, covers};
use crate::record::Store;
use crate::role::{self, Grant, Kind, Role};

#[cfg(test)]
mod tests;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The call may go on.
    Allow,
    /// It may not.
    Deny(DenyReason),
}

impl Decision {
    /// Whether the call may go on.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        self == Self::Allow
    }
}

/// A set of kinds: queries, commands, both or neither.
#[derive(Debug, Clone, Copy, Default)]
struct Kinds(u8);

impl Kinds {
    const QUERIES: Self = Self(1);
    const COMMANDS: Self = Self(2);
    const BOTH: Self = Self(3);

    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Query => Self::QUERIES,
            Kind::Command => Self::COMMANDS,
            Kind::Any => Self::BOTH,
        }
    }

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

#[derive(Debug, Default)]
struct InterfaceGrants {
    whole: Kinds,
    operations: HashMap<String, Kinds>,
}

#[derive(Debug, Default)]
struct AreaGrants {
    whole: Kinds,
    interfaces: HashMap<String, InterfaceGrants>,
}

/// One role's grants, nested by area, interface and operation, so that a look-up borrows the path's parts and allocates nothing.
#[derive(Debug, Default)]
struct RoleGrants {
    whole: Kinds,
    areas: HashMap<Area, AreaGrants>,
    every_power: bool,
    powers: HashSet<String>,
}

impl RoleGrants {
    fn of(role: &Role) -> Self {
        match role.name.as_str() {
            role::GROUP_ADMIN => return Self { whole: Kinds::BOTH, every_power: true, ..Self::default() },
            role::AUDITOR => return Self { whole: Kinds::QUERIES, ..Self::default() },
            _ => {}
        }
        let mut grants = Self { powers: role.powers.iter().cloned().collect(), ..Self::default() };
        for grant in &role.grants {
            grants.add(grant);
        }
        grants
    }

    fn add(&mut self, grant: &Grant) {
        let kinds = Kinds::of(grant.kind);
        let area = self.areas.entry(grant.area.clone()).or_default();
        let Some(interface) = &grant.interface else { return area.whole.add(kinds) };
        let interface = area.interfaces.entry(interface.clone()).or_default();
        let Some(operation) = &grant.operation else { return interface.whole.add(kinds) };
        interface.operations.entry(operation.clone()).or_default().add(kinds);
    }

    fn allows_some_command(&self) -> bool {
        let commands = |kinds: Kinds| kinds.meets(Kinds::COMMANDS);
        let within = |interface: &InterfaceGrants| {
            commands(interface.whole) || interface.operations.values().any(|kinds| commands(*kinds))
        };
        let of_area = |area: &AreaGrants| commands(area.whole) || area.interfaces.values().any(within);
        commands(self.whole) || self.areas.values().any(of_area)
    }

    fn allows(&self, path: &OperationPath, kind: Kinds) -> bool {
        if self.whole.meets(kind) {
            return true;
        }
        let Some(area) = self.areas.get(&path.area) else { return false };
        if area.whole.meets(kind) {
            return true;
        }
        let Some(interface) = area.interfaces.get(path.interface.as_str()) else { return false };
        interface.whole.meets(kind)
            || interface.operations.get(path.operation.as_str()).is_some_and(|kinds| kinds.meets(kind))
    }
}

/// A group's compiled roles and stores, as one version of them stood.
#[derive(Debug)]
pub struct Policy {
    group: GroupId,
    stores: HashMap<StoreId, Store>,
    roles: HashMap<RoleName, RoleGrants>,
}

impl Policy {
    pub(crate) fn compile(group: GroupId, stores: Vec<Store>, roles: &[Role]) -> Self {
        Self {
            group,
            stores: stores.into_iter().map(|store| (store.id.clone(), store)).collect(),
            roles: roles.iter().map(|role| (role.name.clone(), RoleGrants::of(role))).collect(),
        }
    }

    /// The group's store `id`, with its time zone.
    #[must_use]
    pub fn store(&self, id: &StoreId) -> Option<&Store> {
        self.stores.get(id)
    }

    /// The group's stores, in no order.
    pub fn stores(&self) -> impl Iterator<Item = &Store> {
        self.stores.values()
    }

    /// Whether `principal` may call `operation`, a command or a query, in `scope`.
    #[must_use]
    pub fn decide(&self, principal: &Principal, operation: &OperationPath, command: bool, scope: &Scope) -> Decision {
        if let Some(link) = &principal.link {
            let linked = link.operations.iter().any(|of| of.operation == *operation);
            return match self.member(principal, scope) {
                Decision::Allow if !linked => Decision::Deny(DenyReason::NoGrant),
                decision => decision,
            };
        }
        let kind = if command { Kinds::COMMANDS } else { Kinds::QUERIES };
        self.check(principal, scope, |role| role.allows(operation, kind))
    }

    /// Whether `principal` has `power` in `scope`.
    #[must_use]
    pub fn may(&self, principal: &Principal, power: &str, scope: &Scope) -> bool {
        self.check(principal, scope, |role| role.every_power || role.powers.contains(power)).is_allowed()
    }

    /// Whether `principal` belongs to `scope` at all.
    #[must_use]
    pub fn member(&self, principal: &Principal, scope: &Scope) -> Decision {
        match self.check(principal, scope, |_| true) {
            // A role that was taken out of the group still makes its holder a member, without any right.
            Decision::Deny(DenyReason::NoGrant) => Decision::Allow,
            other => other,
        }
    }

    /// Whether `principal` may upload files to `scope`: whoever may run some command there. In a group as a whole, whoever may do so in any of its stores.
    #[must_use]
    pub fn may_upload(&self, principal: &Principal, scope: &Scope) -> Decision {
        self.check_anywhere(principal, scope, RoleGrants::allows_some_command)
    }

    /// Whether `principal` may download the files of `scope`: whoever has a role there. Of a group as a whole, whoever has one in any of its stores.
    #[must_use]
    pub fn may_download(&self, principal: &Principal, scope: &Scope) -> Decision {
        self.check_anywhere(principal, scope, |_| true)
    }

    /// The principal's roles that hold in `scope`, each once. None in another group.
    pub fn roles_in<'p>(&self, principal: &'p Principal, scope: &Scope) -> Vec<&'p RoleName> {
        if !self.same_group(principal, scope) {
            return Vec::new();
        }
        let holding = principal.roles.iter().filter(|(_, at)| covers(at.as_ref(), scope.store.as_ref()));
        let mut roles: Vec<_> = holding.map(|(role, _)| role).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    fn same_group(&self, principal: &Principal, scope: &Scope) -> bool {
        scope.group == self.group && principal.group.as_ref() == Some(&self.group)
    }

    /// As [`Policy::check`]; a role in one store counts for the group as a whole.
    fn check_anywhere(&self, principal: &Principal, scope: &Scope, grants: impl Fn(&RoleGrants) -> bool) -> Decision {
        if scope.store.is_some() || !self.same_group(principal, scope) || principal.roles.is_empty() {
            return self.check(principal, scope, grants);
        }
        let allowed = principal.roles.iter().any(|(role, _)| self.roles.get(role).is_some_and(&grants));
        if allowed { Decision::Allow } else { Decision::Deny(DenyReason::NoGrant) }
    }

    fn check(&self, principal: &Principal, scope: &Scope, grants: impl Fn(&RoleGrants) -> bool) -> Decision {
        if !self.same_group(principal, scope) {
            return Decision::Deny(DenyReason::OtherGroup);
        }
        let store = scope.store.as_ref();
        let known = store.is_none_or(|store| self.stores.contains_key(store));
        let mut reason = DenyReason::NotMember;
        for (role, at) in &principal.roles {
            if !covers(at.as_ref(), store) {
                continue;
            }
            if !known {
                return Decision::Deny(DenyReason::UnknownStore);
            }
            if self.roles.get(role).is_some_and(&grants) {
                return Decision::Allow;
            }
            reason = DenyReason::NoGrant;
        }
        Decision::Deny(reason)
    }
}
