//! Timers: rows that become events of the plugin that set them, once their time has come.
//!
//! A timer is set and cancelled in the transaction of a call. INVARIANT (fires-once): its event is appended in the transaction that removes
//! its row, so there is one event for each timer that was neither cancelled nor replaced before, whatever stops in between and however
//! the clock is set.

use std::collections::BTreeMap;
use std::ops::Bound;

use forecourt_base::limits::TIMERS_AT_ONCE;
use forecourt_base::{PluginName, Scalar, Scope, Timestamp, TraceContext};
use forecourt_storage::{Absent, Direction, IndexEntry, IndexRange, Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Event, own_event};

/// The topic of the events that timers become.
pub const TIMER_TOPIC: &str = "kernel.timer";

const OWNER: &str = "@timers";
const DUE: &str = "due";
const HELD: &str = "held";
/// Stands between plugin and key; no plugin's name holds it.
const SEPARATOR: u8 = b'/';

/// A timer as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Timer {
    /// When it is due.
    pub at: Timestamp,
    /// What its event carries.
    pub payload: Box<RawValue>,
    /// The request whose call set it.
    pub request_id: String,
    /// The span that set it, as far as it is traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

/// What came of looking for due timers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// How many became events.
    pub count: usize,
    /// Whether more are due already.
    pub more: bool,
    /// When the next is due; none where there is none.
    pub next: Option<Timestamp>,
}

/// The payload of a timer's event.
#[derive(Debug, Serialize)]
struct TimerPayload<'a> {
    key: &'a str,
    at: String,
    payload: &'a RawValue,
}

/// How many timers a plugin holds.
#[derive(Debug, Default, Deserialize)]
struct Count {
    held: i64,
}

fn timers(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), OWNER, "timers", 0)
}

fn counts(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), OWNER, "counts", 0)
}

fn row_key(plugin: &PluginName, key: &str) -> Vec<u8> {
    let mut row = plugin.as_str().as_bytes().to_vec();
    row.push(SEPARATOR);
    row.extend_from_slice(key.as_bytes());
    row
}

fn parse_row_key(row: &[u8]) -> Option<(PluginName, &str)> {
    let (plugin, key) = std::str::from_utf8(row).ok()?.split_once(char::from(SEPARATOR))?;
    Some((plugin.parse().ok()?, key))
}

/// Sets a plugin's timer, in place of the one of that key.
///
/// # Errors
/// [`StorageError`], `ReadOnly` in a transaction that only reads.
pub async fn set(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    key: &str,
    timer: &Timer,
) -> Result<(), StorageError> {
    let (space, row) = (timers(scope)?, row_key(plugin, key));
    let held = transaction.get(&space, &row).await?.is_some();
    let due = IndexEntry { index: DUE.into(), values: vec![Scalar::Int(timer.at.as_millis())] };
    transaction.put_json(&space, &row, timer, vec![due]).await?;
    if !held {
        transaction.add(&counts(scope)?, plugin.as_str().as_bytes(), HELD, 1, Absent::Create).await?;
    }
    Ok(())
}

/// Removes a plugin's timer; whether there was one.
///
/// # Errors
/// [`StorageError`], `ReadOnly` in a transaction that only reads.
pub async fn cancel(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    key: &str,
) -> Result<bool, StorageError> {
    let held = transaction.delete(&timers(scope)?, &row_key(plugin, key)).await?;
    if held {
        transaction.add(&counts(scope)?, plugin.as_str().as_bytes(), HELD, -1, Absent::Create).await?;
    }
    Ok(held)
}

/// How many timers a plugin holds in a scope. Read it in a transaction of its own: all who set timers write it.
///
/// # Errors
/// [`StorageError`].
pub async fn held(transaction: &mut Transaction, scope: &Scope, plugin: &PluginName) -> Result<usize, StorageError> {
    let count: Option<Count> = transaction.get_json(&counts(scope)?, plugin.as_str().as_bytes()).await?;
    Ok(count.map_or(0, |count| usize::try_from(count.held).unwrap_or(0)))
}

/// When the first timer of a scope is due.
///
/// # Errors
/// [`StorageError`].
pub async fn next_due(transaction: &mut Transaction, scope: &Scope) -> Result<Option<Timestamp>, StorageError> {
    let first = transaction.query(&timers(scope)?, DUE, &IndexRange::all(), Direction::Forward, 1, None).await?;
    first.items.first().map(|row| Ok(timer(&row.value)?.at)).transpose()
}

fn bad_key() -> StorageError {
    StorageError::Corrupt { detail: "a timer's key has no known form".to_owned() }
}

fn timer(row: &[u8]) -> Result<Timer, StorageError> {
    Ok(serde_json::from_slice(row)?)
}

/// Turns the timers that are due at `now` into events, at most [`TIMERS_AT_ONCE`], the earliest first. INVARIANT (fires-once).
///
/// # Errors
/// [`StorageError`], `Conflict` when one is set or cancelled meanwhile.
pub async fn fire(transaction: &mut Transaction, scope: &Scope, now: Timestamp) -> Result<Fired, StorageError> {
    let space = timers(scope)?;
    let until = Bound::Included(Scalar::Int(now.as_millis()));
    let range = IndexRange { equal: Vec::new(), lower: Bound::Unbounded, upper: until };
    let due = transaction.query(&space, DUE, &range, Direction::Forward, TIMERS_AT_ONCE, None).await?;
    let mut fewer: BTreeMap<PluginName, i64> = BTreeMap::new();
    for row in &due.items {
        let (plugin, key) = parse_row_key(&row.key).ok_or_else(bad_key)?;
        let Timer { at, payload, request_id, trace } = timer(&row.value)?;
        let payload = TimerPayload { key, at: at.to_rfc3339(), payload: &payload };
        let event = Event { trace, ..own_event(&plugin, TIMER_TOPIC, key, now, request_id, &payload)? };
        crate::append(transaction, scope, &event).await?;
        transaction.delete(&space, &row.key).await?;
        *fewer.entry(plugin).or_default() -= 1;
    }
    for (plugin, n) in fewer {
        transaction.add(&counts(scope)?, plugin.as_str().as_bytes(), HELD, n, Absent::Create).await?;
    }
    let next = next_due(transaction, scope).await?;
    Ok(Fired { count: due.items.len(), more: due.more, next })
}

#[cfg(test)]
mod tests;
