//! Subscriptions: up to where a plugin has been told, and of what.
//!
//! INVARIANT (told-once): a subscription's row is read and written in the transaction of its handler's writes, with a revision that every
//! change of what waits for it raises; so of two deliveries of the same event one alone commits.

use std::collections::BTreeMap;

use forecourt_base::{PluginName, Scope};
use forecourt_storage::{Direction, KeyRange, Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};

use crate::{Cursor, Event, log_space};

/// A plugin's subscription in one scope. It outlives the plugin's being disabled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subscription {
    /// Up to where its events were handled, parked or passed over.
    pub cursor: Cursor,
    /// The topics, and behind which place each begins.
    pub topics: BTreeMap<String, Cursor>,
    /// How many keys are parked.
    #[serde(default)]
    pub parked: u64,
    /// How many of its events are dead letters.
    #[serde(default)]
    pub dead: u64,
    /// Raised by every change of this row and of what waits for it.
    #[serde(default)]
    pub revision: u64,
}

/// With which event a topic begins that was not subscribed to before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first one published from now on.
    Now,
    /// With the oldest kept.
    Oldest,
}

/// An event with its place.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its place.
    pub cursor: Cursor,
    /// The event.
    pub event: Event,
}

/// What lies ahead of a subscription.
#[derive(Debug, Clone)]
pub struct Ahead {
    /// Its next events, in order.
    pub items: Vec<Fetched>,
    /// Up to where was looked.
    pub seen: Cursor,
    /// How many events were passed over.
    pub passed: usize,
    /// Whether there may be more.
    pub more: bool,
}

fn space(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@bus", "subscriptions", 0)
}

impl Subscription {
    /// Whether an event of `topic` at `cursor` is one that the subscription asks for.
    #[must_use]
    pub fn wants(&self, topic: &str, cursor: Cursor) -> bool {
        self.topics.get(topic).is_none_or(|from| cursor > *from)
    }

    /// The subscription after `topics` were asked for at `now`: whether that changes anything. A new topic that begins with the oldest event
    /// takes the cursor back; the others go on from where they were.
    fn ask(&mut self, topics: &BTreeMap<&str, Start>, now: Cursor, new: bool) -> bool {
        let before = self.clone();
        self.topics.retain(|topic, _| topics.contains_key(topic.as_str()));
        if new {
            self.cursor = now;
        }
        let added: Vec<_> = topics.iter().filter(|(topic, _)| !self.topics.contains_key(**topic)).collect();
        if added.iter().any(|(_, start)| **start == Start::Oldest) {
            let reached = self.cursor;
            self.topics.values_mut().for_each(|from| *from = (*from).max(reached));
            self.cursor = Cursor::START;
        }
        for (topic, start) in added {
            let from = if *start == Start::Now { now } else { Cursor::START };
            self.topics.insert((*topic).to_owned(), from);
        }
        *self != before
    }
}

/// The subscription of a plugin in a scope; none where it never asked for anything there.
///
/// # Errors
/// What storage answers.
pub async fn subscription(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
) -> Result<Option<Subscription>, StorageError> {
    transaction.get_json(&space(scope)?, plugin.as_str().as_bytes()).await
}

/// Writes a subscription, with its revision raised.
///
/// # Errors
/// What storage answers.
pub async fn write_subscription(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    mut subscription: Subscription,
) -> Result<(), StorageError> {
    subscription.revision += 1;
    transaction.put_json(&space(scope)?, plugin.as_str().as_bytes(), &subscription, Vec::new()).await
}

/// Makes a plugin's subscription in a scope one to these topics. What was published while the transaction ran counts as published later.
///
/// # Errors
/// What storage answers.
pub async fn subscribe(
    transaction: &mut Transaction,
    scope: &Scope,
    plugin: &PluginName,
    topics: &BTreeMap<&str, Start>,
) -> Result<(), StorageError> {
    let now = Cursor::behind(transaction.position());
    let known = subscription(transaction, scope, plugin).await?;
    let new = known.is_none();
    let mut subscription = known.unwrap_or_default();
    if subscription.ask(topics, now, new) {
        write_subscription(transaction, scope, plugin, subscription).await?;
    }
    Ok(())
}

