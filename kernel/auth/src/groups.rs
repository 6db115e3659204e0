//! The groups of a deployment, for the kernel's own use.

use forecourt_base::GroupId;

use crate::record::Group;
use crate::{Auth, AuthError, load_all};

impl Auth {
    /// The ids of all groups.
    ///
    /// # Errors
    /// [`AuthError::Storage`], [`AuthError::Corrupt`].
    pub async fn group_ids(&self) -> Result<Vec<GroupId>, AuthError> {
        let groups: Vec<Group> = transaction!(self, ReadOnly, None, |tx| { load_all(tx, &self.spaces.groups).await })?;
        Ok(groups.into_iter().map(|group| group.id).collect())
    }
}
