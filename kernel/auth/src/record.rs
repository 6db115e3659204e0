//! What is stored of groups, stores, users and sessions.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use forecourt_base::{GroupId, RoleName, Scalar, StoreId, Timestamp, UserId};
use forecourt_storage::IndexEntry;
use serde::{Deserialize, Serialize};

use crate::role;

/// Names shown to people, by language: `zh-CN`, `en`.
pub type Names = BTreeMap<String, String>;

/// A dealer group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Its name in further languages.
    pub names: Names,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A store of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// Its id.
    pub id: StoreId,
    /// Its name.
    pub name: String,
    /// Its name in further languages.
    pub names: Names,
    /// Its IANA time zone, in which its days begin.
    pub time_zone: String,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
impl Store {
    pub(crate) fn for_test(id: StoreId) -> Self {
        let (name, time_zone) = (id.to_string(), "Asia/Shanghai".to_owned());
        Self { id, name, names: Names::new(), time_zone, created_at: Timestamp::from_millis(0) }
    }
}

/// A role given to a user, in one store or in the whole group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The role.
    pub role: RoleName,
    /// The store; none for the whole group.
    #[serde(default)]
    pub store: Option<StoreId>,
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.role, self.store.as_ref().map_or("*", StoreId::as_str))
    }
}

/// A user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The sign-in name.
    pub id: UserId,
    /// The name shown to people. Personal.
    pub name: String,
    /// The roles given.
    pub roles: Vec<Assignment>,
    /// The departments the user works in.
    pub departments: Vec<String>,
    /// Whether the user may sign in, and API keys of the user are good.
    pub enabled: bool,
    /// Whether this is no person but a program, which has API keys and no password.
    #[serde(default)]
    pub service: bool,
    /// When the user was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// A user as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct UserRecord {
    pub(crate) user: User,
    /// The argon2id hash as a PHC string.
    pub(crate) password: String,
    /// Rises with every change, so that a principal can be told from the user's present state.
    pub(crate) revision: u64,
}

impl fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The index of enabled users who can administer their group, or the deployment.
pub(crate) const CHIEFS: &str = "chiefs";

impl UserRecord {
    /// Whether the user can sign in and administer the group, or the deployment.
    pub(crate) fn is_chief(&self) -> bool {
        let chief = |given: &Assignment| {
            given.store.is_none() && matches!(given.role.as_str(), role::GROUP_ADMIN | role::DEPLOYMENT_ADMIN)
        };
        self.user.enabled && !self.user.service && self.user.roles.iter().any(chief)
    }

    pub(crate) fn entries(&self) -> Vec<IndexEntry> {
        let entry = || IndexEntry { index: CHIEFS.into(), values: vec![Scalar::Bool(true)] };
        self.is_chief().then(entry).into_iter().collect()
    }
}

/// A session, or an API key, as stored under its key. It never changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    pub(crate) group: Option<GroupId>,
    pub(crate) user: UserId,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
    /// Where the sign-in came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<IpAddr>,
    /// The program that it came from, as that calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    /// What makes it an API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<ApiKeyPart>,
}

/// What an API key has beside what a session has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ApiKeyPart {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The most that it may have of its owner's roles.
    pub(crate) roles: Vec<Assignment>,
}

/// When API keys expire that are good until they are revoked.
pub(crate) const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// A new password may be set with it, once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ResetRecord {
    pub(crate) group: Option<GroupId>,
    pub(crate) user: UserId,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
}

/// The index of sessions, or of resets, by user, oldest first.
pub(crate) const BY_USER: &str = "by-user";
/// The index of API keys by user, oldest first.
pub(crate) const KEYS_BY_USER: &str = "keys-by-user";

/// The values under which a user's sessions are found.
pub(crate) fn session_owner(group: Option<&GroupId>, user: &UserId) -> Vec<Scalar> {
    let group = group.map_or(Scalar::None, |group| Scalar::Text(group.to_string()));
    vec![group, Scalar::Text(user.to_string())]
}

impl SessionRecord {
    pub(crate) fn entries(&self) -> Vec<IndexEntry> {
        let index = if self.api_key.is_some() { KEYS_BY_USER } else { BY_USER };
        entry_of_user(index, self.group.as_ref(), &self.user, self.created)
    }
}

impl ResetRecord {
    pub(crate) fn entries(&self) -> Vec<IndexEntry> {
        entry_of_user(BY_USER, self.group.as_ref(), &self.user, self.created)
    }
}

fn entry_of_user(index: &'static str, group: Option<&GroupId>, user: &UserId, at: Timestamp) -> Vec<IndexEntry> {
    let mut values = session_owner(group, user);
    values.push(Scalar::Int(at.as_millis()));
    vec![IndexEntry { index: index.into(), values }]
}

/// The deployment's own record: its presence says that the first group and its admin were made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) created_at: Timestamp,
}

pub(crate) const DEPLOYMENT_KEY: &[u8] = b"deployment";
