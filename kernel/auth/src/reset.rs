//! Password resets: an admin issues a token, the user sets a new password with it, once.

use std::fmt;
use std::net::IpAddr;

use forecourt_base::{GroupId, Timestamp, UserId, limits};
use forecourt_storage::{Direction, IndexRange, Transaction};

use crate::Auth;
use crate::admin::{Acting, Trail, What, scope_of, write_user};
use crate::audit::{self, Actor, AuditEntry, Outcome};
use crate::error::AuthError;
use crate::password::check_password;
use crate::record::{BY_USER, ResetRecord, UserRecord, session_owner};
use crate::session::load_user;
use crate::throttle::Guess;
use crate::token::{Purpose, SessionKey, new_token};

#[cfg(test)]
mod tests;

const RESET_MS: i64 = limits::RESET_H as i64 * 60 * 60 * 1_000;

/// A reset that was just issued. Its token is told this once.
#[derive(Clone)]
pub struct PasswordReset {
    /// What the user sets a new password with.
    pub token: String,
    /// When it is good no more.
    pub expires: Timestamp,
}

impl fmt::Debug for PasswordReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordReset").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Auth {
    /// Issues a token with which the user can set a new password; one that was issued before is good no more. Needs the right to administer.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], [`AuthError::Invalid`] for a service user, and those of every action.
    pub async fn issue_password_reset(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<PasswordReset, AuthError> {
        let scope = scope_of(group);
        let (token, key) = new_token(self.random.as_ref(), Purpose::Reset);
        let what = What::administering("issue-password-reset", scope.as_ref());
        let expires = administer!(self, acting, what, |tx, trail, now| {
            trail.note(user.as_str());
            let record = load_user(tx, group, Some(user)).await?.ok_or_else(|| AuthError::unknown("user", user))?;
            if record.user.service {
                return Err(AuthError::rule(
                    "user",
                    "is a service user, which has no password",
                    "是服务用户，没有密码",
                ));
            }
            self.drop_resets(tx, group, user).await?;
            let expires = now.plus_millis(RESET_MS);
            let reset = ResetRecord { group: group.cloned(), user: user.clone(), created: now, expires };
            tx.put_json(&self.spaces.resets, key.as_bytes(), &reset, reset.entries()).await?;
            Ok(expires)
        })?;
        Ok(PasswordReset { token, expires })
    }

    pub(crate) async fn drop_resets(
        &self,
        tx: &mut Transaction,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<(), AuthError> {
        let (lower, upper) = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let range = IndexRange { equal: session_owner(group, user), lower, upper };
        let issued = tx.query(&self.spaces.resets, BY_USER, &range, Direction::Forward, 16, None).await?;
        for row in issued.items {
            tx.delete(&self.spaces.resets, &row.key).await?;
        }
        Ok(())
    }

    /// Sets a user's new password with a token that an admin issued, which is then used up. All sessions and API keys of the user end.
    ///
    /// # Errors
    /// [`AuthError::TokenRefused`] for a token that is unknown, used, expired or of a user who may not sign in, alike; [`AuthError::Throttled`] after too
    /// many of those from one address; [`AuthError::Invalid`] password; [`AuthError::Busy`], [`AuthError::Storage`].
    pub async fn reset_password(
        &self,
        token: &str,
        password: &str,
        address: IpAddr,
        request_id: &str,
    ) -> Result<(), AuthError> {
        self.throttle.check_guesses(Guess::Reset, address, self.clock.now())?;
        let result = self.reset_with(token, password, request_id).await;
        if let Err(AuthError::TokenRefused) = &result {
            self.throttle.count_guess(Guess::Reset, address, self.clock.now());
            let outcome = Outcome::Denied("token-refused".to_owned());
            self.count_denial(AuditEntry::new(self.clock.now(), None, None, "reset-password", outcome, request_id));
        }
        result
    }

    async fn reset_with(&self, token: &str, password: &str, request_id: &str) -> Result<(), AuthError> {
        let key = SessionKey::for_purpose(Purpose::Reset, token).ok_or(AuthError::TokenRefused)?;
        let (reset, _) = transaction!(self, ReadOnly, None, |tx| { self.good_reset(tx, &key).await })?;
        let (group, user) = (reset.group.as_ref(), &reset.user);
        check_password(password, user)?;
        let hash = self.passwords.hash(password, self.random.as_ref()).await?;
        transaction!(self, ReadWrite, group, |tx| {
            let (_, before) = self.good_reset(tx, &key).await?;
            let mut trail = Trail::default();
            self.drop_resets(tx, group, user).await?;
            let after = UserRecord { password: hash.clone(), revision: before.revision.saturating_add(1), ..before };
            write_user(self, tx, &mut trail, group, &after).await?;
            self.end_sessions(tx, group, user).await?;
            self.end_api_keys(tx, group, user).await?;
            let actor = Some(Actor::user(group.cloned(), user.clone()));
            let entry =
                AuditEntry::new(self.clock.now(), actor, scope_of(group), "reset-password", Outcome::Done, request_id);
            audit::append(tx, &trail.into_entry(entry)).await
        })
    }

    /// The reset under a key while it is good, and its user.
    async fn good_reset(&self, tx: &mut Transaction, key: &SessionKey) -> Result<(ResetRecord, UserRecord), AuthError> {
        let reset: Option<ResetRecord> = tx.get_json(&self.spaces.resets, key.as_bytes()).await?;
        let reset = reset.filter(|reset| self.clock.now() < reset.expires).ok_or(AuthError::TokenRefused)?;
        let user = load_user(tx, reset.group.as_ref(), Some(&reset.user)).await?;
        let user = user.filter(|record| record.user.enabled && !record.user.service).ok_or(AuthError::TokenRefused)?;
        Ok((reset, user))
    }
}
