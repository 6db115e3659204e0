//! Where this crate's records lie. Groups, versions and sessions are the deployment's; users, roles and stores their group's.

use forecourt_base::GroupId;
use forecourt_storage::{Space, StorageError};

const OWNER: &str = "@auth";
const GENERATION: u32 = 1;

/// The spaces of the deployment, made once.
#[derive(Debug)]
pub(crate) struct Spaces {
    pub(crate) deployment: Space,
    pub(crate) groups: Space,
    pub(crate) versions: Space,
    pub(crate) sessions: Space,
    /// When sessions and API keys were last used.
    pub(crate) last_used: Space,
    pub(crate) resets: Space,
    /// Links while they are open.
    pub(crate) links: Space,
}

impl Spaces {
    pub(crate) fn new() -> Result<Self, StorageError> {
        let space = |collection| Space::new(None, None, OWNER, collection, GENERATION);
        Ok(Self {
            deployment: space("deployment")?,
            groups: space("groups")?,
            versions: space("versions")?,
            sessions: space("sessions")?,
            last_used: space("last-used")?,
            resets: space("password-resets")?,
            links: space("links")?,
        })
    }
}

/// The users of a group, or of the deployment itself.
pub(crate) fn users(group: Option<&GroupId>) -> Result<Space, StorageError> {
    Space::new(group, None, OWNER, "users", GENERATION)
}

/// The roles of a group.
pub(crate) fn roles(group: &GroupId) -> Result<Space, StorageError> {
    Space::new(Some(group), None, OWNER, "roles", GENERATION)
}

/// The stores of a group.
pub(crate) fn stores(group: &GroupId) -> Result<Space, StorageError> {
    Space::new(Some(group), None, OWNER, "stores", GENERATION)
}

/// What plugins' manifests have given to the roles of a group before.
pub(crate) fn role_defaults(group: &GroupId) -> Result<Space, StorageError> {
    Space::new(Some(group), None, OWNER, "role-defaults", GENERATION)
}
