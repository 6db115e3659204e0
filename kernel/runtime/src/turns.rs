//! Turns: a call tree that runs on for longer than a moment shares the processor with others that do.
//!
//! INVARIANT (turns-only-while-running): a long call tree is polled only with a turn in hand, and hands it on when the poll ends, at the
//! next tick at the latest. A tree that could run on queues at once for another turn; one that waits, for the disk or for another tree,
//! neither holds a turn nor queues for one. So turns can't lock one another out.
//!
//! A short tree pays two loads. All long trees together have fewer turns than the machine has cores, so that short calls find a free worker;
//! those of one plugin in one store have one, however many they are, and take it one after another. While a plugin has long trees in a store,
//! its new ones there begin as long: else each of many that come at once would have its first moment for itself.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use forecourt_base::{PluginName, Scope};
use tokio::sync::oneshot;

/// Whether a call tree has become long. Shared by the tree, which finds out, and the [`Paced`] future around it.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    long: AtomicBool,
    interrupted: AtomicBool,
}

impl Pace {
    /// A tick interrupts the tree, which is long from now on.
    pub(crate) fn interrupt(&self) {
        self.long.store(true, Ordering::Relaxed);
        self.interrupted.store(true, Ordering::Relaxed);
    }

    fn is_long(&self) -> bool {
        self.long.load(Ordering::Relaxed)
    }

    /// Whether the last poll ended by a tick and not because the tree waits for something.
    fn was_interrupted(&self) -> bool {
        self.interrupted.swap(false, Ordering::Relaxed)
    }
}

/// Whose call tree it is: the root's plugin, where it was called.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Owner {
    scope: Scope,
    plugin: PluginName,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whose trees have a turn now.
    running: HashSet<Arc<Owner>>,
    /// Who waits and has no turn, in the order in which they get one.
    ready: VecDeque<Arc<Owner>>,
    /// The trees that wait, in their order.
    waiting: HashMap<Arc<Owner>, VecDeque<oneshot::Sender<()>>>,
}

impl Queue {
    fn owners(&self) -> usize {
        self.running.len() + self.ready.len()
    }
}

/// The turns of a kernel.
#[derive(Debug)]
pub(crate) struct Turns {
    at_once: usize,
    /// How many owners have a turn or wait for one, so that a short tree looks for its own only where there are any.
    owners: AtomicUsize,
    queue: Mutex<Queue>,
}

/// What a tree that asked for a turn gets.
enum Asked {
    Granted,
    Wait(oneshot::Receiver<()>),
}

impl Turns {
    /// Turns for a machine with so many cores: one core at least is left to short calls, where there are several.
    pub(crate) fn new(cores: usize) -> Self {
        Self { at_once: cores.saturating_sub(1).max(1), owners: AtomicUsize::new(0), queue: Mutex::default() }
    }

    /// Runs a future that belongs to a call tree of `plugin`'s, by turns once the tree has become long.
    pub(crate) fn paced<'a, F: Future>(
        &'a self,
        pace: Arc<Pace>,
        owner: (&'a Scope, &'a PluginName),
        future: Pin<&'a mut F>,
    ) -> Paced<'a, F> {
        Paced { turns: self, pace, owner, queued: None, future }
    }

    fn ask(&self, owner: &Arc<Owner>) -> Asked {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.ready.is_empty() && queue.running.len() < self.at_once && !queue.running.contains(owner) {
            queue.running.insert(Arc::clone(owner));
            self.owners.store(queue.owners(), Ordering::Relaxed);
            return Asked::Granted;
        }
        let (grant, granted) = oneshot::channel();
        let waiting = queue.waiting.entry(Arc::clone(owner)).or_default();
        let first = waiting.is_empty();
        waiting.push_back(grant);
        if first && !queue.running.contains(owner) {
            queue.ready.push_back(Arc::clone(owner));
        }
        self.owners.store(queue.owners(), Ordering::Relaxed);
        Asked::Wait(granted)
    }

    /// Whether a plugin has long trees in a place now.
    fn has_long(&self, scope: &Scope, plugin: &PluginName) -> bool {
        if self.owners.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let is_its = |owner: &Arc<Owner>| owner.plugin == *plugin && owner.scope == *scope;
        queue.running.iter().any(is_its) || queue.ready.iter().any(is_its)
    }

    /// Hands a turn on.
    fn release(&self, owner: &Arc<Owner>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.running.remove(owner);
        if queue.waiting.contains_key(owner) {
            queue.ready.push_back(Arc::clone(owner));
        }
        while queue.running.len() < self.at_once {
            let Some(next) = queue.ready.pop_front() else { break };
            let Some(waiting) = queue.waiting.get_mut(&next) else { continue };
            // Those that went away meanwhile are passed over.
            let granted = std::iter::from_fn(|| waiting.pop_front()).any(|grant| grant.send(()).is_ok());
            if waiting.is_empty() {
                queue.waiting.remove(&next);
            }
            if granted {
                queue.running.insert(next);
            }
        }
        self.owners.store(queue.owners(), Ordering::Relaxed);
    }
}

/// A turn in hand; handed on when it is dropped.
struct Turn<'a>(&'a Turns, &'a Arc<Owner>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.release(self.1);
    }
}

/// A future that is polled only with a turn in hand once its [`Pace`] says so.
pub(crate) struct Paced<'a, F> {
    turns: &'a Turns,
    pace: Arc<Pace>,
    owner: (&'a Scope, &'a PluginName),
    queued: Option<Queued>,
    future: Pin<&'a mut F>,
}

/// What a long tree keeps between its turns.
struct Queued {
    owner: Arc<Owner>,
    granted: Option<oneshot::Receiver<()>>,
}

impl<F: Future> Future for Paced<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let paced = self.get_mut();
        let (scope, plugin) = paced.owner;
        if !paced.pace.is_long() {
            if !paced.turns.has_long(scope, plugin) {
                return paced.future.as_mut().poll(context);
            }
            paced.pace.interrupt();
        }
        let queued = paced.queued.get_or_insert_with(|| Queued {
            owner: Arc::new(Owner { scope: scope.clone(), plugin: plugin.clone() }),
            granted: None,
        });
        if queued.granted.is_none()
            && let Asked::Wait(granted) = paced.turns.ask(&queued.owner)
        {
            queued.granted = Some(granted);
        }
        if let Some(granted) = &mut queued.granted {
            if Pin::new(granted).poll(context).is_pending() {
                return Poll::Pending;
            }
            queued.granted = None;
        }
        let turn = Turn(paced.turns, &queued.owner);
        // The tick that made the tree long is of an earlier poll.
        paced.pace.was_interrupted();
        let polled = paced.future.as_mut().poll(context);
        // In line before the turn is handed on: its owner comes after those of others who wait.
        if paced.pace.was_interrupted()
            && polled.is_pending()
            && let Asked::Wait(granted) = paced.turns.ask(&queued.owner)
        {
            queued.granted = Some(granted);
        }
        drop(turn);
        polled
    }
}

impl<F> Drop for Paced<'_, F> {
    fn drop(&mut self) {
        let Some(Queued { owner, granted: Some(mut granted) }) = self.queued.take() else { return };
        granted.close();
        // The turn was granted just when nobody wanted it any more.
        if granted.try_recv().is_ok() {
            self.turns.release(&owner);
        }
    }
}

#[cfg(test)]
mod tests;
