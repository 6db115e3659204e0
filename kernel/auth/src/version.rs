//! The version key of a group: a name for one state of its users, roles and stores.
//!
//! INVARIANT (version-names-state): whoever writes a user, a role or a store gives the group a new version in the same transaction. Versions are
//! random, not counted, so that a version of a transaction that never committed can't name a later state in a cache.

use forecourt_base::{GroupId, Random};
use forecourt_storage::Transaction;

use crate::error::AuthError;
use crate::space::Spaces;

/// A version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Version([u8; 16]);

/// The key of the deployment's own users; no group id begins with `@`.
const DEPLOYMENT: &[u8] = b"@deployment";

fn key(group: Option<&GroupId>) -> &[u8] {
    group.map_or(DEPLOYMENT, |group| group.as_str().as_bytes())
}

/// The version that `tx` sees, which it then depends on.
pub(crate) async fn read(tx: &mut Transaction, spaces: &Spaces, group: Option<&GroupId>) -> Result<Version, AuthError> {
    match tx.get(&spaces.versions, key(group)).await? {
        None => Ok(Version::default()),
        Some(bytes) => bytes
            .as_ref()
            .try_into()
            .map(Version)
            .map_err(|_| AuthError::Corrupt { what: "version of the users and roles" }),
    }
}

/// Gives the group a new version.
pub(crate) async fn renew(
    tx: &mut Transaction,
    spaces: &Spaces,
    group: Option<&GroupId>,
    random: &dyn Random,
) -> Result<(), AuthError> {
    let mut version = [0; 16];
    random.fill(&mut version);
    tx.put(&spaces.versions, key(group), version.to_vec(), Vec::new()).await?;
    Ok(())
}
