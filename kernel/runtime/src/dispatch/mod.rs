//! Delivers events to the plugins that subscribe to them.
//!
//! Whoever commits events says so here ([`Dispatcher::published`]); nobody polls. One task keeps the queue: it finds out which plugins at work in
//! a place ask for a topic, gives each subscription its turn in the order of coming, at most [`limits::HANDLER_CALLS`] at once and each
//! subscription once at a time, and sleeps till the earliest parked key is due. What a turn does is in [`turn`]; all that matters after a
//! restart is rows, so at a start every subscription simply gets a turn.
//!
//! INVARIANT (one-turn): of each subscription one batch at most runs at a time, and one that has more to do queues behind all others.

mod delivery;
mod plan;
mod turn;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forecourt_base::{GroupId, PluginName, Scope, Timestamp, limits};
use forecourt_bus::Cursor;
use forecourt_registry::Module;
use forecourt_storage::{Mode, Transaction};
use tokio::sync::{Notify, watch};

use crate::KernelError;
use crate::kernel::Kernel;
use turn::Next;

/// A plugin in a scope.
pub(crate) type Subscriber = Arc<(Scope, PluginName)>;

/// What is remembered of a subscription between its turns. Nothing is lost with it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memory {
    /// The revision of its row, and up to where no event behind that row's cursor is one of its own.
    pub(crate) seen: Option<(u64, Cursor)>,
    /// How many events were passed over since the row was written.
    pub(crate) passed: usize,
    /// Whether the last turn took what was parked, so that the next takes what is new.
    pub(crate) took_parked: bool,
    /// Turns in a row that came to nothing through no fault of an event's.
    pub(crate) stumbles: u32,
    parked: u64,
    dead: u64,
    /// When the first event was published that the last turn left undone.
    behind_since: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Entry {
    queued: bool,
    running: bool,
    /// Asked for again while it ran.
    again: bool,
    wake_at: Option<Timestamp>,
    memory: Memory,
}

#[derive(Debug, Default)]
struct State {
    /// Places to look at, with the topics that were published there; none means all.
    looks: HashMap<Scope, Option<HashSet<String>>>,
    ready: VecDeque<Subscriber>,
    entries: HashMap<Subscriber, Entry>,
    /// When subscriptions are woken, and which.
    wakes: BTreeMap<Timestamp, Vec<Subscriber>>,
    running: usize,
    stopped: bool,
    /// Who is told of commits of events in a place.
    listeners: HashMap<Scope, watch::Sender<()>>,
}

/// The queue of subscriptions that have something to do.
#[derive(Debug, Default)]
pub(crate) struct Dispatcher {
    state: Mutex<State>,
    changed: Notify,
}

