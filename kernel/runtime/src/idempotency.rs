//! Answers kept under the caller's key: a repeated command has one effect.

use std::sync::Arc;

use bytes::Bytes;
use forecourt_base::{Random, Scope, Timestamp, limits};
use forecourt_storage::{Attempts, Direction, Engine, KeyRange, Mode, Space, StorageError, Transaction};
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

fn space(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@calls", "answers", 0)
}

/// Whether an answer given at `at` counts no longer.
fn is_over(at: Timestamp, now: Timestamp) -> bool {
    let kept_ms = i64::try_from(limits::IDEMPOTENCY_KEPT_H * 3_600_000).unwrap_or(i64::MAX);
    at.plus_millis(kept_ms) < now
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
        let space = space(&call.scope)?;
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
        if is_over(record.at, now) {
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

/// The part of a kept answer that tells how old it is.
#[derive(Debug, Deserialize)]
struct Age {
    at: Timestamp,
}

/// One page of a scope's answers after the key `after`: how many were removed because they count no longer, and where to go on.
pub(crate) async fn sweep(
    storage: &Arc<dyn Engine>,
    random: &dyn Random,
    scope: &Scope,
    now: Timestamp,
    after: Option<&[u8]>,
) -> Result<(usize, Option<Bytes>), StorageError> {
    let space = space(scope)?;
    let range = after.map_or_else(KeyRange::all, |key| KeyRange::all().after(key));
    let mut reading = Transaction::begin(storage, Some(scope.group.clone()), Mode::ReadOnly)?;
    let rows = reading.scan(&space, &range, Direction::Forward, limits::PAGE_ROWS).await?;
    drop(reading);
    let old = |value: &[u8]| serde_json::from_slice::<Age>(value).is_ok_and(|age| is_over(age.at, now));
    let keys: Vec<&Bytes> = rows.items.iter().filter(|row| old(&row.value)).map(|row| &row.key).collect();
    let next = rows.items.last().filter(|_| rows.more).map(|row| row.key.clone());
    if keys.is_empty() {
        return Ok((0, next));
    }
    let mut attempts = Attempts::new(storage, Some(&scope.group), random);
    loop {
        let mut transaction = attempts.begin().await?;
        let removed = remove(&mut transaction, &space, &keys, old).await;
        if let Some(removed) = attempts.end(transaction, removed).await? {
            return Ok((removed, next));
        }
    }
}

/// Removes those that are still old: a key may have been used again since it was looked at.
async fn remove(
    transaction: &mut Transaction,
    space: &Space,
    keys: &[&Bytes],
    old: impl Fn(&[u8]) -> bool,
) -> Result<usize, StorageError> {
    let mut removed = 0;
    for key in keys {
        if transaction.get(space, key).await?.is_some_and(|value| old(&value)) {
            transaction.delete(space, key).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use forecourt_base::{GroupId, OsRandom};
    use forecourt_storage::MemoryEngine;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + hours * 3_600_000)
    }

    async fn keep(storage: &Arc<dyn Engine>, scope: &Scope, key: u32, at: Timestamp) {
        let mut tx = Transaction::begin(storage, Some(scope.group.clone()), Mode::ReadWrite).unwrap();
        let record = Record { body: "b".to_owned(), at, case: None, value: Value::Null };
        tx.put_json(&space(scope).unwrap(), &key.to_be_bytes(), &record, Vec::new()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn left(storage: &Arc<dyn Engine>, scope: &Scope) -> usize {
        let mut tx = Transaction::begin(storage, None, Mode::ReadOnly).unwrap();
        tx.scan(&space(scope).unwrap(), &KeyRange::all(), Direction::Forward, 10_000).await.unwrap().items.len()
    }

    #[tokio::test]
    async fn answers_go_when_their_time_is_over_page_by_page() {
        let (storage, scope) = (MemoryEngine::new(), Scope::group(GroupId::new("g").unwrap()));
        for key in 0..500 {
            keep(&storage, &scope, key, at(if key % 5 == 0 { 1 } else { 0 })).await;
        }
        let (mut after, mut removed, mut pages) = (None::<Bytes>, 0, 0);
        loop {
            let (count, next) =
                sweep(&storage, &OsRandom, &scope, at(24).plus_millis(1), after.as_deref()).await.unwrap();
            (removed, pages) = (removed + count, pages + 1);
            match next {
                None => break,
                next => after = next,
            }
        }
        assert_eq!((removed, pages, left(&storage, &scope).await), (400, 3, 100));
        assert_eq!(sweep(&storage, &OsRandom, &scope, at(25), None).await.unwrap().0, 0);
        assert_eq!(sweep(&storage, &OsRandom, &scope, at(25).plus_millis(1), None).await.unwrap().0, 100);
    }
}
