//! One lock for each group: commits share it, a transaction that must not conflict again has it alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use forecourt_base::GroupId;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Keeps other commits of a group out while it lives.
#[derive(Debug)]
pub struct ExclusiveGuard {
    group: Option<GroupId>,
    _held: OwnedRwLockWriteGuard<()>,
}

impl ExclusiveGuard {
    /// The group, none for the deployment.
    #[must_use]
    pub fn group(&self) -> Option<&GroupId> {
        self.group.as_ref()
    }
}

/// What a commit holds until it is answered.
#[derive(Debug)]
pub(crate) enum Permit {
    Shared { _held: OwnedRwLockReadGuard<()> },
    Exclusive { _held: ExclusiveGuard },
}

#[derive(Debug, Default)]
pub(crate) struct Locks(Mutex<HashMap<Option<GroupId>, Arc<RwLock<()>>>>);

impl Locks {
    fn of(&self, group: Option<&GroupId>) -> Arc<RwLock<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(group.cloned()).or_default())
    }

    /// The permit with which a transaction of `group` commits: the exclusive one it has, else a shared one.
    pub(crate) async fn permit(&self, group: Option<&GroupId>, exclusive: Option<ExclusiveGuard>) -> Permit {
        match exclusive {
            Some(held) => Permit::Exclusive { _held: held },
            None => Permit::Shared { _held: self.of(group).read_owned().await },
        }
    }

    pub(crate) async fn exclusive(&self, group: Option<&GroupId>) -> ExclusiveGuard {
        ExclusiveGuard { group: group.cloned(), _held: self.of(group).write_owned().await }
    }
}
