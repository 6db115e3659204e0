//! Roles of a group and what they grant.

use forecourt_base::{Bilingual, GroupId, RoleName, Scope};

use super::{Acting, What, rules};
use crate::error::AuthError;
use crate::page::{self, List, Page, PageRequest};
use crate::record::Names;
use crate::role::{DEPLOYMENT_ADMIN, Grant, Role, check_power};
use crate::{Auth, role, space, version};

/// Grants, or powers, of one role.
const ROLE_GRANTS_MAX: usize = 4_096;

/// Grants and powers in their canonical form, sorted, each once.
fn checked(grants: &[Grant], powers: &[String]) -> Result<(Vec<Grant>, Vec<String>), AuthError> {
    for (field, length) in [("grants", grants.len()), ("powers", powers.len())] {
        if length > ROLE_GRANTS_MAX {
            let (en, zh) = (format!("must be at most {ROLE_GRANTS_MAX}"), format!("最多 {ROLE_GRANTS_MAX} 项"));
            return Err(AuthError::invalid(field, Bilingual::made(en, zh)));
        }
    }
    let mut grants = grants.iter().map(Grant::checked).collect::<Result<Vec<_>, _>>()?;
    powers.iter().try_for_each(|power| check_power(power))?;
    let mut powers = powers.to_vec();
    grants.sort_unstable();
    grants.dedup();
    powers.sort_unstable();
    powers.dedup();
    Ok((grants, powers))
}

impl Auth {
    /// Makes a role of the group's own. Needs [`AdminRight::Administer`](crate::AdminRight).
    ///
    /// # Errors
    /// [`AuthError::Exists`], [`AuthError::ReservedRole`], [`AuthError::Invalid`], and those of every action.
    pub async fn create_role(
        &self,
        acting: Acting<'_>,
        group: &GroupId,
        name: &RoleName,
        names: &Names,
    ) -> Result<Role, AuthError> {
        let scope = Scope::group(group.clone());
        administer!(self, acting, What::administering("create-role", Some(&scope)), |tx, trail, _now| {
            if name.as_str() == DEPLOYMENT_ADMIN {
                return Err(AuthError::ReservedRole { role: name.clone() });
            }
            let roles = space::roles(group)?;
            if tx.get(&roles, name.as_str().as_bytes()).await?.is_some() {
                return Err(AuthError::exists("role", name));
            }
            let (names, grants, powers) = (rules::names(names)?, Vec::new(), Vec::new());
            let role = Role { name: name.clone(), names, built_in: false, grants, powers };
            trail.put(tx, &roles, name.as_str(), &role, Vec::new()).await?;
            version::renew(tx, &self.spaces, Some(group), self.random.as_ref()).await?;
            Ok(role)
        })
    }

    /// The group's roles with their grants. Needs [`AdminRight::ReadAudit`](crate::AdminRight).
    ///
    /// # Errors
    /// Those of every action.
    pub async fn list_roles(
        &self,
        acting: Acting<'_>,
        group: &GroupId,
        page: &PageRequest,
    ) -> Result<Page<Role>, AuthError> {
        let scope = Scope::group(group.clone());
        let what = What::reading("list-roles", Some(&scope));
        inspect!(self, acting, what, |tx| { page::list(tx, &space::roles(group)?, List::Roles, page).await })
    }

    /// Replaces what a role grants, at once for everyone who holds it. Needs [`AdminRight::Administer`](crate::AdminRight).
    ///
    /// # Errors
    /// [`AuthError::Unknown`], [`AuthError::FixedRole`] for `group-admin` and `auditor`, [`AuthError::Invalid`], and those of every action.
    pub async fn set_role_grants(
        &self,
        acting: Acting<'_>,
        group: &GroupId,
        name: &RoleName,
        grants: &[Grant],
        powers: &[String],
    ) -> Result<Role, AuthError> {
        let scope = Scope::group(group.clone());
        administer!(self, acting, What::administering("set-role-grants", Some(&scope)), |tx, trail, _now| {
            if role::fixed(name) {
                return Err(AuthError::FixedRole { role: name.clone() });
            }
            let roles = space::roles(group)?;
            let stored: Option<Role> = tx.get_json(&roles, name.as_str().as_bytes()).await?;
            let mut role = stored.ok_or_else(|| AuthError::unknown("role", name))?;
            (role.grants, role.powers) = checked(grants, powers)?;
            trail.put(tx, &roles, name.as_str(), &role, Vec::new()).await?;
            trail.note(format!("{} grants, {} powers", role.grants.len(), role.powers.len()));
            version::renew(tx, &self.spaces, Some(group), self.random.as_ref()).await?;
            Ok(role)
        })
    }
}
