//! Groups and stores.

use forecourt_base::{GroupId, Scope, StoreId, Timestamp};
use forecourt_storage::Transaction;

use super::{Acting, Trail, What, build_user, put_user, rules};
use crate::bootstrap::FirstAdmin;
use crate::error::AuthError;
use crate::page::{self, List, Page, PageRequest};
use crate::record::{Group, Names, Store};
use crate::{Auth, role, space, version};

const DEFAULT_ZONE: &str = "Asia/Shanghai";

/// A group to be made.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Its name in further languages.
    pub names: Names,
}

/// A store to be made.
#[derive(Debug, Clone)]
pub struct NewStore {
    /// Its id.
    pub id: StoreId,
    /// Its name.
    pub name: String,
    /// Its name in further languages.
    pub names: Names,
    /// Its IANA time zone; none for `Asia/Shanghai`.
    pub time_zone: Option<String>,
}

/// Writes a group with its built-in roles and its first admin.
pub(crate) async fn put_group(
    auth: &Auth,
    tx: &mut Transaction,
    trail: &mut Trail,
    now: Timestamp,
    (new, admin, hash): (&NewGroup, &FirstAdmin, &str),
) -> Result<Group, AuthError> {
    let group = Group {
        id: new.id.clone(),
        name: rules::name("name", &new.name)?,
        names: rules::names(&new.names)?,
        created_at: now,
    };
    if tx.get(&auth.spaces.groups, group.id.as_str().as_bytes()).await?.is_some() {
        return Err(AuthError::exists("group", &group.id));
    }
    trail.put(tx, &auth.spaces.groups, group.id.as_str(), &group, Vec::new()).await?;
    let roles = space::roles(&group.id)?;
    for role in role::built_in() {
        tx.put_json(&roles, role.name.as_str().as_bytes(), &role, Vec::new()).await?;
    }
    let record = build_user(admin.as_user(role::GROUP_ADMIN)?, hash, now).map_err(of_admin)?;
    put_user(auth, tx, trail, Some(&group.id), &record).await?;
    Ok(group)
}

/// The group has fields of the same names, so the admin's are told apart.
fn of_admin(error: AuthError) -> AuthError {
    match error {
        AuthError::Invalid { field: "name", rule } => AuthError::Invalid { field: "admin/name", rule },
        other => other,
    }
}

impl Auth {
    /// Makes a group with its built-in roles and its first admin. Needs [`AdminRight::Deployment`](crate::AdminRight).
    ///
    /// # Errors
    /// [`AuthError::Exists`], [`AuthError::Invalid`], and those of every action: refusals and [`AuthError::Storage`].
    pub async fn create_group(
        &self,
        acting: Acting<'_>,
        new: &NewGroup,
        admin: &FirstAdmin,
    ) -> Result<Group, AuthError> {
        let what = What::administering("create-group", None);
        let hash = self.new_hash(acting, what, &admin.password, &admin.user).await?;
        administer!(self, acting, what, |tx, trail, now| { put_group(self, tx, trail, now, (new, admin, &hash)).await })
    }

    /// The groups: all for a deployment admin, else the caller's own.
    ///
    /// # Errors
    /// Those of every action.
    pub async fn list_groups(&self, acting: Acting<'_>, page: &PageRequest) -> Result<Page<Group>, AuthError> {
        let Some(own) = acting.principal.group.clone().map(Scope::group) else {
            let what = What::reading("list-groups", None);
            return inspect!(self, acting, what, |tx| {
                page::list(tx, &self.spaces.groups, List::Groups, page).await
            });
        };
        page.is_whole()?;
        inspect!(self, acting, What::belonging("list-groups", Some(&own)), |tx| {
            let group = tx.get_json(&self.spaces.groups, own.group.as_str().as_bytes()).await?;
            Ok(Page { items: group.into_iter().collect(), next: None })
        })
    }

    /// Makes a store. Needs [`AdminRight::Administer`](crate::AdminRight) in the group.
    ///
    /// # Errors
    /// [`AuthError::Exists`], [`AuthError::Invalid`], and those of every action.
    pub async fn create_store(&self, acting: Acting<'_>, group: &GroupId, new: &NewStore) -> Result<Store, AuthError> {
        let scope = Scope::group(group.clone());
        administer!(self, acting, What::administering("create-store", Some(&scope)), |tx, trail, now| {
            let store = Store {
                id: new.id.clone(),
                name: rules::name("name", &new.name)?,
                names: rules::names(&new.names)?,
                time_zone: rules::time_zone(new.time_zone.as_deref().unwrap_or(DEFAULT_ZONE))?,
                created_at: now,
            };
            let stores = space::stores(group)?;
            if tx.get(&stores, store.id.as_str().as_bytes()).await?.is_some() {
                return Err(AuthError::exists("store", &store.id));
            }
            trail.put(tx, &stores, store.id.as_str(), &store, Vec::new()).await?;
            version::renew(tx, &self.spaces, Some(group), self.random.as_ref()).await?;
            Ok(store)
        })
    }

    /// The group's stores, for all its users.
    ///
    /// # Errors
    /// Those of every action.
    pub async fn list_stores(
        &self,
        acting: Acting<'_>,
        group: &GroupId,
        page: &PageRequest,
    ) -> Result<Page<Store>, AuthError> {
        let scope = Scope::group(group.clone());
        let what = What::belonging("list-stores", Some(&scope));
        inspect!(self, acting, what, |tx| { page::list(tx, &space::stores(group)?, List::Stores, page).await })
    }
}
