//! How many uploads and downloads go on at once: each holds a file open for as long as its client takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use forecourt_auth::Principal;
use forecourt_base::limits;

use crate::error::KernelError;

type Owner = (Option<forecourt_base::GroupId>, forecourt_base::UserId);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<Owner, usize>,
}

/// A number of places of which one user has a part at most.
#[derive(Debug)]
pub(crate) struct Seats {
    name: &'static str,
    all_max: usize,
    user_max: usize,
    taken: Arc<Mutex<Taken>>,
}

/// A place, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    taken: Arc<Mutex<Taken>>,
    owner: Owner,
}

impl Seats {
    pub(crate) fn of_uploads() -> Self {
        Self::new("FILE_UPLOADS", limits::FILE_UPLOADS, limits::FILE_UPLOADS_PER_USER)
    }

    pub(crate) fn of_downloads() -> Self {
        Self::new("FILE_DOWNLOADS", limits::FILE_DOWNLOADS, limits::FILE_DOWNLOADS_PER_USER)
    }

    fn new(name: &'static str, all_max: usize, user_max: usize) -> Self {
        Self { name, all_max, user_max, taken: Arc::default() }
    }

    /// A place for `principal`.
    pub(crate) fn take(&self, principal: &Principal) -> Result<Seat, KernelError> {
        let owner = (principal.group.clone(), principal.user.clone());
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by.get(&owner).copied().unwrap_or(0);
        if taken.all >= self.all_max || own >= self.user_max {
            return Err(KernelError::Full(self.name));
        }
        taken.all += 1;
        taken.by.insert(owner.clone(), own + 1);
        Ok(Seat { taken: Arc::clone(&self.taken), owner })
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let left = taken.by.get(&self.owner).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            taken.by.remove(&self.owner);
        } else {
            taken.by.insert(self.owner.clone(), left);
        }
    }
}
