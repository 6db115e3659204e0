//! Answereds kept under the caller's key: a repeated command has one effect.

use bytes::Bytes;
use forecourt_base::{Timestamp, limits};
use forecourt_storage::{Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::call::{Answered, Call, Given};
use crate::error::CallError;

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    body: String,
    at: Timestamp,
    /// The error's case; none for an `ok` answer.
    case: Option<String>,
    value: Value,
}

/// The place of one command's answer.
#[derive(Debug)]
pub(crate) struct Kept {
    space: Space,
    key: [u8; 32],
    body: String,
}

/// An operation's `err` as callers see it. `not-enabled` has a status of its own.
pub(crate) fn domain(case: String, error: Value, replayed: bool) -> CallError {
    CallError::Domain { case, error, replayed }
}

impl Kept {
    /// The place of a command's answer: by principal, store, operation and the caller's key.
    pub(crate) fn new(call: &Call, key: &str, arguments: &Value) -> Result<Self, StorageError> {
        let space = Space::new(Some(&call.scope.group), call.scope.store.as_ref(), "@calls", "answers", 0)?;
        let mut hash = Sha256::new();
        for part in [call.principal.user.as_str(), &call.operation.to_string(), key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let body = Sha256::digest(arguments.to_string());
        let body = body.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { space, key: hash.finalize().into(), body })
    }

    /// The answer kept for the same arguments, unless it is too old.
    pub(crate) async fn find(
        &self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> Result<Option<Result<Answered, CallError>>, CallError> {
        let Some(record): Option<Record> = transaction.get_json(&self.space, &self.key).await? else { return Ok(None) };
        let kept_ms = i64::try_from(limits::IDEMPOTENCY_KEPT_H * 3_600_000).unwrap_or(i64::MAX);
        if record.at.plus_millis(kept_ms) < now {
            return Ok(None);
        }
        if record.body != self.body {
            return Err(CallError::IdempotencyMismatch);
        }
        Ok(Some(match record.case {
            None => Ok(Answered { value: Given::Json(record.value), warnings: Vec::new(), replayed: true }),
            Some(case) => Err(domain(case, record.value, true)),
        }))
    }

    /// Keeps an answer in the command's own transaction.
    pub(crate) async fn keep(
        self,
        transaction: &mut Transaction,
        at: Timestamp,
        answer: &Result<Given, Value>,
        case: Option<&str>,
    ) -> Result<(), StorageError> {
        let value = match answer {
            Ok(Given::Json(value)) | Err(value) => value,
            Ok(Given::Value(_)) => return Ok(()),
        };
        let record = Record { body: self.body, at, case: case.map(str::to_owned), value: value.clone() };
        let bytes = serde_json::to_vec(&record)?;
        transaction.put(&self.space, &self.key, Bytes::from(bytes), Vec::new()).await
    }
}
