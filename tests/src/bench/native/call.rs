//! One call: a serializable transaction around an operation, with what the kernel does around every call.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use forecourt_auth::audit::{self, Actor, AuditEntry, Nested, Outcome, digest};
use forecourt_auth::{Decision, Principal};
use forecourt_base::{OperationPath, Scope, Timestamp, limits};
use forecourt_registry::Module;
use forecourt_schema::{OperationKind, normalise_params};
use forecourt_storage::{Attempts, Mode, Transaction};
use serde_json::Value;

use super::Native;
use super::answers::Kept;
use super::operations::Work;
use super::refusal::Refusal;

/// What is asked for, and by whom.
#[derive(Debug)]
pub(super) struct Call {
    /// Who calls.
    pub(super) principal: Arc<Principal>,
    /// Where.
    pub(super) scope: Scope,
    /// What.
    pub(super) operation: OperationPath,
    /// With which parameters.
    pub(super) arguments: Value,
    /// The key under which a command's answer is kept.
    pub(super) idempotency_key: Option<String>,
    /// Names the request.
    pub(super) request_id: String,
}

impl Native {
    /// Runs a call: again after conflicts, as the kernel does.
    pub(super) async fn call(&self, call: Call) -> Result<Value, Refusal> {
        let _permit = self.calls.acquire().await;
        let started = self.clock.now();
        let command = OperationKind::of(&call.operation.operation) == OperationKind::Command;
        let mode = if command { Mode::ReadWrite } else { Mode::ReadOnly };
        let mut attempts = Attempts::new(&self.engine, Some(&call.scope.group), &*self.random).with_mode(mode);
        loop {
            let mut tx = attempts.begin().await?;
            let result = {
                let attempt = pin!(self.attempt(&mut tx, &call, command, started));
                tokio::time::timeout(Duration::from_millis(limits::TREE_WALL_MS), attempt).await
            };
            let late = || Refusal::new(StatusCode::GATEWAY_TIMEOUT, "the call took too long");
            if let Some(answer) = attempts.end(tx, result.unwrap_or_else(|_| Err(late()))).await? {
                return Ok(answer);
            }
        }
    }

    async fn attempt(
        &self,
        tx: &mut Transaction,
        call: &Call,
        command: bool,
        started: Timestamp,
    ) -> Result<Value, Refusal> {
        let Call { principal, scope, operation, .. } = call;
        self.auth.reauthenticate(tx, principal).await?;
        let policy = self.auth.policy(tx, &scope.group).await?;
        if let Decision::Deny(reason) = policy.member(principal, scope) {
            return Err(Refusal::denied(reason));
        }
        let unknown = || Refusal::new(StatusCode::NOT_FOUND, operation);
        let (_, declared) =
            self.module(operation).and_then(|module| module.operation(operation)).ok_or_else(unknown)?;
        if let Decision::Deny(reason) = policy.decide(principal, operation, command, scope) {
            return Err(Refusal::denied(reason));
        }
        let arguments = normalise_params(&declared.params, call.arguments.clone(), started);
        let (arguments, _) = arguments.map_err(|fields| Refusal::fields(&fields))?;
        let kept = match &call.idempotency_key {
            Some(key) if command => Some(Kept::new(call, key, &arguments)?),
            _ => None,
        };
        if let Some(kept) = &kept
            && let Some(answer) = kept.find(tx, started).await?
        {
            return Ok(answer);
        }
        let mut work = Work { native: self, call, started, nested: Vec::new() };
        let answer = work.perform(tx, arguments).await?;
        let nested = work.nested;
        if command {
            audit::append(tx, &entry(tx, call, started, nested)).await?;
            if let Some(kept) = kept {
                kept.keep(tx, started, &answer).await?;
            }
        }
        Ok(answer)
    }

    fn module(&self, operation: &OperationPath) -> Option<&Arc<Module>> {
        match operation.area.as_str() {
            "jobs" => Some(&self.jobs),
            "desk" => Some(&self.desk),
            _ => None,
        }
    }
}

/// The audit's line, with the records that were written.
fn entry(tx: &Transaction, call: &Call, started: Timestamp, nested: Vec<Nested>) -> AuditEntry {
    let (actor, trail) = (Some(Actor::from(&*call.principal)), Some(call.scope.clone()));
    let action = call.operation.to_string();
    let mut entry = AuditEntry::new(started, actor, trail, action, Outcome::Done, call.request_id.as_str());
    entry.chain = nested;
    entry.records = audit::records(tx);
    entry.idempotency = call.idempotency_key.as_ref().map(|key| digest(key.as_bytes()));
    entry
}
