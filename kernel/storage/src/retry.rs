//! Running a transaction until it commits.

use std::sync::Arc;
use std::time::Duration;

use forecourt_base::limits::COMMIT_RETRIES;
use forecourt_base::{GroupId, Random};

use crate::{Engine, Mode, StorageError, Transaction};

/// How long to wait after the `attempt`-th conflict (counted from 0): 0, 1, 2, 4 … ms, each with jitter of half its length either way. None when it is time
/// for the try that excludes others.
#[must_use]
pub fn backoff_ms(attempt: usize, random: &dyn Random) -> Option<u64> {
    if attempt >= COMMIT_RETRIES {
        return None;
    }
    let Some(doublings) = attempt.checked_sub(1) else { return Some(0) };
    let base = 1_u64 << doublings;
    Some(base / 2 + random.next_u64() % (base + 1))
}

/// The attempts of one transaction: again after conflicts, at last with other commits of the group kept out. The loop that
/// [`transact`] is made of, for futures that must be `Send`, which a generic async closure's is not known to be:
///
/// ```
/// # use forecourt_storage::{Attempts, Engine, Space, StorageError};
/// # async fn count(engine: &std::sync::Arc<dyn Engine>, random: &dyn forecourt_base::Random, space: &Space) -> Result<(), StorageError> {
/// let mut attempts = Attempts::new(engine, None, random);
/// loop {
///     let mut transaction = attempts.begin().await?;
///     let result = transaction.put(space, b"key", "value", Vec::new()).await;
///     if let Some(done) = attempts.end(transaction, result).await? {
///         return Ok(done);
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Attempts<'a> {
    engine: &'a Arc<dyn Engine>,
    group: Option<&'a GroupId>,
    random: &'a dyn Random,
    mode: Mode,
    attempt: usize,
    pause_ms: Option<u64>,
}

impl<'a> Attempts<'a> {
    /// Attempts at a transaction of `group`, or of the deployment, that may write.
    #[must_use]
    pub fn new(engine: &'a Arc<dyn Engine>, group: Option<&'a GroupId>, random: &'a dyn Random) -> Self {
        Self { engine, group, random, mode: Mode::ReadWrite, attempt: 0, pause_ms: None }
    }

    /// The same in `mode`.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Begins the next attempt.
    ///
    /// # Errors
    /// [`StorageError::Closed`].
    pub async fn begin(&mut self) -> Result<Transaction, StorageError> {
        self.pause_ms = backoff_ms(self.attempt, self.random);
        match self.pause_ms {
            Some(_) => Transaction::begin(self.engine, self.group.cloned(), self.mode),
            None => Transaction::begin_exclusive(self.engine, self.engine.exclusive(self.group).await, self.mode),
        }
    }

    /// Commits what came to `result`: the value once it is durable, none when another attempt is due.
    ///
    /// # Errors
    /// What `result` holds, or what storage did.
    pub async fn end<T, E: From<StorageError>>(
        &mut self,
        transaction: Transaction,
        result: Result<T, E>,
    ) -> Result<Option<T>, E> {
        let error = match (transaction.conflicted(), result) {
            (true, Ok(_)) => StorageError::Conflict.into(),
            (true, Err(error)) => error,
            (false, Err(error)) => return Err(error),
            (false, Ok(value)) => match transaction.commit().await {
                Ok(_) => return Ok(Some(value)),
                Err(StorageError::Conflict) => StorageError::Conflict.into(),
                Err(error) => return Err(error.into()),
            },
        };
        match self.pause_ms {
            None => return Err(error),
            Some(0) => tokio::task::yield_now().await,
            Some(pause_ms) => tokio::time::sleep(Duration::from_millis(pause_ms)).await,
        }
        self.attempt += 1;
        Ok(None)
    }
}

/// Runs `f` in a transaction and commits it, again after conflicts, at last with other commits of the group kept out. For the kernel's own records.
///
/// `Ok` only once durable; an error of `f` leaves nothing. `f` may run several times, so it must do nothing but read and write through its transaction.
///
/// # Errors
/// What `f` returned, or what storage did.
pub async fn transact<T, E>(
    engine: &Arc<dyn Engine>,
    group: Option<&GroupId>,
    random: &dyn Random,
    mut f: impl AsyncFnMut(&mut Transaction) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<StorageError>,
{
    let mut attempts = Attempts::new(engine, group, random);
    loop {
        let mut transaction = attempts.begin().await?;
        let result = f(&mut transaction).await;
        if let Some(value) = attempts.end(transaction, result).await? {
            return Ok(value);
        }
    }
}

#[cfg(test)]
mod tests;
