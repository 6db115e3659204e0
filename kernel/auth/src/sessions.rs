//! The list of a user's sessions, and the end of one.

use std::net::IpAddr;

use forecourt_base::{GroupId, Timestamp, UserId};

use crate::Auth;
use crate::admin::{Acting, What, scope_of};
use crate::error::AuthError;
use crate::session::load_user;

/// A session as its user, and the group's admin, may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its name in this list; it opens nothing.
    pub id: String,
    /// When the user signed in.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// Where the sign-in came from.
    pub address: Option<IpAddr>,
    /// The program that it came from, as that calls itself.
    pub agent: Option<String>,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl Auth {
    /// What a user may do to himself, and else an admin. API keys are not their owner: through one, only an admin's right counts.
    pub(crate) fn own_or_admin<'a>(
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
        action: &'static str,
        scope: Option<&'a forecourt_base::Scope>,
    ) -> What<'a> {
        let principal = acting.principal;
        let own = principal.api_key.is_none() && principal.group.as_ref() == group && principal.user == *user;
        if own { What::belonging(action, scope) } else { What::administering(action, scope) }
    }

    /// The open sessions of a user, oldest first: users see their own, admins all.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] and those of every action.
    pub async fn sessions(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<Vec<SessionInfo>, AuthError> {
        let scope = scope_of(group);
        inspect!(self, acting, Self::own_or_admin(acting, group, user, "list-sessions", scope.as_ref()), |tx| {
            if load_user(tx, group, Some(user)).await?.is_none() {
                return Err(AuthError::unknown("user", user));
            }
            let now = self.clock.now();
            let mut list = Vec::new();
            for (key, session) in self.sessions_of(tx, group, user).await? {
                if now >= session.expires {
                    continue;
                }
                list.push(SessionInfo {
                    id: key.public_id(),
                    created: session.created,
                    expires: session.expires,
                    address: session.address,
                    agent: session.agent,
                    last_used: self.last_used(tx, &key).await?,
                    current: key == acting.principal.session,
                });
            }
            Ok(list)
        })
    }

    /// Ends one session of a user at once: users their own, admins any.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] user or session, and those of every action.
    pub async fn revoke_session(
        &self,
        acting: Acting<'_>,
        group: Option<&GroupId>,
        user: &UserId,
        session: &str,
    ) -> Result<(), AuthError> {
        let scope = scope_of(group);
        let what = Self::own_or_admin(acting, group, user, "revoke-session", scope.as_ref());
        administer!(self, acting, what, |tx, trail, _now| {
            trail.note(format!("{user} {session}"));
            if load_user(tx, group, Some(user)).await?.is_none() {
                return Err(AuthError::unknown("user", user));
            }
            let open = self.sessions_of(tx, group, user).await?;
            let found = open.iter().find(|(key, _)| key.public_id() == session);
            let (key, _) = found.ok_or_else(|| AuthError::unknown("session", session))?;
            self.drop_session(tx, *key).await?;
            Ok(())
        })
    }
}
