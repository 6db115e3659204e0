//! Dead letters: events that a plugin could not handle, kept until somebody redrives or drops them.

use forecourt_base::{PluginName, Scope, Timestamp};
use forecourt_storage::{Direction, KeyRange, Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};

use crate::{BusError, Cursor, Event};

/// Why an event became a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It failed as often as it may.
    Failed,
    /// The handler said that it can never be handled.
    Unusable,
    /// It came by more handlers, one after another, than may be: events that answer one another go round.
    HopLimit,
    /// The group no longer grants the topic.
    NotGranted,
}

/// An event that a plugin could not handle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The plugin that was to handle it.
    pub plugin: PluginName,
    /// The event's place in its scope.
    pub cursor: Cursor,
    /// The event.
    pub event: Event,
    /// Why it is here.
    pub reason: Reason,
    /// How the last try ended.
    pub error: String,
    /// How often it was tried.
    pub failures: u32,
    /// Since when.
    pub at: Timestamp,
}

/// Some dead letters with their ids, and where to go on.
#[derive(Debug, Clone)]
pub struct DeadPage {
    /// Id and dead letter, the oldest first.
    pub items: Vec<(String, DeadLetter)>,
    /// The id to pass as `after` next; none at the end.
    pub next: Option<String>,
}

fn space(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@bus", "dead", 0)
}

fn key(id: &str) -> Result<Vec<u8>, BusError> {
    crate::from_hex(id).ok_or(BusError::BadCursor)
}

/// Adds a dead letter. The count in the subscription is the caller's to keep.
///
/// # Errors
/// What storage answers.
pub async fn bury(transaction: &mut Transaction, scope: &Scope, letter: &DeadLetter) -> Result<(), StorageError> {
    transaction.put_stamped(&space(scope)?, b"", serde_json::to_vec(letter)?).await
}

/// The dead letters of a scope behind `after`, of one plugin or of all; at most `limit` rows looked at.
///
/// # Errors
/// [`BusError::BadCursor`] for an id that was not given out.
pub async fn dead_letters(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: Option<&PluginName>,
    after: Option<&str>,
    limit: usize,
) -> Result<DeadPage, BusError> {
    let range = match after {
        None => KeyRange::all(),
        Some(id) => KeyRange::all().after(&key(id)?),
    };
    let page = transaction.scan(&space(scope)?, &range, Direction::Forward, limit).await?;
    let next = page.more.then(|| page.items.last().map(|row| crate::to_hex(&row.key))).flatten();
    let mut items = Vec::with_capacity(page.items.len());
    for row in &page.items {
        let letter: DeadLetter = serde_json::from_slice(&row.value).map_err(StorageError::from)?;
        if plugin.is_none_or(|plugin| *plugin == letter.plugin) {
            items.push((crate::to_hex(&row.key), letter));
        }
    }
    Ok(DeadPage { items, next })
}

/// One dead letter; none where there is none with this id, any more.
///
/// # Errors
/// What storage answers.
pub async fn dead_letter(
    transaction: &mut Transaction,
    scope: &Scope,
    id: &str,
) -> Result<Option<DeadLetter>, BusError> {
    let Ok(key) = key(id) else { return Ok(None) };
    Ok(transaction.get_json(&space(scope)?, &key).await?)
}

/// Takes a dead letter out; the count in the subscription goes down with it.
///
/// # Errors
/// What storage answers.
pub async fn unbury(
    transaction: &mut Transaction,
    scope: &Scope,
    id: &str,
    plugin: &PluginName,
) -> Result<(), BusError> {
    transaction.delete(&space(scope)?, &key(id)?).await?;
    if let Some(mut subscription) = crate::subscription(transaction, scope, plugin).await? {
        subscription.dead = subscription.dead.saturating_sub(1);
        crate::write_subscription(transaction, scope, plugin, subscription).await?;
    }
    Ok(())
}

/// Hands a dead letter to its plugin again, before whatever waits of its key, with its hops forgotten: who redrives has looked.
///
/// # Errors
/// What storage answers.
pub async fn redrive(
    transaction: &mut Transaction,
    scope: &Scope,
    id: &str,
    letter: &DeadLetter,
    now: Timestamp,
) -> Result<(), BusError> {
    let plugin = &letter.plugin;
    unbury(transaction, scope, id, plugin).await?;
    let event = Event { hops: 0, ..letter.event.clone() };
    crate::wait(transaction, scope, plugin, letter.cursor, &event).await?;
    let before = crate::parked(transaction, scope, plugin, &event.key).await?;
    let since = before.as_ref().map_or(now, |before| before.since);
    let error = "redriven".to_owned();
    let after = crate::ParkedKey { key: event.key.clone(), failures: 0, due: now, since, error };
    crate::set_parked(transaction, scope, plugin, before.as_ref(), Some(&after)).await?;
    let mut subscription = crate::subscription(transaction, scope, plugin).await?.unwrap_or_default();
    subscription.parked += u64::from(before.is_none());
    Ok(crate::write_subscription(transaction, scope, plugin, subscription).await?)
}
