//! Users: made, shown, disabled; their passwords and roles.

use std::fmt;

use forecourt_base::{Bilingual, GroupId, Scope, Timestamp, UserId};
use forecourt_storage::{Direction, IndexRange, Transaction};

use super::{Acting, Trail, What, rules};
use crate::error::AuthError;
use crate::page::{self, List, Page, PageRequest};
use crate::password::check_password;
use crate::record::{Assignment, CHIEFS, User, UserRecord};
use crate::role::{DEPLOYMENT_ADMIN, GROUP_ADMIN};
use crate::session::load_user;
use crate::throttle::Account;
use crate::{Auth, role, space, version};

const ASSIGNMENTS_MAX: usize = 256;

/// A user to be made.
#[derive(Clone)]
pub struct NewUser {
    /// The sign-in name.
    pub id: UserId,
    /// The name shown to people.
    pub name: String,
    /// The password.
    pub password: String,
    /// The roles given.
    pub roles: Vec<Assignment>,
    /// The departments the user works in.
    pub departments: Vec<String>,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("id", &self.id).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// A service user to be made: a program that has API keys and no password.
#[derive(Debug, Clone)]
pub struct NewServiceUser {
    /// Its name among the group's users.
    pub id: UserId,
    /// The name shown to people.
    pub name: String,
    /// The roles given.
    pub roles: Vec<Assignment>,
    /// The departments whose rows it sees.
    pub departments: Vec<String>,
}

/// A new password for a user.
pub struct PasswordChange<'a> {
    /// Whose.
    pub user: &'a UserId,
    /// The password until now: needed from users who change their own.
    pub current: Option<&'a str>,
    /// The new one.
    pub new: &'a str,
}

impl fmt::Debug for PasswordChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordChange").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A change of a user.
enum Change<'a> {
    Enable,
    Disable,
    Roles(&'a [Assignment], &'a [String]),
    /// The hash of the new password, and that of the one the user gave as the present one.
    Password(&'a str, Option<&'a str>),
}

impl Change<'_> {
    fn ends_sessions(&self) -> bool {
        matches!(self, Self::Disable | Self::Password(..))
    }

    async fn apply(
        &self,
        tx: &mut Transaction,
        group: Option<&GroupId>,
        trail: &mut Trail,
        record: &mut UserRecord,
    ) -> Result<(), AuthError> {
        match self {
            Self::Enable => record.user.enabled = true,
            Self::Disable => record.user.enabled = false,
            Self::Roles(roles, departments) => {
                record.user.roles = check_roles(tx, group, roles).await?;
                record.user.departments = rules::departments(departments)?;
                trail.note(text(&record.user.roles));
            }
            Self::Password(_, Some(checked)) if *checked != record.password => return Err(AuthError::PrincipalChanged),
            Self::Password(hash, _) => record.password = (*hash).to_owned(),
        }
        Ok(())
    }
}

/// The record of a new user whose roles were checked.
pub(crate) fn build_user(new: NewUser, hash: &str, now: Timestamp) -> Result<UserRecord, AuthError> {
    let user = User {
        name: rules::name("name", &new.name)?,
        departments: rules::departments(&new.departments)?,
        id: new.id,
        roles: new.roles,
        enabled: true,
        service: false,
        created_at: now,
    };
    Ok(UserRecord { user, password: hash.to_owned(), revision: 0 })
}

/// Writes a new user. INVARIANT (deployment-names): no group has a user named like one of the deployment, so a sign-in without a group is clear.
pub(crate) async fn put_user(
    auth: &Auth,
    tx: &mut Transaction,
    trail: &mut Trail,
    group: Option<&GroupId>,
    record: &UserRecord,
) -> Result<(), AuthError> {
    let id = &record.user.id;
    let mut taken = load_user(tx, group, Some(id)).await?.is_some() || load_user(tx, None, Some(id)).await?.is_some();
    if group.is_none() {
        for group in crate::groups::ids(auth, tx).await? {
            taken |= load_user(tx, Some(&group), Some(id)).await?.is_some();
        }
    }
    if taken {
        return Err(AuthError::exists("user", id));
    }
    write(auth, tx, trail, group, record).await
}

