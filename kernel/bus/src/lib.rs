//! The event bus: what happened, in the order of commits.
//!
//! Events are rows that the publishing call's transaction appends, so an event exists exactly when the call committed. This crate
//! knows nothing of plugins or types: the payload is JSON that the runtime has checked.
//!
//! Invariants:
//! - INVARIANT (commit-order): in one scope, events are read in the order in which their calls committed.
//! - INVARIANT (no-conflict): appending an event never makes two calls conflict.
//! - INVARIANT (told-once): of two deliveries of the same event to the same plugin one alone commits.
//! - INVARIANT (public-addresses): an outbound request is sent to public addresses alone, and those that the deployment names.
//! - INVARIANT (fires-once): a timer becomes one event, unless it is cancelled or replaced before.
//! - INVARIANT (each-step-once): the steps of a job that took effect are each there once and in order.
//! - INVARIANT (planned-once): a cron line is run at most once for each planned instant, and always for the last one up to now.
#![deny(missing_docs)]

pub mod cron;
pub mod jobs;
pub mod timers;

mod cursor;
mod dead;
pub mod outbound;
mod parked;
mod retention;
mod subscription;

use bytes::Bytes;
use forecourt_base::limits::PAGE_ROWS;
use forecourt_base::{PluginName, Scope, Timestamp, TraceContext};
use forecourt_storage::{Direction, KeyRange, Row, Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

pub use cursor::Cursor;
pub use dead::{DeadLetter, DeadPage, Reason, bury, dead_letter, dead_letters, redrive, unbury};
pub use parked::{
    ParkedKey, backoff_ms, next_due, parked, parked_keys, set_parked, wait, wait_no_more, waiting_events,
};
pub use retention::trim;
pub use subscription::{
    Ahead, Fetched, Start, Subscription, ahead, subscribe, subscription, subscriptions, write_subscription,
};

/// One event as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// `<area>.<record>` of the payload's type, such as `repair.approved`.
    pub topic: String,
    /// Events of equal key are delivered in order.
    pub key: String,
    /// The start of the call that published it.
    pub at: Timestamp,
    /// The plugin that published it.
    pub plugin: PluginName,
    /// The principal of the call.
    pub by: String,
    /// The request that began the call.
    pub request_id: String,
    /// Handlers of events between the call of a person, timer or job and this event.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
    /// The span that published it, as far as it is traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// The payload: ids and facts, no personal data.
    pub payload: Box<RawValue>,
}

fn is_zero(hops: &u32) -> bool {
    *hops == 0
}

/// An event with its place in the order of commits.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Where the event stands; opaque, rising within a scope.
    pub cursor: String,
    /// The event.
    pub event: Event,
}

/// Some events and where to go on.
#[derive(Debug, Clone)]
pub struct Page {
    /// The events, oldest first.
    pub items: Vec<Placed>,
    /// The cursor to pass as `after` next; none at the end.
    pub next: Option<String>,
    /// The cursor of the last event looked at, whatever its topic.
    pub last: Option<String>,
}

/// Reading events failed.
#[derive(Debug, Error)]
pub enum BusError {
    /// The cursor was not given out with an event.
    #[error("`after` is not a cursor of an event")]
    BadCursor,
    /// There is no such dead letter, subscription or parked key.
    #[error("no {what} `{id}`")]
    Unknown {
        /// What was asked for.
        what: &'static str,
        /// By which name.
        id: String,
    },
    /// The store below failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn log_space(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@events", "log", 0)
}

/// Appends an event to a scope's order; it exists once the transaction has committed.
///
/// # Errors
/// [`StorageError`], `ReadOnly` in a transaction that only reads.
pub async fn append(transaction: &mut Transaction, scope: &Scope, event: &Event) -> Result<(), StorageError> {
    let row = serde_json::to_vec(event).map_err(StorageError::from)?;
    transaction.put_stamped(&log_space(scope)?, b"", Bytes::from(row)).await
}

impl Event {
    /// Whether a plugin may be told of it: of timers and cron lines each is told of its own alone.
    #[must_use]
    pub fn is_for(&self, plugin: &PluginName) -> bool {
        ![timers::TIMER_TOPIC, cron::CRON_TOPIC].contains(&&*self.topic) || self.plugin == *plugin
    }
}

/// An event that the kernel makes on behalf of a plugin.
pub(crate) fn own_event<P: Serialize>(
    plugin: &PluginName,
    topic: &str,
    key: &str,
    at: Timestamp,
    request_id: String,
    payload: &P,
) -> Result<Event, StorageError> {
    let payload = RawValue::from_string(serde_json::to_string(payload)?)?;
    let by = format!("plugin:{plugin}");
    let (topic, key, plugin) = (topic.to_owned(), key.to_owned(), plugin.clone());
    Ok(Event { topic, key, at, plugin, by, request_id, hops: 0, trace: None, payload })
}

