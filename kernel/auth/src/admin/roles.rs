//! Roles of a group and what they grant.

use forecourt_base::{Bilingual, GroupId, RoleName, Scope};

use super::{Acting, What, rules};
use crate::error::AuthError;
use crate::page::{self, List, Page, PageRequest};
use crate::record::{Names, User, UserRecord};
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

fn holds(user: &User, role: &RoleName) -> bool {
    user.roles.iter().any(|given| given.role == *role)
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

    /// One role with its grants and powers. The same right.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] and those of every action.
    pub async fn role(&self, acting: Acting<'_>, group: &GroupId, name: &RoleName) -> Result<Role, AuthError> {
        let scope = Scope::group(group.clone());
        inspect!(self, acting, What::reading("get-role", Some(&scope)), |tx| {
            let role = tx.get_json(&space::roles(group)?, name.as_str().as_bytes()).await?;
            role.ok_or_else(|| AuthError::unknown("role", name))
        })
    }

    /// The users who hold a role somewhere in the group. A page may have fewer than asked for, even none, and still name a next one. The same right.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] and those of every action.
    pub async fn role_holders(
        &self,
        acting: Acting<'_>,
        group: &GroupId,
        name: &RoleName,
        page: &PageRequest,
    ) -> Result<Page<User>, AuthError> {
        let scope = Scope::group(group.clone());
        inspect!(self, acting, What::reading("list-role-holders", Some(&scope)), |tx| {
            if tx.get(&space::roles(group)?, name.as_str().as_bytes()).await?.is_none() {
                return Err(AuthError::unknown("role", name));
            }
            let part = page::list::<UserRecord>(tx, &space::users(Some(group))?, List::Holders, page).await?;
            let held = part.items.into_iter().map(|record| record.user).filter(|user| holds(user, name));
            Ok(Page { items: held.collect(), next: part.next })
        })
    }

    /// Deletes a role of the group's own that nobody holds. Needs [`AdminRight::Administer`](crate::AdminRight).
    ///
    /// # Errors
    /// [`AuthError::Unknown`], [`AuthError::BuiltInRole`], [`AuthError::RoleHeld`], and those of every action.
    pub async fn delete_role(&self, acting: Acting<'_>, group: &GroupId, name: &RoleName) -> Result<(), AuthError> {
        let scope = Scope::group(group.clone());
        administer!(self, acting, What::administering("delete-role", Some(&scope)), |tx, trail, _now| {
            let roles = space::roles(group)?;
            let stored: Option<Role> = tx.get_json(&roles, name.as_str().as_bytes()).await?;
            let role = stored.ok_or_else(|| AuthError::unknown("role", name))?;
            if role.built_in {
                return Err(AuthError::BuiltInRole { role: name.clone() });
            }
            let users: Vec<UserRecord> = crate::load_all(tx, &space::users(Some(group))?, List::Users).await?;
            if let Some(holder) = users.iter().find(|record| holds(&record.user, name)) {
                return Err(AuthError::RoleHeld { role: name.clone(), user: holder.user.id.clone() });
            }
            trail.delete(tx, &roles, name.as_str()).await?;
            version::renew(tx, &self.spaces, Some(group), self.random.as_ref()).await?;
            Ok(())
        })
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