pub(crate) async fn write(
    auth: &Auth,
    tx: &mut Transaction,
    trail: &mut Trail,
    group: Option<&GroupId>,
    record: &UserRecord,
) -> Result<(), AuthError> {
    trail.put(tx, &space::users(group)?, record.user.id.as_str(), record, record.entries()).await?;
    version::renew(tx, &auth.spaces, group, auth.random.as_ref()).await
}

/// Checks assignments against what the group has, and gives them sorted, each once.
async fn check_roles(
    tx: &mut Transaction,
    group: Option<&GroupId>,
    given: &[Assignment],
) -> Result<Vec<Assignment>, AuthError> {
    if given.len() > ASSIGNMENTS_MAX {
        let (en, zh) = (format!("must be at most {ASSIGNMENTS_MAX}"), format!("最多 {ASSIGNMENTS_MAX} 个"));
        return Err(AuthError::invalid("roles", Bilingual::made(en, zh)));
    }
    for Assignment { role, store } in given {
        match group {
            None if role.as_str() == DEPLOYMENT_ADMIN && store.is_none() => continue,
            None => {
                let en = "must be `deployment-admin` for users of the deployment";
                return Err(AuthError::rule("roles", en, "系统用户的角色只能是 `deployment-admin`"));
            }
            Some(_) if role.as_str() == DEPLOYMENT_ADMIN => return Err(AuthError::ReservedRole { role: role.clone() }),
            Some(group) => {
                if tx.get(&space::roles(group)?, role.as_str().as_bytes()).await?.is_none() {
                    return Err(AuthError::unknown("role", role));
                }
                if let Some(store) = store
                    && tx.get(&space::stores(group)?, store.as_str().as_bytes()).await?.is_none()
                {
                    return Err(AuthError::unknown("store", store));
                }
            }
        }
        if !role::assignable(role) {
            let (en, zh) = (
                format!("can't have `{role}`, which is no person's role"),
                format!("不能含有 `{role}`，它不是人员角色"),
            );
            return Err(AuthError::invalid("roles", Bilingual::made(en, zh)));
        }
        if role.as_str() == GROUP_ADMIN && store.is_some() {
            let en = "must give `group-admin` for the whole group, without a store";
            return Err(AuthError::rule("roles", en, "`group-admin` 只能授予整个集团，不能指定门店"));
        }
    }
    let mut sorted = given.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Ok(sorted)
}

/// INVARIANT (someone-administers): `before` may stop being a chief only while another is one. The index range read here is in the read set, so
/// two chiefs can't take each other's role at once.
async fn check_chief(
    tx: &mut Transaction,
    group: Option<&GroupId>,
    before: &UserRecord,
    after: &UserRecord,
) -> Result<(), AuthError> {
    if !before.is_chief() || after.is_chief() {
        return Ok(());
    }
    let (lower, upper) = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    let range = IndexRange { equal: vec![forecourt_base::Scalar::Bool(true)], lower, upper };
    let chiefs = tx.query(&space::users(group)?, CHIEFS, &range, Direction::Forward, 2, None).await?;
    if chiefs.items.len() > 1 {
        return Ok(());
    }
    let role = if group.is_some() { GROUP_ADMIN } else { DEPLOYMENT_ADMIN };
    Err(AuthError::LastAdmin { scope: group.map_or_else(|| "deployment".to_owned(), GroupId::to_string), role })
}

pub(crate) fn scope_of(group: Option<&GroupId>) -> Option<Scope> {
    group.cloned().map(Scope::group)
}

impl Auth {
    /// Checks a new password and hashes it, once it is clear that the action will be allowed: refused ones cost no hash.
    pub(crate) async fn new_hash(
        &self,
        acting: Acting<'_>,
        what: What<'_>,
        password: &str,
        user: &UserId,
    ) -> Result<String, AuthError> {
        inspect!(self, acting, what, |_tx| { Ok(()) })?;
        if let Err(error) = check_password(password, user) {
            self.audit_refusal(acting, what.scope, what.action, &error).await?;
            return Err(error);
        }
        self.passwords.hash(password, self.random.as_ref()).await
    }

