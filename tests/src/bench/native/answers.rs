//! Answers kept under the caller's key, in the rows in which the kernel keeps them.

use axum::http::StatusCode;
use forecourt_base::{Timestamp, limits};
use forecourt_storage::{Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::call::Call;
use super::refusal::Refusal;

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    body: String,
    at: Timestamp,
    case: Option<String>,
    value: Value,
}

/// The place of one command's answer.
#[derive(Debug)]
pub(super) struct Kept {
    space: Space,
    key: [u8; 32],
    body: String,
}

impl Kept {
    pub(super) fn new(call: &Call, key: &str, arguments: &Value) -> Result<Self, StorageError> {
        let space = Space::new(Some(&call.scope.group), call.scope.store.as_ref(), "@calls", "answers", 0)?;
        let mut hash = Sha256::new();
        for part in [call.principal.user.as_str(), &call.operation.to_string(), key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let body = Sha256::digest(arguments.to_string()).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { space, key: hash.finalize().into(), body })
    }

    /// The answer kept for the same arguments, unless it is too old.
    pub(super) async fn find(&self, tx: &mut Transaction, now: Timestamp) -> Result<Option<Value>, Refusal> {
        let Some(record): Option<Record> = tx.get_json(&self.space, &self.key).await? else { return Ok(None) };
        if record.at.plus_millis(limits::IDEMPOTENCY_KEPT_H as i64 * 3_600_000) < now {
            return Ok(None);
        }
        if record.body != self.body {
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "the key was used with another body"));
        }
        Ok(Some(record.value))
    }

    pub(super) async fn keep(self, tx: &mut Transaction, at: Timestamp, value: &Value) -> Result<(), Refusal> {
        let record = Record { body: self.body, at, case: None, value: value.clone() };
        Ok(tx.put(&self.space, &self.key, serde_json::to_vec(&record)?, Vec::new()).await?)
    }
}
