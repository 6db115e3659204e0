//! Parked keys: events that wait behind one of their key that failed.
//!
//! A key has a row that says when it is tried again, a row under that time, and a row for each event that waits, the failed one first. There
//! is no task and no sleep for a key: who delivers asks for what is due.

use forecourt_base::{PluginName, Scope, Timestamp, limits};
use forecourt_storage::{Direction, KeyRange, Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};

use crate::{Cursor, Event, Fetched};

/// A key of which an event failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedKey {
    /// The events' key.
    pub key: String,
    /// How often the first event that waits has failed.
    pub failures: u32,
    /// When it is tried again.
    pub due: Timestamp,
    /// Since when the key is parked.
    pub since: Timestamp,
    /// How the last try ended: a stable word or the code that the handler gave.
    pub error: String,
}

/// Milliseconds until the next try after so many failures, 1 or more.
#[must_use]
pub fn backoff_ms(failures: u32) -> u64 {
    let at = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    limits::DELIVERY_BACKOFF_MS.get(at).copied().unwrap_or(limits::DELIVERY_BACKOFF_MAX_MS)
}

fn keys(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@bus", "parked", 0)
}

fn times(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@bus", "due", 0)
}

fn waiting(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@bus", "waiting", 0)
}

/// Keys that agree in so many bytes are parked as one: storage keys are bounded.
fn cut(key: &str) -> &str {
    key.get(..key.floor_char_boundary(limits::EVENT_KEY_BYTES)).unwrap_or(key)
}

fn plugin_prefix(plugin: &PluginName) -> Vec<u8> {
    let mut prefix = plugin.as_str().as_bytes().to_vec();
    prefix.push(0);
    prefix
}

fn key_row(plugin: &PluginName, key: &str) -> Vec<u8> {
    let mut row = plugin_prefix(plugin);
    row.extend_from_slice(cut(key).as_bytes());
    row
}

fn due_row(plugin: &PluginName, due: Timestamp, key: &str) -> Vec<u8> {
    let mut row = plugin_prefix(plugin);
    row.extend_from_slice(&due.as_millis().max(0).to_be_bytes());
    row.extend_from_slice(cut(key).as_bytes());
    row
}

/// The length of the key stands before it, so that no key's rows lie among another's.
fn waiting_prefix(plugin: &PluginName, key: &str) -> Vec<u8> {
    let key = cut(key);
    let mut prefix = plugin_prefix(plugin);
    prefix.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
    prefix.extend_from_slice(key.as_bytes());
    prefix
}

fn waiting_row(plugin: &PluginName, key: &str, cursor: Cursor) -> Vec<u8> {
    let mut row = waiting_prefix(plugin, key);
    row.extend_from_slice(cursor.as_bytes());
    row
}

/// A parked key; none where it is not parked.
///
/// # Errors
/// What storage answers.
pub async fn parked(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    key: &str,
) -> Result<Option<ParkedKey>, StorageError> {
    transaction.get_json(&keys(scope)?, &key_row(plugin, key)).await
}

/// Puts a parked key into the place of `before`; none takes it out.
///
/// # Errors
/// What storage answers.
pub async fn set_parked(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    before: Option<&ParkedKey>,
    after: Option<&ParkedKey>,
) -> Result<(), StorageError> {
    if let Some(before) = before.filter(|before| after.is_none_or(|after| after.due != before.due)) {
        transaction.delete(&times(scope)?, &due_row(plugin, before.due, &before.key)).await?;
    }
    match (before, after) {
        (_, Some(after)) => {
            transaction.put_json(&keys(scope)?, &key_row(plugin, &after.key), after, Vec::new()).await?;
            transaction.put_json(&times(scope)?, &due_row(plugin, after.due, &after.key), &after.key, Vec::new()).await
        }
        (Some(before), None) => {
            transaction.delete(&keys(scope)?, &key_row(plugin, &before.key)).await?;
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// Parked keys of a plugin in the order in which they are due, at most `most`.
///
/// # Errors
/// What storage answers.
pub async fn next_due(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    most: usize,
) -> Result<Vec<ParkedKey>, StorageError> {
    let page =
        transaction.scan(&times(scope)?, &KeyRange::prefix(&plugin_prefix(plugin)), Direction::Forward, most).await?;
    let mut found = Vec::with_capacity(page.items.len());
    for row in &page.items {
        let key: String = serde_json::from_slice(&row.value)?;
        found.extend(parked(transaction, scope, plugin, &key).await?);
    }
    Ok(found)
}

/// Parked keys of a plugin by name, behind `after`, at most `most`; whether there are more.
///
/// # Errors
/// What storage answers.
pub async fn parked_keys(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    after: Option<&str>,
    most: usize,
) -> Result<(Vec<ParkedKey>, bool), StorageError> {
    let mut range = KeyRange::prefix(&plugin_prefix(plugin));
    if let Some(after) = after {
        range = range.after(&key_row(plugin, after));
    }
    let page = transaction.scan(&keys(scope)?, &range, Direction::Forward, most).await?;
    let read = page.items.iter().map(|row| serde_json::from_slice(&row.value)).collect::<Result<_, _>>();
    Ok((read?, page.more))
}

/// The events of a key that wait, in order, at most `most`; whether there are more.
///
/// # Errors
/// What storage answers.
pub async fn waiting_events(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    key: &str,
    most: usize,
) -> Result<(Vec<Fetched>, bool), StorageError> {
    let prefix = waiting_prefix(plugin, key);
    let page = transaction.scan(&waiting(scope)?, &KeyRange::prefix(&prefix), Direction::Forward, most).await?;
    let mut found = Vec::with_capacity(page.items.len());
    for row in &page.items {
        let cursor = row.key.get(prefix.len()..).and_then(Cursor::of_key);
        let cursor = cursor.ok_or_else(|| StorageError::Corrupt { detail: "a waiting event's key".to_owned() })?;
        found.push(Fetched { cursor, event: serde_json::from_slice(&row.value)? });
    }
    Ok((found, page.more))
}

/// Lets an event wait for its key.
///
/// # Errors
/// What storage answers.
pub async fn wait(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    cursor: Cursor,
    event: &Event,
) -> Result<(), StorageError> {
    let row = waiting_row(plugin, &event.key, cursor);
    transaction.put_json(&waiting(scope)?, &row, event, Vec::new()).await
}

/// The event waits no more.
///
/// # Errors
/// What storage answers.
pub async fn wait_no_more(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    cursor: Cursor,
    event: &Event,
) -> Result<(), StorageError> {
    transaction.delete(&waiting(scope)?, &waiting_row(plugin, &event.key, cursor)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tries_come_ever_later() {
        let waits: Vec<u64> = (1..limits::DELIVERY_TRIES).map(backoff_ms).collect();
        assert_eq!((waits.first(), waits.last()), (Some(&1_000), Some(&300_000)));
        assert!(waits.is_sorted());
        assert_eq!(backoff_ms(u32::MAX), 300_000);
    }

    #[test]
    fn no_key_s_rows_lie_among_another_s() {
        let plugin = PluginName::new("p").unwrap();
        let row = waiting_row(&plugin, "a\0b", Cursor::behind(1));
        assert!(!row.starts_with(&waiting_prefix(&plugin, "a")));
        let long = "车".repeat(200);
        assert!(key_row(&plugin, &long).len() <= limits::EVENT_KEY_BYTES + 42);
    }
}
