//! What authorisation refuses, and why.

use std::fmt;

use forecourt_base::{Bilingual, RoleName, Scope, UserId};
use forecourt_storage::StorageError;
use thiserror::Error;

/// A request was refused or failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// Unknown user, wrong password or disabled user: one answer for all three.
    #[error("the user or the password is wrong")]
    BadCredentials,
    /// Too many failed sign-ins of this account from this address, or of this address, or too many guesses of tokens from there.
    #[error("too many failures: try again in {retry_after_s} seconds")]
    Throttled {
        /// Seconds until the oldest failures are forgotten.
        retry_after_s: u64,
    },
    /// More sign-ins wait for a password hash than the queue holds.
    #[error("too many sign-ins at once: try again in a moment")]
    Busy,
    /// The sign-in named no group and the deployment has several.
    #[error("this deployment has several groups: name yours in `group`")]
    GroupNeeded,
    /// The token names no open session.
    #[error("the session is not open: sign in again")]
    SessionEnded,
    /// The session's time is over.
    #[error("the session has expired: sign in again")]
    SessionExpired,
    /// The user's roles, name or departments changed after the principal was made. [`crate::Auth::refresh`] gives the new one.
    #[error("the user's rights changed during the call: try again")]
    PrincipalChanged,
    /// The principal lacks the right.
    #[error("`{right}` in `{scope}` is refused: {reason}")]
    Denied {
        /// The operation or administrative right that was asked for.
        right: String,
        /// The group, `group/store`, or `deployment`.
        scope: String,
        /// Why.
        reason: DenyReason,
    },
    /// A field breaks its rule.
    #[error("`{field}` {rule}")]
    Invalid {
        /// The field in snake case.
        field: &'static str,
        /// The rule, as the rest of a sentence that begins with the field.
        rule: Bilingual,
    },
    /// Nothing has this id.
    #[error("{what} `{id}` is not known")]
    Unknown {
        /// `group`, `store`, `user`, `role`, `session` or `API key`.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// The id is taken.
    #[error("{what} `{id}` exists already")]
    Exists {
        /// `group`, `store`, `user`, `role` or `deployment`.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// The change would leave nobody who can administer.
    #[error("`{scope}` would be left without a `{role}`: give another user the role first")]
    LastAdmin {
        /// The group, or `deployment`.
        scope: String,
        /// The role that must be held.
        role: &'static str,
    },
    /// The role belongs to the deployment and can't be given or made in a group.
    #[error("role `{role}` belongs to the deployment and can't be given or made in a group")]
    ReservedRole {
        /// The role.
        role: RoleName,
    },
    /// The role's grants are part of the kernel.
    #[error("role `{role}` is fixed: make a role of your own instead")]
    FixedRole {
        /// The role.
        role: RoleName,
    },
    /// The role was made with the group and stays: plugins name it.
    #[error("role `{role}` was made with the group and can't be deleted")]
    BuiltInRole {
        /// The role.
        role: RoleName,
    },
    /// Somebody holds the role that was to be deleted.
    #[error("role `{role}` is held by `{user}`: take it away first")]
    RoleHeld {
        /// The role.
        role: RoleName,
        /// One who holds it.
        user: UserId,
    },
    /// A token for a single purpose is unknown, used or expired: one answer for all.
    #[error("the token is not good: ask for another")]
    TokenRefused,
    /// A stored record did not pass its check.
    #[error("stored {what} can't be read")]
    Corrupt {
        /// Which kind of record.
        what: &'static str,
    },
    /// The store below refused or failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AuthError {
    /// A stable name of the case, for problem types and audit rows.
    #[must_use]
    pub fn case(&self) -> &'static str {
        match self {
            Self::BadCredentials => "bad-credentials",
            Self::Throttled { .. } => "throttled",
            Self::Busy => "busy",
            Self::GroupNeeded => "group-needed",
            Self::SessionEnded => "session-ended",
            Self::SessionExpired => "session-expired",
            Self::PrincipalChanged => "principal-changed",
            Self::Denied { .. } => "denied",
            Self::Invalid { .. } => "invalid",
            Self::Unknown { .. } => "unknown",
            Self::Exists { .. } => "exists",
            Self::LastAdmin { .. } => "last-admin",
            Self::ReservedRole { .. } => "reserved-role",
            Self::FixedRole { .. } => "fixed-role",
            Self::BuiltInRole { .. } => "built-in-role",
            Self::RoleHeld { .. } => "role-held",
            Self::TokenRefused => "token-refused",
            Self::Corrupt { .. } => "corrupt",
            Self::Storage(_) => "storage",
        }
    }

    /// Whether the caller has to sign in again.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::BadCredentials | Self::SessionEnded | Self::SessionExpired)
    }

    /// Whether another attempt, from the beginning, may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_retryable())
    }

    /// The refusal of `right`, an operation or an administrative right, in `scope` (none: the deployment).
    #[must_use]
    pub fn denied(right: impl fmt::Display, scope: Option<&Scope>, reason: DenyReason) -> Self {
        let scope = scope.map_or_else(|| "deployment".to_owned(), Scope::to_string);
        Self::Denied { right: right.to_string(), scope, reason }
    }

    pub(crate) fn invalid(field: &'static str, rule: Bilingual) -> Self {
        Self::Invalid { field, rule }
    }

    pub(crate) fn rule(field: &'static str, en: &'static str, zh: &'static str) -> Self {
        Self::invalid(field, Bilingual::fixed(en, zh))
    }

    pub(crate) fn unknown(what: &'static str, id: impl fmt::Display) -> Self {
        Self::Unknown { what, id: id.to_string() }
    }

    pub(crate) fn exists(what: &'static str, id: impl fmt::Display) -> Self {
        Self::Exists { what, id: id.to_string() }
    }
}

/// Why a decision is no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// The principal belongs to another group, or to the deployment.
    OtherGroup,
    /// No role of the principal holds in this store or for the whole group.
    NotMember,
    /// The group has no such store. Told only to those with a role for the whole group.
    UnknownStore,
    /// No role of the principal in this scope grants it.
    NoGrant,
}

impl DenyReason {
    /// A stable name, for problem bodies and audit rows.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OtherGroup => "other-group",
            Self::NotMember => "not-member",
            Self::UnknownStore => "unknown-store",
            Self::NoGrant => "no-grant",
        }
    }
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherGroup => "it belongs to another group",
            Self::NotMember => "no role of yours holds there",
            Self::UnknownStore => "the group has no such store",
            Self::NoGrant => "no role of yours there allows it",
        })
    }
}
