//! API keys: what programs sign their requests with, in the place of a session.
//!
//! INVARIANT (narrow-keys): a key has at every call at most those of its roles that its owner has then. It is no sign-in: it can't change its owner's
//! password, sessions or keys, unless one of its roles administers.

use std::fmt;

use forecourt_base::{Bilingual, GroupId, Timestamp, UserId, limits};

use crate::Auth;
use crate::admin::{Acting, rules, scope_of};
use crate::error::AuthError;
use crate::record::{ApiKeyPart, Assignment, KEYS_BY_USER, NEVER, SessionRecord};
use crate::session::{load_user, within};
use crate::token::{Purpose, SessionKey, new_token};

#[cfg(test)]
mod tests;

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What people call it.
    pub name: String,
    /// The most that it may have of its owner's roles; none: those that the owner has now.
    pub roles: Option<Vec<Assignment>>,
    /// When it expires; none: when it is revoked.
    pub expires: Option<Timestamp>,
}

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, unique among its owner's.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The most that it may have of its owner's roles.
    pub roles: Vec<Assignment>,
    /// When it was made.
    pub created: Timestamp,
    /// When it expires; none: when it is revoked.
    pub expires: Option<Timestamp>,
    /// When it was last used, coarsely.
    pub last_used: Option<Timestamp>,
}

/// A key that was just made. Its secret is told this once.
#[derive(Clone)]
pub struct MadeApiKey {
    /// What programs show as their bearer token.
    pub secret: String,
    /// The key.
    pub key: ApiKey,
}

impl fmt::Debug for MadeApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadeApiKey").field("key", &self.key).finish_non_exhaustive()
    }
}

fn view(record: SessionRecord, last_used: Option<Timestamp>) -> Option<ApiKey> {
    let SessionRecord { created, expires, api_key, .. } = record;
    let ApiKeyPart { id, name, roles } = api_key?;
    Some(ApiKey { id, name, roles, created, expires: (expires != NEVER).then_some(expires), last_used })
}

/// The roles of a new key: all asked for must be its owner's.
fn checked_roles(owned: &[Assignment], asked: Option<Vec<Assignment>>) -> Result<Vec<Assignment>, AuthError> {
    let mut asked = asked.unwrap_or_else(|| owned.to_vec());
    asked.sort_unstable();
    asked.dedup();
    let held = within(owned, asked.clone());
    match asked.into_iter().find(|role| !held.contains(role)) {
        None => Ok(held),
        Some(role) => {
            let rule = Bilingual::made(
                format!("name `{role}`, which the user does not hold"),
                format!("含有 `{role}`，该用户并未担任"),
            );
            Err(AuthError::invalid("roles", rule))
        }
    }
}

impl Auth {
    /// Makes a key for the calling user, or, by an admin, for a service user.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] user, [`AuthError::Invalid`] name, roles or time, also where the user is a person other than the caller or has
    /// [`limits::API_KEYS_PER_USER`] keys, and those of every action.
    pub async fn create_api_key(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
        new: &NewApiKey,
    ) -> Result<MadeApiKey, AuthError> {
        let scope = scope_of(group);
        let what = Self::own_or_admin(acting, group, user, "create-api-key", scope.as_ref());
        let own = what.right == crate::AdminRight::Belong;
        let (secret, key) = new_token(self.random.as_ref(), Purpose::ApiKey);
        let made = administer!(self, acting, what, |tx, trail, now| {
            let owner = load_user(tx, group, Some(user)).await?.ok_or_else(|| AuthError::unknown("user", user))?;
            if !own && !owner.user.service {
                return Err(AuthError::rule(
                    "user",
                    "makes keys of this name alone: only service users get theirs from an admin",
                    "须由本人创建密钥：管理员只能为服务用户创建",
                ));
            }
            let name = rules::name("name", &new.name)?;
            let roles = checked_roles(&owner.user.roles, new.roles.clone())?;
            if new.expires.is_some_and(|expires| expires <= now) {
                return Err(AuthError::rule("expires", "must lie in the future", "须为将来的时刻"));
            }
            let open = self.vouchers_of(tx, KEYS_BY_USER, group, user).await?;
            if open.len() >= limits::API_KEYS_PER_USER {
                let most = limits::API_KEYS_PER_USER;
                let rule = Bilingual::made(
                    format!("has {most} keys already: revoke one first"),
                    format!("已有 {most} 个密钥：请先吊销其一"),
                );
                return Err(AuthError::invalid("user", rule));
            }
            let id = key.public_id();
            trail.note(format!("{user} {id}"));
            let part = ApiKeyPart { id, name, roles };
            let record = SessionRecord {
                group: group.cloned(),
                user: user.clone(),
                created: now,
                expires: new.expires.unwrap_or(NEVER),
                address: None,
                agent: None,
                api_key: Some(part),
            };
            tx.put_json(&self.spaces.sessions, key.as_bytes(), &record, record.entries()).await?;
            view(record, None).ok_or(AuthError::Corrupt { what: "API key" })
        })?;
        Ok(MadeApiKey { secret, key: made })
    }

    /// A user's keys, oldest first, expired ones too: users see their own, admins all.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] and those of every action.
    pub async fn api_keys(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<Vec<ApiKey>, AuthError> {
        let scope = scope_of(group);
        inspect!(self, acting, Self::own_or_admin(acting, group, user, "list-api-keys", scope.as_ref()), |tx| {
            if load_user(tx, group, Some(user)).await?.is_none() {
                return Err(AuthError::unknown("user", user));
            }
            let mut keys = Vec::new();
            for (key, record) in self.vouchers_of(tx, KEYS_BY_USER, group, user).await? {
                let last_used = self.last_used(tx, &key).await?;
                keys.extend(view(record, last_used));
            }
            Ok(keys)
        })
    }

    /// Revokes a key at once: users their own, admins any.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] user or key, and those of every action.
    pub async fn revoke_api_key(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
        id: &str,
    ) -> Result<(), AuthError> {
        let scope = scope_of(group);
        let what = Self::own_or_admin(acting, group, user, "revoke-api-key", scope.as_ref());
        administer!(self, acting, what, |tx, trail, _now| {
            trail.note(format!("{user} {id}"));
            let keys = self.vouchers_of(tx, KEYS_BY_USER, group, user).await?;
            let named =
                |(_, record): &&(SessionKey, SessionRecord)| record.api_key.as_ref().is_some_and(|part| part.id == id);
            let (key, _) = keys.iter().find(named).ok_or_else(|| AuthError::unknown("API key", id))?;
            self.drop_session(tx, *key).await?;
            Ok(())
        })
    }

    /// Revokes every key of a user; says how many there were.
    pub(crate) async fn end_api_keys(
        &self,
        tx: &mut forecourt_storage::Transaction,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<usize, AuthError> {
        let keys = self.vouchers_of(tx, KEYS_BY_USER, group, user).await?;
        for (key, _) in &keys {
            self.drop_session(tx, *key).await?;
        }
        Ok(keys.len())
    }
}