/// All rows of a space of few rows.
pub(crate) async fn all_rows(transaction: &mut Transaction, space: &Space) -> Result<Vec<Row>, StorageError> {
    let (mut rows, mut range) = (Vec::new(), KeyRange::all());
    loop {
        let page = transaction.scan(space, &range, Direction::Forward, PAGE_ROWS).await?;
        let more = page.more;
        rows.extend(page.items);
        match rows.last() {
            Some(last) if more => range = KeyRange::all().after(&last.key),
            _ => return Ok(rows),
        }
    }
}

/// Events of a scope after a cursor, at most `limit` rows looked at; `topics` empty means all.
///
/// # Errors
/// [`BusError::BadCursor`] for a cursor that this function did not give out.
pub async fn page(
    transaction: &mut Transaction,
    scope: &Scope,
    topics: &[String],
    after: Option<&str>,
    limit: usize,
) -> Result<Page, BusError> {
    let range = match after {
        None => KeyRange::all(),
        Some(cursor) => KeyRange::all().after(&from_hex(cursor).ok_or(BusError::BadCursor)?),
    };
    let rows = transaction.scan(&log_space(scope)?, &range, Direction::Forward, limit).await?;
    let last = rows.items.last().map(|row| to_hex(&row.key));
    let next = last.clone().filter(|_| rows.more);
    let mut items = Vec::with_capacity(rows.items.len());
    for row in &rows.items {
        let event: Event = serde_json::from_slice(&row.value).map_err(StorageError::from)?;
        if topics.is_empty() || topics.contains(&event.topic) {
            items.push(Placed { cursor: to_hex(&row.key), event });
        }
    }
    Ok(Page { items, next, last })
}

/// Digits of a cursor: an event's key is a commit's position and a number within it.
const CURSOR_DIGITS: usize = 24;

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != CURSOR_DIGITS || !text.bytes().all(digit) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecourt_base::{GroupId, StoreId};
    use forecourt_storage::{MemoryEngine, Mode};

    pub(crate) fn scope() -> Scope {
        Scope::store(GroupId::new("demo").unwrap(), StoreId::new("bj01").unwrap())
    }

    pub(crate) async fn publish(engine: &std::sync::Arc<dyn forecourt_storage::Engine>, event: &Event) {
        let mut transaction = Transaction::begin(engine, Some(scope().group), Mode::ReadWrite).unwrap();
        append(&mut transaction, &scope(), event).await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub(crate) fn event(topic: &str, number: u32) -> Event {
        Event {
            topic: topic.to_owned(),
            key: number.to_string(),
            at: Timestamp::from_millis(1),
            plugin: PluginName::new("repair").unwrap(),
            by: "advisor".to_owned(),
            request_id: "r".to_owned(),
            hops: 0,
            trace: None,
            payload: RawValue::from_string(format!("{{\"number\":{number}}}")).unwrap(),
        }
    }

    #[tokio::test]
    async fn events_are_paged_in_the_order_of_commits() {
        let engine = MemoryEngine::new();
        let group = GroupId::new("demo").unwrap();
        let scope = Scope::store(group.clone(), StoreId::new("bj01").unwrap());
        for number in 0..5 {
            let mut transaction = Transaction::begin(&engine, Some(group.clone()), Mode::ReadWrite).unwrap();
            let topic = if number == 2 { "repair.other" } else { "repair.approved" };
            append(&mut transaction, &scope, &event(topic, number)).await.unwrap();
            transaction.commit().await.unwrap();
        }
        let mut transaction = Transaction::begin(&engine, Some(group), Mode::ReadOnly).unwrap();
        let mut after = None;
        let mut seen = Vec::new();
        loop {
            let topics = ["repair.approved".to_owned()];
            let page = page(&mut transaction, &scope, &topics, after.as_deref(), 2).await.unwrap();
            seen.extend(page.items.iter().map(|placed| placed.event.key.clone()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["0", "1", "3", "4"]);
        let given = page(&mut transaction, &scope, &[], None, 1).await.unwrap().next.unwrap();
        assert_eq!(given.len(), CURSOR_DIGITS);
        for none in ["", "xyz", "00", &given[2..], &given.replace('0', "+"), &format!("{given}00")] {
            assert!(page(&mut transaction, &scope, &[], Some(none), 2).await.is_err(), "{none}");
        }
    }
}