    /// Makes a user of `group` (none: of the deployment). Needs the right to administer there.
    ///
    /// # Errors
    /// [`AuthError::Exists`], [`AuthError::Unknown`] role or store, [`AuthError::ReservedRole`], [`AuthError::Invalid`], [`AuthError::Busy`], and
    /// those of every action.
    pub async fn create_user(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        new: &NewUser,
    ) -> Result<User, AuthError> {
        let scope = scope_of(group);
        let what = What::administering("create-user", scope.as_ref());
        let hash = self.new_hash(acting, what, &new.password, &new.id).await?;
        administer!(self, acting, what, |tx, trail, now| {
            let roles = check_roles(tx, group, &new.roles).await?;
            trail.note(text(&roles));
            let record = build_user(NewUser { roles, ..new.clone() }, &hash, now)?;
            put_user(self, tx, trail, group, &record).await?;
            Ok(record.user)
        })
    }

    /// Makes a service user of `group` (none: of the deployment). Needs the right to administer there.
    ///
    /// # Errors
    /// As [`Auth::create_user`].
    pub async fn create_service_user(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        new: &NewServiceUser,
    ) -> Result<User, AuthError> {
        let scope = scope_of(group);
        let what = What::administering("create-user", scope.as_ref());
        administer!(self, acting, what, |tx, trail, now| {
            let NewServiceUser { id, name, roles, departments } = new.clone();
            let roles = check_roles(tx, group, &roles).await?;
            trail.note(text(&roles));
            let new = NewUser { id, name, password: String::new(), roles, departments };
            let mut record = build_user(new, "", now)?;
            record.user.service = true;
            put_user(self, tx, trail, group, &record).await?;
            Ok(record.user)
        })
    }

    /// The users of `group` (none: of the deployment). Needs the right to read the audit trail there.
    ///
    /// # Errors
    /// Those of every action.
    pub async fn list_users(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        page: &PageRequest,
    ) -> Result<Page<User>, AuthError> {
        let scope = scope_of(group);
        inspect!(self, acting, What::reading("list-users", scope.as_ref()), |tx| {
            let Page { items, next } = page::list::<UserRecord>(tx, &space::users(group)?, List::Users, page).await?;
            Ok(Page { items: items.into_iter().map(|record| record.user).collect(), next })
        })
    }

    /// One user. The same rights.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] and those of every action.
    pub async fn user(&self, acting: Acting<'_>, group: Option<&GroupId>, user: &UserId) -> Result<User, AuthError> {
        let scope = scope_of(group);
        inspect!(self, acting, What::reading("get-user", scope.as_ref()), |tx| {
            let record = load_user(tx, group, Some(user)).await?;
            record.map(|record| record.user).ok_or_else(|| AuthError::unknown("user", user))
        })
    }

    /// Changes a user in one transaction, which also ends the sessions that must not outlive the change.
    async fn change_user(
        &self,
        acting: Acting<'_>,
        what: What<'_>,
        user: &UserId,
        change: Change<'_>,
    ) -> Result<User, AuthError> {
        let group = what.group();
        administer!(self, acting, what, |tx, trail, _now| {
            let before = load_user(tx, group, Some(user)).await?.ok_or_else(|| AuthError::unknown("user", user))?;
            if before.user.service && matches!(change, Change::Password(..)) {
                return Err(AuthError::rule(
                    "user",
                    "is a service user, which has no password",
                    "是服务用户，没有密码",
                ));
            }
            let mut after = before.clone();
            change.apply(tx, group, trail, &mut after).await?;
            check_chief(tx, group, &before, &after).await?;
            after.revision = before.revision.saturating_add(1);
            write(self, tx, trail, group, &after).await?;
            if change.ends_sessions() {
                self.end_sessions(tx, group, user).await?;
                self.drop_resets(tx, group, user).await?;
            }
            Ok(after.user)
        })
    }

