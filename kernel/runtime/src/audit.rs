//! What a root call leaves in the audit.

use forecourt_auth::audit::{Actor, AuditEntry, Nested, Outcome, OutcomeKind, digest};
use forecourt_auth::{AuthError, Principal};
use forecourt_base::{Scope, Timestamp};
use forecourt_storage::Attempts;

use crate::call::Call;
use crate::error::CallError;
use crate::kernel::Kernel;
use crate::tree::{NestedCall, Origin};

/// An audit line in the trail of its scope. What somebody of another group asked for stands in his own group's trail.
pub(crate) fn entry(
    at: Timestamp,
    principal: &Principal,
    scope: &Scope,
    action: &str,
    outcome: Outcome,
    request_id: &str,
) -> AuditEntry {
    let own = principal.group.as_ref() == Some(&scope.group);
    let trail = if own { Some(scope.clone()) } else { principal.group.clone().map(Scope::group) };
    let mut entry = AuditEntry::new(at, Some(Actor::from(principal)), trail, action, outcome, request_id);
    if !own {
        entry.note = format!("in {scope}");
    }
    entry
}

/// The audit line of a root call.
pub(crate) fn of_call(call: &Call, origin: &Origin, nested: &[NestedCall], outcome: Outcome) -> AuditEntry {
    let action = call.operation.to_string();
    let mut entry = entry(origin.started, &call.principal, &call.scope, &action, outcome, &call.request_id);
    entry.chain = nested.iter().map(chain).collect();
    entry.idempotency = call.idempotency_key.as_ref().map(|key| digest(key.as_bytes()));
    entry
}

pub(crate) fn chain(nested: &NestedCall) -> Nested {
    let NestedCall { operation, by, elevated } = nested;
    Nested { operation: operation.to_string(), caller: by.plugin.to_string(), elevated: *elevated }
}

/// Counts a refusal, or writes the line of a failure in a transaction of its own; a failure to do so is logged.
pub(crate) async fn append_alone(kernel: &Kernel, entry: AuditEntry) {
    if entry.outcome.kind() == OutcomeKind::Denied {
        return kernel.auth().count_denial(entry);
    }
    let group = entry.scope.as_ref().map(|scope| &scope.group);
    let mut attempts = Attempts::new(kernel.storage(), group, kernel.random());
    let append = async {
        loop {
            let mut transaction = attempts.begin().await?;
            let appended = forecourt_auth::audit::append(&mut transaction, &entry).await;
            if let Some(()) = attempts.end(transaction, appended).await? {
                return Ok::<(), AuthError>(());
            }
        }
    };
    if let Err(error) = append.await {
        tracing::error!(action = entry.action, %error, "an audit line was not written");
    }
}

/// What the audit says of a call that ended without an answer of the operation; nothing where its own transaction already said it,
/// or where the request was only malformed.
pub(crate) fn outcome_of_failure(error: &CallError) -> Option<Outcome> {
    match error {
        CallError::Denied { reason } => Some(Outcome::Denied(reason.clone())),
        CallError::Unauthenticated => Some(Outcome::Denied("session-ended".to_owned())),
        CallError::Trap { .. }
        | CallError::Limit(_)
        | CallError::Timeout
        | CallError::Conflict
        | CallError::OutcomeUnknown
        | CallError::DependencyNotEnabled(_)
        | CallError::Internal(_) => Some(Outcome::Failed(label(error).to_owned())),
        _ => None,
    }
}

/// A stable word for a failure, for audit and metrics.
pub(crate) fn label(error: &CallError) -> &'static str {
    match error {
        CallError::Malformed { .. } => "malformed",
        CallError::Unauthenticated => "unauthenticated",
        CallError::Denied { .. } => "denied",
        CallError::UnknownOperation(_) | CallError::AreaNotEnabled(_) => "not-found",
        CallError::CommandByGet(_) | CallError::PersonalByGet(_) => "method",
        CallError::Domain { .. } => "domain",
        CallError::DependencyNotEnabled(_) => "not-enabled",
        CallError::Trap { .. } => "trap",
        CallError::Limit(name) => name,
        CallError::Timeout => "timeout",
        CallError::Full(_) => "full",
        CallError::Suspended { .. } => "plugin-suspended",
        CallError::Conflict => "conflict",
        CallError::OutcomeUnknown => "outcome-unknown",
        CallError::DiskFull => "disk-full",
        CallError::IdempotencyMismatch => "idempotency-mismatch",
        CallError::Internal(_) => "internal",
    }
}
