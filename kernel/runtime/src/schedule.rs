//! When to look at timers and cron lines next.
//!
//! What is due lies in storage; here is only when to look where, so that nothing is polled: the next look of each scope's timers and of each
//! cron line, ordered by time. A look that comes too early finds nothing and says when the next is due; [`Schedule::sooner`] moves one
//! forward when a call has set an earlier timer. All of it is made anew at each start.

mod lines;
mod work;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use forecourt_base::{GroupId, PluginName, Scope, Timestamp};
use forecourt_schema::CronRequest;
use tokio::sync::Notify;

pub(crate) use lines::zone;

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Item {
    /// At the timers of a scope.
    Timers(Scope),
    /// At a plugin's cron line in a scope.
    Cron(Scope, PluginName, String),
}

impl Item {
    fn scope(&self) -> &Scope {
        match self {
            Self::Timers(scope) | Self::Cron(scope, ..) => scope,
        }
    }
}

#[derive(Debug, Default)]
struct Looks {
    /// INVARIANT (one-look): each item is in both once, at the same time.
    in_order: BTreeSet<(Timestamp, Item)>,
    at: HashMap<Item, Timestamp>,
    /// The cron lines that are enabled.
    lines: HashMap<Item, CronRequest>,
}

impl Looks {
    fn set(&mut self, item: Item, at: Timestamp) {
        self.remove(&item);
        self.in_order.insert((at, item.clone()));
        self.at.insert(item, at);
    }

    fn remove(&mut self, item: &Item) {
        if let Some(at) = self.at.remove(item) {
            self.in_order.remove(&(at, item.clone()));
        }
    }
}

/// The next look at everything that has a time.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    looks: Mutex<Looks>,
    /// Told when a look is moved forward.
    moved: Notify,
    stopped: AtomicBool,
}

impl Schedule {
    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at `item` at `at`, unless it is looked at before.
    pub(crate) fn sooner(&self, item: Item, at: Timestamp) {
        let mut looks = self.looks();
        if looks.at.get(&item).is_none_or(|known| at < *known) {
            looks.set(item, at);
            drop(looks);
            self.moved.notify_one();
        }
    }

    /// Takes out all that is to be looked at by now, the earliest first.
    fn take_due(&self, now: Timestamp) -> Vec<Item> {
        let mut looks = self.looks();
        let mut due = Vec::new();
        while let Some((at, item)) = looks.in_order.first().cloned()
            && at <= now
        {
            looks.remove(&item);
            due.push(item);
        }
        due
    }

    /// The time of the first look.
    fn first(&self) -> Option<Timestamp> {
        self.looks().in_order.first().map(|(at, _)| *at)
    }

    /// Makes `lines` those of a group, and looks at once at those that are new or changed. The scopes from which some are gone.
    fn set_lines(&self, group: &GroupId, lines: HashMap<Item, CronRequest>, now: Timestamp) -> BTreeSet<Scope> {
        let mut looks = self.looks();
        let of_group = looks.lines.keys().filter(|item| item.scope().group == *group);
        let gone: Vec<Item> = of_group.filter(|item| !lines.contains_key(*item)).cloned().collect();
        for item in &gone {
            looks.lines.remove(item);
            looks.remove(item);
        }
        for (item, line) in lines {
            if looks.lines.get(&item) != Some(&line) {
                looks.set(item.clone(), now);
                looks.lines.insert(item, line);
            }
        }
        drop(looks);
        self.moved.notify_one();
        gone.iter().map(|item| item.scope().clone()).collect()
    }

    /// Looks at every cron line at once: what was planned by a clock that has been set back is void.
    fn look_at_lines(&self, now: Timestamp) {
        let mut looks = self.looks();
        let lines: Vec<Item> = looks.lines.keys().cloned().collect();
        for item in lines {
            looks.set(item, now);
        }
    }

    /// Whether a scope's line of this name is enabled.
    fn has_line(&self, scope: &Scope, plugin: &str, name: &str) -> bool {
        let Ok(plugin) = PluginName::new(plugin) else { return false };
        self.looks().lines.contains_key(&Item::Cron(scope.clone(), plugin, name.to_owned()))
    }

    /// From now on nothing is looked at.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.moved.notify_one();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits until a look is moved forward.
    async fn moved(&self) {
        self.moved.notified().await;
    }
}

#[cfg(test)]
mod kernel_tests;
#[cfg(test)]
mod tests;
