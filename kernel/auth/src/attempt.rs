//! Running a transaction until it commits: the loop over [`Attempts`](forecourt_storage::Attempts) written out once, as macros, since the
//! future of a generic async closure that borrows is not known to be `Send`, and all of this crate's are awaited by tasks that move between threads.

/// Runs a block with `?` and `return` of its own in a transaction of the group, again after conflicts.
macro_rules! transaction {
    ($auth:expr, $mode:ident, $group:expr, |$tx:ident| $body:block) => {{
        let auth: &$crate::Auth = $auth;
        let mut attempts = forecourt_storage::Attempts::new(&auth.engine, $group, auth.random.as_ref())
            .with_mode(forecourt_storage::Mode::$mode);
        loop {
            let mut transaction = match attempts.begin().await {
                Ok(transaction) => transaction,
                Err(error) => break Err($crate::error::AuthError::from(error)),
            };
            let result: Result<_, $crate::error::AuthError> = {
                let $tx = &mut transaction;
                async { $body }.await
            };
            match attempts.end(transaction, result).await {
                Ok(None) => {}
                Ok(Some(value)) => break Ok(value),
                Err(error) => break Err(error),
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
