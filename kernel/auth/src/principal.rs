//! Who calls.

use std::fmt;
use std::sync::Arc;

use forecourt_base::{GroupId, PluginName, RoleName, StoreId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::links::Link;
use crate::token::SessionKey;
use crate::version::Version;

/// How the principal came to call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A signed-in user.
    User,
    /// A customer link.
    Link,
    /// A plugin's own event handler, timer or job.
    Plugin(PluginName),
}

/// An authenticated caller, as of the moment its session was read.
///
/// INVARIANT (made-by-auth): the private fields keep anyone but this crate from making one with rights. That of a plugin has none: what it
/// may do is its grant.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user's group; none for a user of the deployment itself.
    pub group: Option<GroupId>,
    /// The sign-in name.
    pub user: UserId,
    /// The name shown to people; personal, so never logged.
    pub name: String,
    /// The session that vouches for it.
    pub session: SessionKey,
    /// The id of the API key that stands for the session, where one does.
    pub api_key: Option<String>,
    /// When the session ends by itself.
    pub expires: Timestamp,
    /// Roles, each in one store or, with none, in the whole group.
    pub roles: Vec<(RoleName, Option<StoreId>)>,
    /// Departments, for the rows a plugin shows.
    pub departments: Vec<String>,
    /// How it came to call.
    pub origin: Origin,
    /// The link through which it calls, where it does.
    pub link: Option<Arc<Link>>,
    /// The group's version when the user was read: while it stands, so does all of the above.
    pub(crate) version: Version,
    /// The user record's revision.
    pub(crate) revision: u64,
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("group", &self.group).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Principal {
    /// The principal of a plugin's own handlers, timers and jobs. It holds no role and belongs to no session.
    #[must_use]
    pub fn of_plugin(group: GroupId, plugin: PluginName) -> Self {
        Self {
            group: Some(group),
            user: UserId::of_plugin(&plugin),
            name: plugin.to_string(),
            session: SessionKey::NONE,
            api_key: None,
            expires: Timestamp::from_millis(i64::MAX),
            roles: Vec::new(),
            departments: Vec::new(),
            origin: Origin::Plugin(plugin),
            link: None,
            version: Version::default(),
            revision: 0,
        }
    }

    /// Whether the user holds `role` in `store`, or for the whole group when `store` is none.
    #[must_use]
    pub fn holds(&self, role: &str, store: Option<&StoreId>) -> bool {
        self.roles.iter().any(|(held, at)| held.as_str() == role && covers(at.as_ref(), store))
    }
}

/// Whether a role given at `at` holds in `store`. A role for the whole group holds everywhere in it; what is the group's alone needs such a role.
pub(crate) fn covers(at: Option<&StoreId>, store: Option<&StoreId>) -> bool {
    at.is_none() || at == store
}