impl Dispatcher {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events of these scopes and topics have been committed.
    pub(crate) fn published(&self, events: Vec<(Scope, String)>) {
        if events.is_empty() {
            return;
        }
        let mut state = self.lock();
        for (scope, topic) in events {
            if let Some(listeners) = state.listeners.get(&scope)
                && listeners.send(()).is_err()
            {
                state.listeners.remove(&scope);
            }
            match state.looks.get_mut(&scope) {
                Some(Some(topics)) => drop(topics.insert(topic)),
                Some(None) => {}
                None => drop(state.looks.insert(scope, Some(HashSet::from([topic])))),
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Every subscription of these scopes gets a turn.
    pub(crate) fn look(&self, scopes: impl IntoIterator<Item = Scope>) {
        self.lock().looks.extend(scopes.into_iter().map(|scope| (scope, None)));
        self.changed.notify_one();
    }

    /// One subscription gets a turn.
    pub(crate) fn nudge(&self, scope: &Scope, plugin: &PluginName) {
        self.lock().enqueue(Arc::new((scope.clone(), plugin.clone())));
        self.changed.notify_one();
    }

    /// No turn begins from now on; those that run end as they would.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_one();
    }

    /// Is told whenever events of a scope are committed.
    pub(crate) fn listen(&self, scope: &Scope) -> watch::Receiver<()> {
        let mut state = self.lock();
        state.listeners.retain(|_, listeners| !listeners.is_closed());
        state.listeners.entry(scope.clone()).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    /// Parked keys, dead letters and lag of each subscription that had a turn, in Prometheus' text format.
    pub(crate) fn to_prometheus(&self, now: Timestamp) -> String {
        let mut text = String::new();
        let state = self.lock();
        let mut series = |name: &str, value: &dyn Fn(&Memory) -> f64| {
            let _ = writeln!(text, "# TYPE {name} gauge");
            for (subscriber, entry) in &state.entries {
                let (scope, plugin) = &**subscriber;
                let value = value(&entry.memory);
                let _ = writeln!(text, "{name}{{scope=\"{scope}\",plugin=\"{plugin}\"}} {value}");
            }
        };
        series("forecourt_parked_keys", &|memory| memory.parked as f64);
        series("forecourt_dead_letters", &|memory| memory.dead as f64);
        let lag = |since: Timestamp| Duration::from_millis(since.millis_until(now)).as_secs_f64();
        series("forecourt_subscription_lag_seconds", &|memory| memory.behind_since.map_or(0.0, lag));
        text
    }

    /// Waits until something is to be done.
    async fn wait(&self, pause: Option<Duration>) {
        let most = Duration::from_millis(LOOK_MS);
        let _ = tokio::time::timeout(pause.unwrap_or(most).min(most), self.changed.notified()).await;
    }

    fn memory(&self, subscriber: &Subscriber) -> Memory {
        self.lock().entries.get(subscriber).map(|entry| entry.memory.clone()).unwrap_or_default()
    }
}

impl State {
    fn enqueue(&mut self, subscriber: Subscriber) {
        let entry = self.entries.entry(Arc::clone(&subscriber)).or_default();
        if entry.running {
            entry.again = true;
        } else if !entry.queued {
            entry.queued = true;
            self.ready.push_back(subscriber);
        }
    }

    /// Takes the next subscription out of the queue where another may run. INVARIANT (one-turn).
    fn take(&mut self) -> Option<Subscriber> {
        if self.stopped || self.running >= limits::HANDLER_CALLS {
            return None;
        }
        let subscriber = self.ready.pop_front()?;
        let entry = self.entries.entry(Arc::clone(&subscriber)).or_default();
        (entry.queued, entry.running, entry.again) = (false, true, false);
        self.running += 1;
        Some(subscriber)
    }

    /// A turn ended.
    fn give_back(&mut self, subscriber: Subscriber, memory: Memory, next: Next) {
        self.running -= 1;
        let Some(entry) = self.entries.get_mut(&subscriber) else { return };
        entry.running = false;
        entry.memory = memory;
        match next {
            Next::Gone if !entry.again => drop(self.entries.remove(&subscriber)),
            Next::Idle { wake_at } if !entry.again => self.wake_at(subscriber, wake_at),
            _ => self.enqueue(subscriber),
        }
    }

    fn wake_at(&mut self, subscriber: Subscriber, at: Option<Timestamp>) {
        let Some(entry) = self.entries.get_mut(&subscriber) else { return };
        let (before, Some(at)) = (std::mem::replace(&mut entry.wake_at, at), at) else { return };
        if before != Some(at) {
            self.wakes.entry(at).or_default().push(subscriber);
        }
    }

    /// Queues those whose time has come. A time that was changed meanwhile wakes nobody.
    fn wake_due(&mut self, now: Timestamp) {
        while let Some(first) = self.wakes.first_entry().filter(|first| *first.key() <= now) {
            let (at, subscribers) = first.remove_entry();
            for subscriber in subscribers {
                if let Some(entry) = self.entries.get_mut(&subscriber).filter(|entry| entry.wake_at == Some(at)) {
                    entry.wake_at = None;
                    self.enqueue(subscriber);
                }
            }
        }
    }
}

/// Starts delivering, and gives every subscription there is a turn.
pub(crate) fn start(kernel: &Arc<Kernel>) {
    let weak = Arc::downgrade(kernel);
    let first = Arc::clone(kernel);
    tokio::spawn(async move {
        match first.all_scopes().await {
            Ok(scopes) => first.dispatcher().look(scopes),
            Err(error) => tracing::error!(%error, "what waits for delivery is not known"),
        }
        drop(first);
        loop {
            let Some(kernel) = weak.upgrade() else { return };
            if kernel.dispatcher().lock().stopped {
                return;
            }
            kernel.look_around().await;
            let pause = kernel.start_turns();
            let dispatcher = Arc::clone(kernel.dispatcher());
            drop(kernel);
            dispatcher.wait(pause).await;
        }
    });
}

/// How often the task that waits looks at the clock, which may have been set, and whether its kernel is still there.
const LOOK_MS: u64 = 1_000;

impl Kernel {
    /// Every store of every group, and the groups themselves.
    pub(crate) async fn all_scopes(&self) -> Result<Vec<Scope>, KernelError> {
        let mut scopes = Vec::new();
        for group in self.auth().group_ids().await? {
            scopes.extend(self.scopes_of(&group).await?);
        }
        Ok(scopes)
    }

    /// A group as a whole, and its stores.
    pub(crate) async fn scopes_of(&self, group: &GroupId) -> Result<Vec<Scope>, KernelError> {
        let stores = self.auth().store_ids(group).await?.into_iter();
        let stores = stores.map(|store| Scope::store(group.clone(), store));
        Ok(std::iter::once(Scope::group(group.clone())).chain(stores).collect())
    }

    /// The place behind all events there are now.
    #[must_use]
    pub fn newest_cursor(&self) -> Cursor {
        Cursor::behind(self.storage().stable_position())
    }

    /// Is told whenever events of a scope are committed.
    #[must_use]
    pub fn listen(&self, scope: &Scope) -> watch::Receiver<()> {
        self.dispatcher().listen(scope)
    }

    /// Queues the subscriptions that ask for what was published.
    async fn look_around(&self) {
        let looks = std::mem::take(&mut self.dispatcher().lock().looks);
        for (scope, topics) in looks {
            let asks = |module: &Module| {
                let asked = &module.grant.subscriptions;
                topics.as_ref().map_or(!asked.is_empty(), |topics| topics.iter().any(|topic| asked.contains(topic)))
            };
            match self.at_work(&scope).await {
                Ok(modules) => {
                    let mut state = self.dispatcher().lock();
                    for module in modules.iter().filter(|module| asks(module)) {
                        state.enqueue(Arc::new((scope.clone(), module.plugin.clone())));
                    }
                }
                Err(error) => {
                    tracing::error!(%scope, %error, "who subscribes here is not known");
                    tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
                    self.dispatcher().lock().looks.insert(scope, None);
                }
            }
        }
    }

    /// The plugins at work in a scope, each in the version that is active there.
    async fn at_work(&self, scope: &Scope) -> Result<Vec<Arc<Module>>, KernelError> {
        loop {
            let mut transaction = Transaction::begin(self.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
            match self.registry().generation(&mut transaction, &scope.group).await {
                Err(error) if error.is_retryable() => tokio::task::yield_now().await,
                other => return Ok(other?.at_work(scope.store.as_ref())),
            }
        }
    }

    /// Lets as many subscriptions run as may: how long there is nothing else to do.
    fn start_turns(self: &Arc<Self>) -> Option<Duration> {
        let now = self.clock().now();
        let mut state = self.dispatcher().lock();
        state.wake_due(now);
        while let Some(subscriber) = state.take() {
            let kernel = Arc::clone(self);
            tokio::spawn(async move {
                let mut memory = kernel.dispatcher().memory(&subscriber);
                let next = turn::turn(&kernel, &subscriber, &mut memory).await;
                kernel.dispatcher().lock().give_back(subscriber, memory, next);
                kernel.dispatcher().changed.notify_one();
            });
        }
        state.wakes.first_key_value().map(|(at, _)| Duration::from_millis(now.millis_until(*at).max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecourt_base::StoreId;

    fn subscriber(plugin: &str) -> Subscriber {
        let scope = Scope::store(GroupId::new("g").unwrap(), StoreId::new("s").unwrap());
        Arc::new((scope, PluginName::new(plugin).unwrap()))
    }

    fn end(state: &mut State, subscriber: &Subscriber, next: Next) {
        state.give_back(Arc::clone(subscriber), Memory::default(), next);
    }

    #[test]
    fn each_has_one_turn_at_a_time_and_then_queues_behind_the_others() {
        let (mut state, [a, b]) = (State::default(), [subscriber("a"), subscriber("b")]);
        for who in [&a, &b, &a] {
            state.enqueue(Arc::clone(who));
        }
        assert_eq!((state.take(), state.take(), state.take()), (Some(Arc::clone(&a)), Some(Arc::clone(&b)), None));
        // Asked for while it runs, it runs again; INVARIANT (one-turn).
        state.enqueue(Arc::clone(&b));
        assert_eq!(state.take(), None);
        end(&mut state, &a, Next::More);
        end(&mut state, &b, Next::Idle { wake_at: None });
        assert_eq!((state.take(), state.take(), state.take()), (Some(Arc::clone(&a)), Some(Arc::clone(&b)), None));
        end(&mut state, &a, Next::Gone);
        end(&mut state, &b, Next::Idle { wake_at: None });
        assert!(state.take().is_none() && !state.entries.contains_key(&a) && state.running == 0);
    }

    #[test]
    fn no_more_run_at_once_than_may_and_none_after_a_stop() {
        let mut state = State::default();
        for number in 0..=limits::HANDLER_CALLS {
            state.enqueue(subscriber(&format!("p{number}")));
        }
        let running: Vec<_> = std::iter::from_fn(|| state.take()).collect();
        assert_eq!(running.len(), limits::HANDLER_CALLS);
        state.stopped = true;
        end(&mut state, &running[0], Next::More);
        assert_eq!(state.take(), None);
    }

    #[test]
    fn whoever_waits_for_a_time_is_woken_once_it_has_come() {
        let (mut state, a) = (State::default(), subscriber("a"));
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let wait = |state: &mut State, until| {
            state.enqueue(Arc::clone(&a));
            state.take().unwrap();
            end(state, &a, Next::Idle { wake_at: Some(until) });
        };
        wait(&mut state, at(60));
        // Another time that comes first is the one that counts.
        wait(&mut state, at(30));
        state.wake_due(at(29));
        assert_eq!(state.take(), None);
        state.wake_due(at(30));
        assert_eq!(state.take(), Some(Arc::clone(&a)));
        end(&mut state, &a, Next::Idle { wake_at: None });
        state.wake_due(at(61));
        assert!(state.take().is_none() && state.wakes.is_empty());
    }
}
