//! Running a transaction until it commits.
//!
//! `storage::transact` takes an async closure. Where one borrows, the compiler can't show its future to be `Send`, and all of this crate's are awaited
//! by tasks that move between threads. So the loop is written out, once, as macros over [`Attempts`].

use std::time::Duration;

use forecourt_base::GroupId;
use forecourt_storage::{Mode, StorageError, Transaction, backoff_ms};

use crate::Auth;
use crate::error::AuthError;

/// The attempts of one transaction: with pauses between them, the last with other commits of the group kept out.
pub(crate) struct Attempts<'a> {
    auth: &'a Auth,
    mode: Mode,
    group: Option<&'a GroupId>,
    pause_ms: Option<u64>,
    number: usize,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(auth: &'a Auth, mode: Mode, group: Option<&'a GroupId>) -> Self {
        Self { auth, mode, group, pause_ms: Some(0), number: 0 }
    }

    pub(crate) async fn begin(&mut self) -> Result<Transaction, AuthError> {
        let engine = &self.auth.engine;
        self.pause_ms = backoff_ms(self.number, self.auth.random.as_ref());
        self.number += 1;
        Ok(match self.pause_ms {
            Some(_) => Transaction::begin(engine, self.group.cloned(), self.mode)?,
            None => Transaction::begin_exclusive(engine, engine.exclusive(self.group).await, self.mode)?,
        })
    }

    /// Commits what succeeded. None when the transaction is to be run again.
    pub(crate) async fn end<T>(
        &self,
        transaction: Transaction,
        result: Result<T, AuthError>,
    ) -> Option<Result<T, AuthError>> {
        let result = match (transaction.conflicted(), result) {
            (true, _) => Err(StorageError::Conflict.into()),
            (false, Err(error)) => Err(error),
            (false, Ok(value)) => transaction.commit().await.map(|_| value).map_err(AuthError::from),
        };
        match (&result, self.pause_ms) {
            (Err(AuthError::Storage(StorageError::Conflict)), Some(0)) => tokio::task::yield_now().await,
            (Err(AuthError::Storage(StorageError::Conflict)), Some(pause_ms)) => {
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
            _ => return Some(result),
        }
        None
    }
}

/// Runs a block with `?` and `return` of its own in a transaction of the group, again after conflicts.
macro_rules! transaction {
    ($auth:expr, $mode:ident, $group:expr, |$tx:ident| $body:block) => {{
        let mut attempts = $crate::attempt::Attempts::new($auth, forecourt_storage::Mode::$mode, $group);
        loop {
            let mut transaction = match attempts.begin().await {
                Ok(transaction) => transaction,
                Err(error) => break Err(error),
            };
            let result: Result<_, $crate::error::AuthError> = {
                let $tx = &mut transaction;
                async { $body }.await
            };
            if let Some(result) = attempts.end(transaction, result).await {
                break result;
            }
        }
    }};
}

/// Does a block under a right and audits it, in one transaction; refused or failed it leaves its audit row alone.
macro_rules! administer {
    ($auth:expr, $acting:expr, $what:expr, |$tx:ident, $trail:ident, $now:ident| $body:block) => {{
        let what: $crate::admin::What<'_> = $what;
        let result = transaction!($auth, ReadWrite, what.group(), |$tx| {
            let $now = $auth.clock.now();
            $auth.authorise_in($tx, $acting.principal, what.right, what.scope).await?;
            let mut trail = $crate::admin::Trail::default();
            let result: Result<_, $crate::error::AuthError> = {
                let $trail = &mut trail;
                async { $body }.await
            };
            let value = result?;
            $auth.audit_done($tx, $acting, what, trail, $now).await?;
            Ok(value)
        });
        if let Err(error) = &result {
            $auth.audit_refusal($acting, what.scope, what.action, error).await?;
        }
        result
    }};
}

/// Reads in a block under a right. Only a refusal is audited.
macro_rules! inspect {
    ($auth:expr, $acting:expr, $what:expr, |$tx:ident| $body:block) => {{
        let what: $crate::admin::What<'_> = $what;
        let result = transaction!($auth, ReadOnly, what.group(), |$tx| {
            $auth.authorise_in($tx, $acting.principal, what.right, what.scope).await?;
            $body
        });
        if let Err(error @ $crate::error::AuthError::Denied { .. }) = &result {
            $auth.audit_refusal($acting, what.scope, what.action, error).await?;
        }
        result
    }};
}
