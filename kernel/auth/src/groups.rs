//! The groups of a deployment.

use forecourt_base::{GroupId, StoreId, limits};
use forecourt_storage::{Bytes, Direction, KeyRange, Space, Transaction};

use crate::{Auth, AuthError, space};

impl Auth {
    /// The ids of all groups, for the kernel's own use.
    ///
    /// # Errors
    /// [`AuthError::Storage`], [`AuthError::Corrupt`].
    pub async fn group_ids(&self) -> Result<Vec<GroupId>, AuthError> {
        transaction!(self, ReadOnly, None, |tx| { ids(self, tx).await })
    }

    /// The ids of a group's stores, for the kernel's own use.
    ///
    /// # Errors
    /// [`AuthError::Storage`], [`AuthError::Corrupt`].
    pub async fn store_ids(&self, group: &GroupId) -> Result<Vec<StoreId>, AuthError> {
        transaction!(self, ReadOnly, Some(group), |tx| {
            keys(tx, &space::stores(group)?, |id| StoreId::new(id).ok(), "store").await
        })
    }
}

pub(crate) async fn ids(auth: &Auth, tx: &mut Transaction) -> Result<Vec<GroupId>, AuthError> {
    keys(tx, &auth.spaces.groups, |id| GroupId::new(id).ok(), "group").await
}

/// The keys of a whole collection as identifiers.
async fn keys<T>(
    tx: &mut Transaction,
    space: &Space,
    id: impl Fn(&str) -> Option<T>,
    what: &'static str,
) -> Result<Vec<T>, AuthError> {
    let (mut range, mut ids) = (KeyRange::all(), Vec::new());
    let parse = |key: &Bytes| std::str::from_utf8(key).ok().and_then(&id).ok_or(AuthError::Corrupt { what });
    loop {
        let rows = tx.scan(space, &range, Direction::Forward, limits::PAGE_ROWS).await?;
        for row in &rows.items {
            ids.push(parse(&row.key)?);
        }
        match rows.items.last() {
            Some(last) if rows.more => range = range.after(&last.key),
            _ => return Ok(ids),
        }
    }
}
