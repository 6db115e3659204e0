//! The groups of a deployment.

use forecourt_base::{GroupId, limits};
use forecourt_storage::{Direction, KeyRange, Transaction};

use crate::{Auth, AuthError};

impl Auth {
    /// The ids of all groups, for the kernel's own use.
    ///
    /// # Errors
    /// [`AuthError::Storage`], [`AuthError::Corrupt`].
    pub async fn group_ids(&self) -> Result<Vec<GroupId>, AuthError> {
        transaction!(self, ReadOnly, None, |tx| { ids(self, tx).await })
    }
}

pub(crate) async fn ids(auth: &Auth, tx: &mut Transaction) -> Result<Vec<GroupId>, AuthError> {
    let (mut range, mut ids) = (KeyRange::all(), Vec::new());
    loop {
        let rows = tx.scan(&auth.spaces.groups, &range, Direction::Forward, limits::PAGE_ROWS).await?;
        for row in &rows.items {
            let id = std::str::from_utf8(&row.key).ok().and_then(|id| GroupId::new(id).ok());
            ids.push(id.ok_or(AuthError::Corrupt { what: "group" })?);
        }
        match rows.items.last() {
            Some(last) if rows.more => range = range.after(&last.key),
            _ => return Ok(ids),
        }
    }
}
