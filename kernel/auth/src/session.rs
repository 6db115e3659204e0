//! Sign-in, sessions, and what a session says of its user at this moment.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use forecourt_base::{GroupId, Scope, Timestamp, UserId, limits};
use forecourt_storage::{Direction, IndexRange, KeyRange, Transaction};

use crate::Auth;
use crate::audit::{self, Actor, AuditEntry, Outcome};
use crate::error::AuthError;
use crate::principal::{Origin, Principal, covers};
use crate::record::{Assignment, BY_USER, SessionRecord, UserRecord, session_owner};
use crate::space;
use crate::throttle::{Account, Guess};
use crate::token::{API_KEY_PREFIX, Purpose, SessionKey, new_token};
use crate::version::{self, Version};

#[cfg(test)]
mod tests;

/// Of what a program calls itself, this much is kept.
const AGENT_CHARACTERS: usize = 160;
const SESSION_MS: i64 = limits::SESSION_H as i64 * 60 * 60 * 1_000;

/// What someone who wants to sign in gives.
pub struct SignIn<'a> {
    /// The group. None where there is one group alone, or for users of the deployment.
    pub group: Option<GroupId>,
    /// The sign-in name, in any case.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
    /// Where the request came from.
    pub address: IpAddr,
    /// The request's id, for the audit trail.
    pub request_id: &'a str,
}

impl fmt::Debug for SignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("group", &self.group).finish_non_exhaustive()
    }
}

/// An open session. The token is told this once.
pub struct NewSession {
    /// What the holder shows with every request.
    pub token: String,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// Who signed in.
    pub principal: Arc<Principal>,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession")
            .field("expires", &self.expires)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// Whom a sign-in means.
#[derive(Debug)]
struct Candidate {
    /// The user's group, or the existing group that was named; none for the deployment.
    group: Option<GroupId>,
    record: Option<UserRecord>,
    /// No group was named and there are several, so that none was looked in.
    group_needed: bool,
}

impl Auth {
    /// Opens a session for the user whose name and password are given. The oldest of the user's sessions go when there are
    /// [`limits::SESSIONS_PER_USER`] already.
    ///
    /// # Errors
    /// [`AuthError::BadCredentials`] for an unknown user, a wrong password and a disabled user alike; [`AuthError::GroupNeeded`] instead where no
    /// group was named and there are several; [`AuthError::Throttled`], [`AuthError::Busy`], [`AuthError::Storage`].
    pub async fn sign_in(&self, request: SignIn<'_>) -> Result<NewSession, AuthError> {
        self.sign_in_from(request, None).await
    }