/// All subscriptions of a scope by plugin, those of disabled plugins too.
///
/// # Errors
/// What storage answers.
pub async fn subscriptions(
    transaction: &mut Transaction,
    scope: &Scope,
) -> Result<Vec<(PluginName, Subscription)>, StorageError> {
    let space = space(scope)?;
    let mut range = KeyRange::all();
    let mut all = Vec::new();
    loop {
        let page = transaction.scan(&space, &range, Direction::Forward, ROWS).await?;
        for row in &page.items {
            let name = std::str::from_utf8(&row.key).ok().and_then(|name| PluginName::new(name).ok());
            let name =
                name.ok_or_else(|| StorageError::Corrupt { detail: "a subscription of no plugin".to_owned() })?;
            all.push((name, serde_json::from_slice(&row.value)?));
        }
        match page.items.last() {
            Some(last) if page.more => range = range.after(&last.key),
            _ => return Ok(all),
        }
    }
}

/// Rows read at once.
const ROWS: usize = 200;

/// The events behind `after` that `wanted` accepts: at most `most`, after at most `rows_max` rows looked at. Read in a transaction of its own,
/// since whoever reads up to the end is in conflict with everybody who publishes.
///
/// # Errors
/// What storage answers.
pub async fn ahead(
    transaction: &mut Transaction,
    scope: &Scope,
    after: Cursor,
    most: usize,
    rows_max: usize,
    wanted: impl Fn(&Event, Cursor) -> bool + Send,
) -> Result<Ahead, StorageError> {
    let space = log_space(scope)?;
    let mut found = Ahead { items: Vec::new(), seen: after, passed: 0, more: true };
    let mut rows = 0;
    while found.more && found.items.len() < most && rows < rows_max {
        let range = KeyRange::all().after(found.seen.as_bytes());
        let page = transaction.scan(&space, &range, Direction::Forward, most.max(2)).await?;
        found.more = page.more;
        for row in &page.items {
            if found.items.len() >= most {
                found.more = true;
                return Ok(found);
            }
            rows += 1;
            let cursor = Cursor::of_key(&row.key)
                .ok_or_else(|| StorageError::Corrupt { detail: "an event's key".to_owned() })?;
            let event: Event = serde_json::from_slice(&row.value)?;
            found.seen = cursor;
            if wanted(&event, cursor) {
                found.items.push(Fetched { cursor, event });
            } else {
                found.passed += 1;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(position: u64) -> Cursor {
        Cursor::behind(position)
    }

    #[test]
    fn a_new_subscription_begins_as_its_topics_say() {
        let mut now = Subscription::default();
        assert!(now.ask(&[("a.b", Start::Now)].into(), place(7), true));
        assert_eq!(now.cursor, place(7));
        assert!(!now.wants("a.b", place(7)) && now.wants("a.b", place(8)));
        assert!(!now.ask(&[("a.b", Start::Now)].into(), place(9), false));
        let mut oldest = Subscription::default();
        oldest.ask(&[("a.b", Start::Oldest), ("a.c", Start::Now)].into(), place(7), true);
        assert_eq!(oldest.cursor, Cursor::START);
        assert!(oldest.wants("a.b", place(1)) && !oldest.wants("a.c", place(7)) && oldest.wants("a.c", place(8)));
    }

    #[test]
    fn a_topic_that_is_added_disturbs_no_other() {
        let mut known = Subscription::default();
        known.ask(&[("a.b", Start::Oldest)].into(), place(1), true);
        known.cursor = place(5);
        known.ask(&[("a.b", Start::Oldest), ("a.c", Start::Oldest)].into(), place(9), false);
        assert_eq!(known.cursor, Cursor::START);
        assert!(!known.wants("a.b", place(5)) && known.wants("a.b", place(6)) && known.wants("a.c", place(1)));
        // Dropped and asked for again, a topic begins anew.
        known.cursor = place(9);
        known.ask(&[("a.b", Start::Oldest)].into(), place(10), false);
        known.ask(&[("a.b", Start::Oldest), ("a.c", Start::Now)].into(), place(12), false);
        assert!(!known.wants("a.c", place(12)) && known.wants("a.c", place(13)) && known.wants("a.b", place(10)));
    }
}
