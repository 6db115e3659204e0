//! Which job's step is taken next.
//!
//! Jobs lie in storage; here is only their order. Each plugin in each store, or in a group as a whole, takes one step at a time, and all of them take
//! turns, as the jobs of one do among themselves: whoever starts a hundred jobs is no sooner done with them. Steps have permits of
//! their own ([`limits::JOB_STEPS`]), so that they take none from people's calls. All of it is made anew at each start.

mod step;
mod work;

pub(crate) use work::{CANCEL_JOB, RESUME_JOB, START_JOB};

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use forecourt_base::{PluginName, Scope, Timestamp, TraceContext, limits};
use tokio::sync::Notify;

/// A plugin in a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Owner {
    scope: Scope,
    plugin: PluginName,
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct JobKey {
    pub(crate) scope: Scope,
    pub(crate) plugin: PluginName,
    pub(crate) id: String,
    /// The request that started it.
    pub(crate) request_id: String,
    /// The span that started it, as far as it is traced.
    pub(crate) trace: Option<TraceContext>,
}

impl JobKey {
    fn owner(&self) -> Owner {
        Owner { scope: self.scope.clone(), plugin: self.plugin.clone() }
    }
}

#[derive(Debug, Default)]
struct Order {
    /// Whose turn it is next: those with a job that is ready, but for those that take a step.
    turns: VecDeque<Owner>,
    ready: HashMap<Owner, VecDeque<JobKey>>,
    stepping: HashMap<Owner, JobKey>,
    /// Jobs whose step failed, until it is tried again.
    waiting: BTreeSet<(Timestamp, JobKey)>,
    /// Every job that is ready, waiting or takes a step.
    known: HashSet<JobKey>,
    /// Jobs of which somebody told while they took a step: they may go on after they seemed to have ended.
    told: HashSet<JobKey>,
}

impl Order {
    fn ready(&mut self, key: JobKey) {
        let owner = key.owner();
        let queue = self.ready.entry(owner.clone()).or_default();
        queue.push_back(key);
        if queue.len() == 1 && !self.stepping.contains_key(&owner) {
            self.turns.push_back(owner);
        }
    }

    /// Makes ready what has waited long enough. A wait longer than there is one means that the clock was set back.
    fn wake(&mut self, now: Timestamp) {
        let longest = now.plus_millis(i64::try_from(limits::JOB_BACKOFF_MAX_MS).unwrap_or(i64::MAX));
        while let Some((due, key)) = self.waiting.first().cloned()
            && due <= now
        {
            self.waiting.pop_first();
            self.ready(key);
        }
        while let Some((due, key)) = self.waiting.last().cloned()
            && due > longest
        {
            self.waiting.pop_last();
            self.ready(key);
        }
    }
}

/// The jobs that run, in the order of their steps.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    order: Mutex<Order>,
    /// Told when a job is ready or may soon be.
    changed: Notify,
    stopped: AtomicBool,
}

impl Jobs {
    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job runs: one that was started or resumed, or found at the start of the kernel. Before `due` it takes no step.
    pub(crate) fn add(&self, key: JobKey, due: Timestamp) {
        let mut order = self.order();
        if order.known.insert(key.clone()) {
            order.waiting.insert((due, key));
        } else if order.stepping.get(&key.owner()) == Some(&key) {
            order.told.insert(key);
        }
        drop(order);
        self.changed.notify_one();
    }

    /// The job whose turn it is. It must be given back.
    fn take(&self, now: Timestamp) -> Option<JobKey> {
        let mut order = self.order();
        order.wake(now);
        let owner = order.turns.pop_front()?;
        let queue = order.ready.get_mut(&owner)?;
        let key = queue.pop_front()?;
        if queue.is_empty() {
            order.ready.remove(&owner);
        }
        order.stepping.insert(owner, key.clone());
        Some(key)
    }

    /// Gives a job back after its step: when the next is due, none where it has ended.
    fn give_back(&self, key: JobKey, due: Option<Timestamp>, now: Timestamp) {
        let mut order = self.order();
        let owner = key.owner();
        order.stepping.remove(&owner);
        if order.ready.contains_key(&owner) {
            order.turns.push_back(owner);
        }
        let told = order.told.remove(&key);
        match due.or(told.then_some(now)) {
            Some(due) if due <= now => order.ready(key),
            Some(due) => drop(order.waiting.insert((due, key))),
            None => drop(order.known.remove(&key)),
        }
        drop(order);
        self.changed.notify_one();
    }

    /// When the first of those that wait may go on.
    fn first(&self) -> Option<Timestamp> {
        self.order().waiting.first().map(|(due, _)| *due)
    }

    /// How many jobs run.
    pub(crate) fn running(&self) -> usize {
        self.order().known.len()
    }

    /// Waits until a job may be ready.
    async fn changed(&self) {
        self.changed.notified().await;
    }

    /// From now on no step is begun.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
