//! Administration. Each action checks the right, acts and is audited in one transaction; a refused or failed one leaves its audit row alone.

mod organisation;
#[cfg(test)]
mod tests;

mod roles;
pub(crate) mod rules;
mod trail;
mod users;

use forecourt_base::{GroupId, Scope, Timestamp};
use forecourt_storage::{IndexEntry, Space, StorageError, Transaction};
use serde::Serialize;

pub use organisation::{NewGroup, NewStore};
pub use trail::{Exported, Verification};
pub use users::{NewServiceUser, NewUser, PasswordChange};

pub(crate) use organisation::put_group;
pub(crate) use users::{build_user, put_user, scope_of, write as write_user};

use crate::Auth;
use crate::audit::{self, Actor, AuditEntry, AuditFilter, AuditRecord, Outcome, OutcomeKind};
use crate::authorise::AdminRight;
use crate::error::AuthError;
use crate::page::{Page, PageRequest};
use crate::principal::Principal;

/// On whose behalf an action is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// The request's id, for the audit trail.
    pub request_id: &'a str,
}

/// What an action leaves in the audit trail.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    records: Vec<AuditRecord>,
    note: String,
}

impl Trail {
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.note = note.into();
    }

    /// Writes a record and notes that it was.
    pub(crate) async fn put<T: Serialize>(
        &mut self,
        tx: &mut Transaction,
        space: &Space,
        key: &str,
        value: &T,
        entries: Vec<IndexEntry>,
    ) -> Result<(), AuthError> {
        let value = serde_json::to_vec(value).map_err(StorageError::from)?;
        self.records.push(AuditRecord::new(space, key.as_bytes(), Some(&value)));
        tx.put(space, key.as_bytes(), value, entries).await?;
        Ok(())
    }

    /// Deletes a record and notes that it was.
    pub(crate) async fn delete(&mut self, tx: &mut Transaction, space: &Space, key: &str) -> Result<(), AuthError> {
        self.records.push(AuditRecord::new(space, key.as_bytes(), None));
        tx.delete(space, key.as_bytes()).await?;
        Ok(())
    }

    pub(crate) fn into_entry(self, mut entry: AuditEntry) -> AuditEntry {
        entry.records = self.records;
        entry.note = self.note;
        entry
    }
}

/// An action, the right it needs and where; none: in the deployment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct What<'a> {
    pub(crate) action: &'static str,
    pub(crate) right: AdminRight,
    pub(crate) scope: Option<&'a Scope>,
}

impl<'a> What<'a> {
    pub(crate) fn group(self) -> Option<&'a GroupId> {
        self.scope.map(|scope| &scope.group)
    }

    /// What admins of the group, or of the deployment, may do.
    pub(crate) fn administering(action: &'static str, scope: Option<&'a Scope>) -> Self {
        let right = if scope.is_some() { AdminRight::Administer } else { AdminRight::Deployment };
        Self { action, right, scope }
    }

    /// What auditors of the group, and admins, may read.
    pub(crate) fn reading(action: &'static str, scope: Option<&'a Scope>) -> Self {
        let right = if scope.is_some() { AdminRight::ReadAudit } else { AdminRight::Deployment };
        Self { action, right, scope }
    }

    /// What every user of the group, or of the deployment, may do.
    pub(crate) fn belonging(action: &'static str, scope: Option<&'a Scope>) -> Self {
        Self { action, right: AdminRight::Belong, scope }
    }
}

impl Auth {
    /// Appends the row of an action that was done, in its transaction.
    pub(crate) async fn audit_done(
        &self,
        tx: &mut Transaction,
        acting: Acting<'_>,
        what: What<'_>,
        trail: Trail,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let entry = audit_entry(now, acting, what.scope, what.action, Outcome::Done);
        audit::append(tx, &trail.into_entry(entry)).await
    }

    /// A page of the audit trail of `scope`, newest first. Needs [`AdminRight::ReadAudit`] there, or [`AdminRight::Deployment`]. Reading it leaves
    /// no row.
    ///
    /// # Errors
    /// As [`audit::page`]; refusals.
    pub async fn audit_page(
        &self,
        acting: Acting<'_>,
        scope: Option<&Scope>,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, AuthError> {
        let what = What::reading("read-audit", scope);
        let allowed = inspect!(self, acting, what, |_tx| { Ok(()) });
        allowed?;
        self.write_denials_of(what.group()).await?;
        inspect!(self, acting, what, |tx| { audit::page(tx, scope, filter, page).await })
    }

    /// Notes that `action` in `scope` (none: the deployment) was refused or failed with `error`: a refusal is counted, a failure written in a transaction of
    /// its own, for the action's own is gone. Errors of the store and of the session leave no row, for there is nowhere to write it, or nobody to name.
    ///
    /// # Errors
    /// [`AuthError::Storage`] when the row can't be written.
    pub async fn audit_refusal(
        &self,
        acting: Acting<'_>,
        scope: Option<&Scope>,
        action: &str,
        error: &AuthError,
    ) -> Result<(), AuthError> {
        let outcome = match error {
            AuthError::Denied { reason, .. } => Outcome::Denied(reason.code().to_owned()),
            AuthError::Storage(_) | AuthError::PrincipalChanged | AuthError::Busy => return Ok(()),
            error if error.is_unauthenticated() => return Ok(()),
            error => Outcome::Failed(error.case().to_owned()),
        };
        // A stranger's refusal belongs to the trail of his own group: he can't write into another's.
        let own = acting.principal.group.clone().map(Scope::group);
        let stranger = scope.is_some_and(|scope| acting.principal.group.as_ref() != Some(&scope.group));
        let place = if stranger || scope.is_none() { own } else { self.existing(scope).await? };
        let mut entry = audit_entry(self.clock.now(), acting, place.as_ref(), action, outcome);
        if stranger && let Some(scope) = scope {
            entry.note = format!("asked for in `{scope}`");
        }
        if entry.outcome.kind() == OutcomeKind::Denied {
            self.count_denial(entry);
            return Ok(());
        }
        self.append(place.as_ref().map(|scope| &scope.group), &entry).await
    }

    /// The scope, or its group when the store does not exist: made-up stores get no trail.
    async fn existing(&self, scope: Option<&Scope>) -> Result<Option<Scope>, AuthError> {
        let Some(scope) = scope else { return Ok(None) };
        let Some(store) = &scope.store else { return Ok(Some(scope.clone())) };
        let policy = transaction!(self, ReadOnly, Some(&scope.group), |tx| { self.policy(tx, &scope.group).await })?;
        let known = policy.store(store).is_some();
        Ok(Some(if known { scope.clone() } else { Scope::group(scope.group.clone()) }))
    }
}

fn audit_entry(at: Timestamp, acting: Acting<'_>, scope: Option<&Scope>, action: &str, outcome: Outcome) -> AuditEntry {
    AuditEntry::new(at, Some(Actor::from(acting.principal)), scope.cloned(), action, outcome, acting.request_id)
}
