//! Who calls, and where.

use crate::private::wit::forecourt::kernel::identity;
pub use crate::private::wit::forecourt::kernel::identity::{CustomerLink, Origin, Principal};

/// The one on whose behalf the call runs.
#[must_use]
pub fn caller() -> Principal {
    identity::caller()
}

/// The link through which the call came; none where its origin is another.
#[must_use]
pub fn link() -> Option<CustomerLink> {
    identity::link()
}

/// The calling store's id; none in a call for the whole group.
#[must_use]
pub fn store() -> Option<String> {
    identity::store()
}

/// The group's id.
#[must_use]
pub fn group() -> String {
    identity::group()
}

/// Whether the caller holds a power of the manifest.
#[must_use]
pub fn may(power: &str) -> bool {
    identity::may(power)
}

/// When, by whom and for which department a record is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamp {
    /// The call's start.
    pub at: String,
    /// The caller's id.
    pub by: String,
    /// The first department the caller belongs to.
    pub department: Option<String>,
}

/// The stamp of the running call.
#[must_use]
pub fn stamp() -> Stamp {
    let caller = caller();
    Stamp { at: crate::clock::now(), by: caller.id, department: caller.departments.into_iter().next() }
}

impl Principal {
    /// Whether this user holds at least one of the roles in the calling store.
    #[must_use]
    pub fn has_any_role(&self, roles: &[&str]) -> bool {
        self.roles.iter().any(|role| roles.contains(&role.as_str()))
    }
}