    /// The same from a program that calls itself `agent`, which the list of the user's sessions then shows.
    ///
    /// # Errors
    /// As [`Auth::sign_in`].
    pub async fn sign_in_from(&self, request: SignIn<'_>, agent: Option<&str>) -> Result<NewSession, AuthError> {
        let user = UserId::new(request.user.trim().to_ascii_lowercase()).ok();
        let account = Account { group: request.group.clone(), user: user.clone() };
        let attempt = self.throttle.begin(account, Some(request.address), self.clock.now())?;
        let checked = self.check_password_of(&request, user.as_ref()).await;
        let (candidate, matches) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                attempt.not_made();
                return Err(error);
            }
        };
        let opened = match (&candidate.record, matches) {
            (Some(record), true) => self.open_session(&candidate, record, (&request, agent)).await,
            _ => Err(AuthError::BadCredentials),
        };
        match opened {
            Ok(session) => {
                attempt.succeeded();
                Ok(session)
            }
            Err(AuthError::BadCredentials) => {
                // The attempt is dropped, so it stays counted.
                self.audit_bad_sign_in(&candidate, request.request_id);
                Err(if candidate.group_needed { AuthError::GroupNeeded } else { AuthError::BadCredentials })
            }
            Err(error) => {
                attempt.not_made();
                Err(error)
            }
        }
    }

    /// INVARIANT (alike-refusals): one look-up and one argon2 run, whoever is named.
    async fn check_password_of(
        &self,
        request: &SignIn<'_>,
        user: Option<&UserId>,
    ) -> Result<(Candidate, bool), AuthError> {
        let candidate =
            transaction!(self, ReadOnly, None, |tx| { self.candidate(tx, request.group.as_ref(), user).await })?;
        let usable = candidate.record.as_ref().filter(|record| record.user.enabled && !record.user.service);
        let matches = self.passwords.verify(request.password, usable.map(|record| record.password.as_str())).await?;
        Ok((candidate, matches))
    }

    async fn candidate(
        &self,
        tx: &mut Transaction,
        group: Option<&GroupId>,
        user: Option<&UserId>,
    ) -> Result<Candidate, AuthError> {
        let Some(group) = group else { return self.candidate_without_group(tx, user).await };
        let exists = tx.get(&self.spaces.groups, group.as_str().as_bytes()).await?.is_some();
        let record = load_user(tx, Some(group), user).await?;
        Ok(Candidate { group: exists.then(|| group.clone()), record, group_needed: false })
    }

    /// A user of the deployment, or of the only group. No group has a user named like one of the deployment.
    async fn candidate_without_group(
        &self,
        tx: &mut Transaction,
        user: Option<&UserId>,
    ) -> Result<Candidate, AuthError> {
        let groups = tx.scan(&self.spaces.groups, &KeyRange::all(), Direction::Forward, 2).await?;
        let only = match groups.items.as_slice() {
            [only] => std::str::from_utf8(&only.key).ok().and_then(|id| GroupId::new(id).ok()),
            _ => None,
        };
        let of_deployment = load_user(tx, None, user).await?;
        let of_only = match &only {
            Some(group) => load_user(tx, Some(group), user).await?,
            None => None,
        };
        Ok(match of_deployment {
            Some(record) => Candidate { group: None, record: Some(record), group_needed: groups.items.len() > 1 },
            None => Candidate { group: only, record: of_only, group_needed: groups.items.len() > 1 },
        })
    }

    async fn open_session(
        &self,
        candidate: &Candidate,
        checked: &UserRecord,
        (request, agent): (&SignIn<'_>, Option<&str>),
    ) -> Result<NewSession, AuthError> {
        let (token, key) = new_token(self.random.as_ref(), Purpose::Session);
        let agent =
            agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARACTERS).collect::<String>());
        let group = candidate.group.as_ref();
        let (expires, principal) = transaction!(self, ReadWrite, group, |tx| {
            let now = self.clock.now();
            let record = load_user(tx, group, Some(&checked.user.id)).await?;
            // The hash may have taken a while: what it was checked against must stand still.
            let unchanged = |record: &UserRecord| record.user.enabled && record.password == checked.password;
            let Some(record) = record.filter(unchanged) else { return Err(AuthError::BadCredentials) };
            let version = version::read(tx, &self.spaces, group).await?;
            self.make_room(tx, group, &record.user.id, now).await?;
            let (user, expires) = (record.user.id.clone(), now.plus_millis(SESSION_MS));
            let (address, agent, api_key) = (Some(request.address), agent.clone(), None);
            let session = SessionRecord { group: group.cloned(), user, created: now, expires, address, agent, api_key };
            tx.put_json(&self.spaces.sessions, key.as_bytes(), &session, session.entries()).await?;
            let principal = principal(session, key, record, version);
            let actor = Some(Actor::from(&principal));
            let entry = entry(now, actor, group, "sign-in", Outcome::Done, request.request_id);
            audit::append(tx, &entry).await?;
            Ok((expires, principal))
        })?;
        Ok(NewSession { token, expires, principal: Arc::new(principal) })
    }

    /// Drops the user's expired sessions, and the oldest until there is room for one more.
    async fn make_room(
        &self,
        tx: &mut Transaction,
        group: Option<&GroupId>,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let open = self.sessions_of(tx, group, user).await?;
        let mut surplus = (open.len() + 1).saturating_sub(limits::SESSIONS_PER_USER);
        for (key, session) in open {
            if surplus > 0 || now >= session.expires {
                self.drop_session(tx, key).await?;
                surplus = surplus.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// The user's sessions, oldest first.
    pub(crate) async fn sessions_of(
        &self,
        tx: &mut Transaction,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<Vec<(SessionKey, SessionRecord)>, AuthError> {
        self.vouchers_of(tx, BY_USER, group, user).await
    }

    /// What an index has of the user: sessions or API keys, oldest first.
    pub(crate) async fn vouchers_of(
        &self,
        tx: &mut Transaction,
        index: &str,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<Vec<(SessionKey, SessionRecord)>, AuthError> {
        let range = IndexRange {
            equal: session_owner(group, user),
            lower: std::ops::Bound::Unbounded,
            upper: std::ops::Bound::Unbounded,
        };
        let limit = limits::SESSIONS_PER_USER * 2;
        let rows = tx.query(&self.spaces.sessions, index, &range, Direction::Forward, limit, None).await?;
        let parse = |row: &forecourt_storage::Row| {
            let session = serde_json::from_slice(&row.value).ok();
            SessionKey::from_bytes(&row.key).zip(session).ok_or(AuthError::Corrupt { what: "session" })
        };
        rows.items.iter().map(parse).collect()
    }

    /// Ends every session of a user; says how many there were.
    pub(crate) async fn end_sessions(
        &self,
        tx: &mut Transaction,
        group: Option<&GroupId>,
        user: &UserId,
    ) -> Result<usize, AuthError> {
        let open = self.sessions_of(tx, group, user).await?;
        for (key, _) in &open {
            self.drop_session(tx, *key).await?;
        }
        Ok(open.len())
    }

    /// Ends a session or revokes an API key; whether there was one.
    pub(crate) async fn drop_session(&self, tx: &mut Transaction, key: SessionKey) -> Result<bool, AuthError> {
        tx.delete(&self.spaces.last_used, key.as_bytes()).await?;
        Ok(tx.delete(&self.spaces.sessions, key.as_bytes()).await?)
    }

    /// A refusal is counted whoever was named. Names that are no user's are left out: people type passwords into the wrong field.
    fn audit_bad_sign_in(&self, candidate: &Candidate, request_id: &str) {
        let group = candidate.group.as_ref();
        let actor = candidate.record.as_ref().map(|record| Actor::user(group.cloned(), record.user.id.clone()));
        let outcome = Outcome::Denied("bad-credentials".to_owned());
        self.count_denial(entry(self.clock.now(), actor, group, "sign-in", outcome, request_id));
    }

    /// Appends an audit row in a transaction of its own.
    pub(crate) async fn append(&self, group: Option<&GroupId>, entry: &AuditEntry) -> Result<(), AuthError> {
        transaction!(self, ReadWrite, group, |tx| { audit::append(tx, entry).await })
    }

    /// Ends the session of `token`. An API key stays good until it is revoked.
    ///
    /// # Errors
    /// [`AuthError::SessionEnded`] when it is not open; [`AuthError::Invalid`] for an API key; [`AuthError::Storage`].
    pub async fn sign_out(&self, token: &str, request_id: &str) -> Result<(), AuthError> {
        let key = SessionKey::of(token).ok_or(AuthError::SessionEnded)?;
        let principal = self.authenticate(token).await?;
        if principal.api_key.is_some() {
            return Err(AuthError::rule(
                "session",
                "is an API key, which is revoked, not signed out",
                "是 API 密钥：只能吊销，不能登出",
            ));
        }
        let group = principal.group.as_ref();
        transaction!(self, ReadWrite, group, |tx| {
            if !self.drop_session(tx, key).await? {
                return Err(AuthError::SessionEnded);
            }
            let actor = Some(Actor::from(principal.as_ref()));
            audit::append(tx, &entry(self.clock.now(), actor, group, "sign-out", Outcome::Done, request_id)).await
        })
    }

    /// Who holds `token`, from a transaction of its own.
    ///
    /// # Errors
    /// [`AuthError::SessionEnded`], [`AuthError::SessionExpired`], [`AuthError::Storage`].
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Principal>, AuthError> {
        let key = SessionKey::of(token).ok_or(AuthError::SessionEnded)?;
        let principal = transaction!(self, ReadOnly, None, |tx| { self.principal_of(tx, key).await.map(Arc::new) })?;
        self.uses.note(key, self.clock.now());
        Ok(principal)
    }

    /// The same for a request from `address`: guesses of API keys from there are counted, and told to wait when they are too many. Good keys and sessions
    /// pass whatever others from the same address do.
    ///
    /// # Errors
    /// As [`Auth::authenticate`]; [`AuthError::Throttled`].
    pub async fn authenticate_from(&self, token: &str, address: IpAddr) -> Result<Arc<Principal>, AuthError> {
        let result = self.authenticate(token).await;
        if let Err(AuthError::SessionEnded) = &result
            && token.starts_with(API_KEY_PREFIX)
        {
            let now = self.clock.now();
            self.throttle.check_guesses(Guess::ApiKey, address, now)?;
            self.throttle.count_guess(Guess::ApiKey, address, now);
        }
        result
    }

    /// Checks within a call's transaction that the principal's session is open and that its user is as it was. The transaction then depends on
    /// both, so that it can't commit after a revocation that it did not see. Fast: two reads while nothing changed in the group.
    ///
    /// # Errors
    /// [`AuthError::SessionEnded`], [`AuthError::SessionExpired`]; [`AuthError::PrincipalChanged`] when the user's roles or departments are others
    /// now, for which [`Auth::refresh`] gives the new principal; [`AuthError::Storage`], of which a conflict is to be retried.
    pub async fn reauthenticate(&self, tx: &mut Transaction, principal: &Principal) -> Result<(), AuthError> {
        // The record of a session, or of a link while it is open, never changes, so what the principal keeps of it is still true while it is there.
        let vouchers = if principal.link.is_some() { &self.spaces.links } else { &self.spaces.sessions };
        if tx.get(vouchers, principal.session.as_bytes()).await?.is_none() {
            return Err(AuthError::SessionEnded);
        }
        if self.clock.now() >= principal.expires {
            return Err(AuthError::SessionExpired);
        }
        if principal.link.is_some() {
            return Ok(());
        }
        if version::read(tx, &self.spaces, principal.group.as_ref()).await? == principal.version {
            return Ok(());
        }
        match load_user(tx, principal.group.as_ref(), Some(&principal.user)).await? {
            Some(record) if !record.user.enabled => Err(AuthError::SessionEnded),
            Some(record) if record.revision == principal.revision => Ok(()),
            Some(_) => Err(AuthError::PrincipalChanged),
            None => Err(AuthError::SessionEnded),
        }
    }

    /// The principal of the same session as it is now, within `tx`.
    ///
    /// # Errors
    /// As [`Auth::authenticate`].
    pub async fn refresh(&self, tx: &mut Transaction, principal: &Principal) -> Result<Arc<Principal>, AuthError> {
        self.principal_of(tx, principal.session).await.map(Arc::new)
    }

    async fn open_session_of(&self, tx: &mut Transaction, key: SessionKey) -> Result<SessionRecord, AuthError> {
        let session = tx.get(&self.spaces.sessions, key.as_bytes()).await?.ok_or(AuthError::SessionEnded)?;
        let session: SessionRecord =
            serde_json::from_slice(&session).map_err(|_| AuthError::Corrupt { what: "session" })?;
        if self.clock.now() >= session.expires {
            return Err(AuthError::SessionExpired);
        }
        Ok(session)
    }

    async fn principal_of(&self, tx: &mut Transaction, key: SessionKey) -> Result<Principal, AuthError> {
        let session = self.open_session_of(tx, key).await?;
        let version = version::read(tx, &self.spaces, session.group.as_ref()).await?;
        match load_user(tx, session.group.as_ref(), Some(&session.user)).await? {
            Some(record) if record.user.enabled => Ok(principal(session, key, record, version)),
            _ => Err(AuthError::SessionEnded),
        }
    }
}

fn principal(session: SessionRecord, key: SessionKey, record: UserRecord, version: Version) -> Principal {
    let UserRecord { user, revision, .. } = record;
    let mut roles = user.roles;
    let api_key = session.api_key.map(|part| {
        roles = within(&roles, part.roles);
        part.id
    });
    Principal {
        group: session.group,
        user: user.id,
        name: user.name,
        session: key,
        expires: session.expires,
        api_key,
        roles: roles.into_iter().map(|given| (given.role, given.store)).collect(),
        departments: user.departments,
        origin: Origin::User,
        link: None,
        version,
        revision,
    }
}

/// What of an API key's roles its owner has now: a role for the whole group has those of its stores in it.
pub(crate) fn within(owned: &[Assignment], asked: Vec<Assignment>) -> Vec<Assignment> {
    let has = |asked: &Assignment| {
        owned.iter().any(|own| own.role == asked.role && covers(own.store.as_ref(), asked.store.as_ref()))
    };
    asked.into_iter().filter(has).collect()
}

/// The record of a user of a group, or of the deployment. A name that is no user's looks up one that no user can have.
pub(crate) async fn load_user(
    tx: &mut Transaction,
    group: Option<&GroupId>,
    user: Option<&UserId>,
) -> Result<Option<UserRecord>, AuthError> {
    let key = user.map_or("@", UserId::as_str);
    Ok(tx.get_json(&space::users(group)?, key.as_bytes()).await?)
}

fn entry(
    at: Timestamp,
    actor: Option<Actor>,
    group: Option<&GroupId>,
    action: &str,
    outcome: Outcome,
    request_id: &str,
) -> AuditEntry {
    AuditEntry::new(at, actor, group.cloned().map(Scope::group), action, outcome, request_id)
}
