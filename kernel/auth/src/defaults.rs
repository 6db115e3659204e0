//! What a plugin's manifest gives to roles by default, added when a group approves the plugin's grant.
//!
//! INVARIANT (removed-stays-removed): each pair of an operation or power and a role is added once for a plugin. What an admin then takes away is
//! not added again by a later version.

use std::collections::{BTreeMap, BTreeSet};

use forecourt_base::{GroupId, OperationPath, PluginName, RoleName};
use forecourt_storage::Transaction;
use serde::{Deserialize, Serialize};

use crate::Auth;
use crate::error::AuthError;
use crate::role::{self, Grant, Role, check_power};
use crate::{space, version};

#[cfg(test)]
mod tests;

/// The pairs that were added for one plugin before.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Added {
    /// `area/interface/operation role`.
    operations: BTreeSet<String>,
    /// `area.power role`.
    powers: BTreeSet<String>,
}

/// What is new for one role.
#[derive(Debug, Default)]
struct Additions {
    grants: Vec<Grant>,
    powers: Vec<String>,
}

impl Added {
    /// Notes the pairs that were not added before, and gives them by role.
    fn take_new<'d>(
        &mut self,
        defaults: &'d [(OperationPath, Vec<RoleName>)],
        powers: &'d [(String, Vec<RoleName>)],
    ) -> BTreeMap<&'d RoleName, Additions> {
        let mut new: BTreeMap<&RoleName, Additions> = BTreeMap::new();
        for (operation, roles) in defaults {
            for role in roles {
                if self.operations.insert(format!("{operation} {role}")) {
                    new.entry(role).or_default().grants.push(Grant::operation(operation));
                }
            }
        }
        for (power, roles) in powers {
            for role in roles {
                if self.powers.insert(format!("{power} {role}")) {
                    new.entry(role).or_default().powers.push(power.clone());
                }
            }
        }
        new
    }
}

impl Role {
    /// Adds what the role does not have yet; says whether that was anything.
    fn extend(&mut self, additions: Additions) -> bool {
        let before = (self.grants.len(), self.powers.len());
        for grant in additions.grants {
            if !self.grants.contains(&grant) {
                self.grants.push(grant);
            }
        }
        for power in additions.powers {
            if !self.powers.contains(&power) {
                self.powers.push(power);
            }
        }
        before != (self.grants.len(), self.powers.len())
    }
}

impl Auth {
    /// Adds, within `tx`, what `plugin`'s manifest gives to the group's roles and was never added for this plugin before. The roles `group-admin`
    /// and `auditor` have their rights from the kernel and stay as they are. The caller has checked the right to approve and audits it.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] for a role that the group does not have, [`AuthError::Invalid`] for a power that is no name, [`AuthError::Storage`].
    pub async fn apply_role_defaults(
        &self,
        tx: &mut Transaction,
        group: &GroupId,
        plugin: &PluginName,
        defaults: &[(OperationPath, Vec<RoleName>)],
        powers: &[(String, Vec<RoleName>)],
    ) -> Result<(), AuthError> {
        powers.iter().try_for_each(|(power, _)| check_power(power))?;
        let (applied, roles) = (space::role_defaults(group)?, space::roles(group)?);
        let key = plugin.as_str().as_bytes();
        let mut added: Added = tx.get_json(&applied, key).await?.unwrap_or_default();
        let new = added.take_new(defaults, powers);
        if new.is_empty() {
            return Ok(());
        }
        let mut changed = false;
        for (name, additions) in new {
            let stored: Option<Role> = tx.get_json(&roles, name.as_str().as_bytes()).await?;
            let mut role = stored.ok_or_else(|| AuthError::unknown("role", name))?;
            if !role::fixed(name) && role.extend(additions) {
                tx.put_json(&roles, name.as_str().as_bytes(), &role, Vec::new()).await?;
                changed = true;
            }
        }
        tx.put_json(&applied, key, &added, Vec::new()).await?;
        if changed {
            version::renew(tx, &self.spaces, Some(group), self.random.as_ref()).await?;
        }
        Ok(())
    }
}