    /// Keeps a user from signing in and ends all the user's sessions at once.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], [`AuthError::LastAdmin`], and those of every action.
    pub async fn disable_user(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<User, AuthError> {
        let scope = scope_of(group);
        let what = What::administering("disable-user", scope.as_ref());
        self.change_user(acting, what, user, Change::Disable).await
    }

    /// Lets a disabled user sign in again.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] and those of every action.
    pub async fn enable_user(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<User, AuthError> {
        let scope = scope_of(group);
        let what = What::administering("enable-user", scope.as_ref());
        self.change_user(acting, what, user, Change::Enable).await
    }

    /// Replaces a user's roles and departments. Open sessions have them from their next call on.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] user, role or store, [`AuthError::ReservedRole`], [`AuthError::LastAdmin`], [`AuthError::Invalid`], and those of
    /// every action.
    pub async fn assign_roles(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
        roles: &[Assignment],
        departments: &[String],
    ) -> Result<User, AuthError> {
        let scope = scope_of(group);
        let what = What::administering("assign-roles", scope.as_ref());
        self.change_user(acting, what, user, Change::Roles(roles, departments)).await
    }

    /// Gives a user a new password and ends all the user's sessions. Users change their own with the one they have; others' need
    /// the right to administer.
    ///
    /// # Errors
    /// [`AuthError::Invalid`], also when `current` is wrong, [`AuthError::Throttled`] when it was too often, [`AuthError::Unknown`],
    /// [`AuthError::Busy`], and those of every action.
    pub async fn set_password(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        change: &PasswordChange<'_>,
    ) -> Result<(), AuthError> {
        let scope = scope_of(group);
        let what = Self::own_or_admin(acting, group, change.user, "set-password", scope.as_ref());
        let own = what.right == crate::AdminRight::Belong;
        let checked = if own { Some(self.check_current(acting, what, change).await?) } else { None };
        let hash = self.new_hash(acting, what, change.new, change.user).await?;
        self.change_user(acting, what, change.user, Change::Password(&hash, checked.as_deref())).await.map(|_| ())
    }

    /// Verifies the caller's present password and gives the hash it was verified against. Guesses count as failed sign-ins do, from no
    /// address: whoever holds a stolen session gets no more of them by moving about.
    async fn check_current(
        &self,
        acting: Acting<'_>,
        what: What<'_>,
        change: &PasswordChange<'_>,
    ) -> Result<String, AuthError> {
        let group = what.group();
        let current = change.current.ok_or_else(|| {
            AuthError::rule("current", "is needed to change your own password", "修改自己的密码时必填")
        })?;
        let stored = inspect!(self, acting, what, |tx| { load_user(tx, group, Some(change.user)).await })?;
        let record = stored.ok_or(AuthError::SessionEnded)?;
        let account = Account { group: group.cloned(), user: Some(change.user.clone()) };
        let attempt = self.throttle.begin(account, None, self.clock.now())?;
        match self.passwords.verify(current, Some(&record.password)).await {
            Ok(true) => {
                attempt.succeeded();
                Ok(record.password)
            }
            Ok(false) => {
                let error = AuthError::rule("current", "is not the present password", "与当前密码不符");
                self.audit_refusal(acting, what.scope, what.action, &error).await?;
                Err(error)
            }
            Err(error) => {
                attempt.not_made();
                Err(error)
            }
        }
    }

    /// Ends all of a user's sessions; says how many there were. Users may end their own.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] and those of every action.
    pub async fn revoke_sessions(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<usize, AuthError> {
        let scope = scope_of(group);
        let what = Self::own_or_admin(acting, group, user, "revoke-sessions", scope.as_ref());
        administer!(self, acting, what, |tx, trail, _now| {
            trail.note(user.as_str());
            if load_user(tx, group, Some(user)).await?.is_none() {
                return Err(AuthError::unknown("user", user));
            }
            self.end_sessions(tx, group, user).await
        })
    }
}

fn text(roles: &[Assignment]) -> String {
    roles.iter().map(Assignment::to_string).collect::<Vec<_>>().join(" ")
}
