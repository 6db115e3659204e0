//! When sessions and API keys were last used: noted in memory with each request, written now and then.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};

use forecourt_base::{Timestamp, limits};
use forecourt_storage::Transaction;

use crate::Auth;
use crate::error::AuthError;
use crate::token::SessionKey;

/// Uses written in one transaction.
const WRITTEN_AT_ONCE: usize = 256;

/// Uses that were not written yet.
#[derive(Debug, Default)]
pub(crate) struct Uses(RwLock<HashMap<SessionKey, AtomicI64>>);

impl Uses {
    /// Notes a use. Beyond [`limits::USES_HELD`] those of further sessions are not noted.
    pub(crate) fn note(&self, key: SessionKey, now: Timestamp) {
        if let Some(at) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            at.store(now.as_millis(), Ordering::Relaxed);
            return;
        }
        let mut uses = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < limits::USES_HELD {
            uses.insert(key, AtomicI64::new(now.as_millis()));
        }
    }

    fn of(&self, key: &SessionKey) -> Option<Timestamp> {
        let uses = self.0.read().unwrap_or_else(PoisonError::into_inner);
        uses.get(key).map(|at| Timestamp::from_millis(at.load(Ordering::Relaxed)))
    }

    fn take(&self) -> Vec<(SessionKey, i64)> {
        let mut uses = self.0.write().unwrap_or_else(PoisonError::into_inner);
        uses.drain().map(|(key, at)| (key, at.into_inner())).collect()
    }

    fn put_back(&self, uses: &[(SessionKey, i64)]) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, at) in uses {
            if let Entry::Vacant(vacant) = held.entry(*key) {
                vacant.insert(AtomicI64::new(*at));
            }
        }
    }
}

impl Auth {
    /// When a session or API key was last used, as far as that is known: a kill loses the last [`limits::USES_WRITTEN_S`].
    pub(crate) async fn last_used(
        &self,
        tx: &mut Transaction,
        key: &SessionKey,
    ) -> Result<Option<Timestamp>, AuthError> {
        match self.uses.of(key) {
            Some(at) => Ok(Some(at)),
            None => Ok(tx.get_json(&self.spaces.last_used, key.as_bytes()).await?),
        }
    }

    /// Writes down what was used since the last time.
    ///
    /// # Errors
    /// [`AuthError::Storage`]; what was not written is kept for the next time.
    pub async fn write_uses(&self) -> Result<(), AuthError> {
        let uses = self.uses.take();
        for (number, chunk) in uses.chunks(WRITTEN_AT_ONCE).enumerate() {
            let written = transaction!(self, ReadWrite, None, |tx| {
                for (key, at) in chunk {
                    // One that ended meanwhile leaves nothing.
                    if tx.get(&self.spaces.sessions, key.as_bytes()).await?.is_some() {
                        tx.put_json(&self.spaces.last_used, key.as_bytes(), at, Vec::new()).await?;
                    }
                }
                Ok(())
            });
            if let Err(error) = written {
                self.uses.put_back(uses.get(number * WRITTEN_AT_ONCE..).unwrap_or_default());
                return Err(error);
            }
        }
        Ok(())
    }
}
