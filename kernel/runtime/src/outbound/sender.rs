//! The sender: a task that knows every request which is not done with, and deals with those that are due, in turns of plugins and places.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use forecourt_base::{PluginName, Scope, Timestamp, limits};
use forecourt_bus::outbound::page;
use forecourt_storage::{Mode, Transaction};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::Item;
use super::settle::Next;
use crate::error::KernelError;
use crate::kernel::Kernel;

/// The longest that the sender sleeps, so that a clock which is set shows.
const LONGEST: Duration = Duration::from_secs(1);
/// The pause after storage refused to be read.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

type Lane = (Scope, PluginName);

/// The requests of one plugin in one place.
#[derive(Debug, Default)]
struct Waiting {
    /// When each is due, those under way left out.
    due: BTreeMap<String, Timestamp>,
    under_way: HashSet<String>,
}

/// A running sender; it ends when it is stopped or dropped.
#[derive(Debug)]
pub struct Sending {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Sending {
    /// Begins no more requests, and waits for those under way, at most [`limits::OUTBOUND_MS`]. What is given up is sent again after the next start.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let wait = Duration::from_millis(limits::OUTBOUND_MS);
        if tokio::time::timeout(wait, self.task).await.is_err() {
            tracing::warn!("outbound requests were under way at the stop");
        }
    }
}

impl Kernel {
    /// Sends outbound requests from now on, those that were left by the last kernel first.
    pub fn send_on(self: &Arc<Self>) -> Sending {
        let (stop, stopped) = watch::channel(false);
        let told = self.outbound().told.lock().unwrap_or_else(PoisonError::into_inner).take();
        let kernel = Arc::clone(self);
        let task = tokio::spawn(async move {
            if let Some(told) = told {
                Sender { kernel, lanes: HashMap::new(), order: VecDeque::new(), running: JoinSet::new() }
                    .run(told, stopped)
                    .await;
            }
        });
        Sending { stop, task }
    }
}

struct Sender {
    kernel: Arc<Kernel>,
    lanes: HashMap<Lane, Waiting>,
    /// Whose turn it is: the lanes that have requests, the next one first.
    order: VecDeque<Lane>,
    running: JoinSet<(Item, Next)>,
}

impl Sender {
    async fn run(mut self, mut told: mpsc::UnboundedReceiver<Item>, mut stopped: watch::Receiver<bool>) {
        while let Err(error) = self.find_all().await {
            tracing::warn!(%error, "outbound requests cannot be read");
            tokio::select! {
                () = tokio::time::sleep(AFTER_FAILURE) => {}
                _ = stopped.changed() => return,
            }
        }
        loop {
            let pause = self.begin_due();
            tokio::select! {
                _ = stopped.changed() => break,
                item = told.recv() => match item {
                    Some(item) => {
                        self.add(item, self.kernel.clock().now());
                        while let Ok(item) = told.try_recv() {
                            self.add(item, self.kernel.clock().now());
                        }
                    }
                    None => break,
                },
                Some(done) = self.running.join_next() => {
                    if let Ok((item, next)) = done {
                        self.ended(&item, next);
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
        while self.running.join_next().await.is_some() {}
    }

    /// Finds every request that was left.
    async fn find_all(&mut self) -> Result<(), KernelError> {
        let kernel = Arc::clone(&self.kernel);
        for group in kernel.auth().group_ids().await? {
            let stores = kernel.auth().store_ids(&group).await?;
            let scopes = stores.into_iter().map(|store| Scope::store(group.clone(), store));
            for scope in std::iter::once(Scope::group(group.clone())).chain(scopes) {
                let mut after: Option<String> = None;
                loop {
                    let mut transaction = Transaction::begin(kernel.storage(), Some(group.clone()), Mode::ReadOnly)?;
                    let (requests, next) = match page(&mut transaction, &scope, after.as_deref()).await {
                        Err(error) if error.is_retryable() => continue,
                        page => page?,
                    };
                    for (id, outgoing) in requests.into_iter().filter(|(_, outgoing)| outgoing.state.is_open()) {
                        let (scope, plugin) = (scope.clone(), outgoing.plugin);
                        self.add(Item { scope, plugin, id }, outgoing.next_at);
                    }
                    match next {
                        None => break,
                        next => after = next,
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, item: Item, at: Timestamp) {
        let Item { scope, plugin, id } = item;
        let lane = (scope, plugin);
        let waiting = self.lanes.entry(lane.clone()).or_default();
        if waiting.under_way.contains(&id) {
            return;
        }
        if waiting.due.insert(id, at).is_none() {
            self.kernel.outbound().count(&lane.0, &lane.1, 1);
        }
        if !self.order.contains(&lane) {
            self.order.push_back(lane);
        }
    }

    fn ended(&mut self, item: &Item, next: Next) {
        let lane = (item.scope.clone(), item.plugin.clone());
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        waiting.under_way.remove(&item.id);
        match next {
            Next::At(at) => drop(waiting.due.insert(item.id.clone(), at)),
            Next::Done => self.kernel.outbound().count(&lane.0, &lane.1, -1),
        }
        if waiting.due.is_empty() && waiting.under_way.is_empty() {
            self.lanes.remove(&lane);
            self.order.retain(|other| *other != lane);
        }
    }

    /// Begins what is due and has a place, one of each lane in turn; how long until something else is.
    fn begin_due(&mut self) -> Duration {
        let now = self.kernel.clock().now();
        let mut idle = 0;
        while self.running.len() < limits::OUTBOUND_AT_ONCE && idle < self.order.len() {
            self.order.rotate_left(1);
            let Some(lane) = self.order.back().cloned() else { break };
            let Some(waiting) = self.lanes.get_mut(&lane) else { break };
            let full = waiting.under_way.len() >= limits::OUTBOUND_AT_ONCE_PER_PLUGIN;
            let due = waiting.due.iter().filter(|(_, at)| **at <= now).min_by_key(|(_, at)| **at);
            let Some(id) = due.map(|(id, _)| id.clone()).filter(|_| !full) else {
                idle += 1;
                continue;
            };
            idle = 0;
            waiting.due.remove(&id);
            waiting.under_way.insert(id.clone());
            let (kernel, item) = (Arc::clone(&self.kernel), Item { scope: lane.0, plugin: lane.1, id });
            self.running.spawn(async move {
                let next = kernel.deal_with(&item).await;
                (item, next)
            });
        }
        let next = self.lanes.values().flat_map(|waiting| waiting.due.values()).filter(|at| **at > now).min();
        let wait = next.map_or(LONGEST, |at| {
            Duration::from_millis(u64::try_from(at.as_millis().saturating_sub(now.as_millis())).unwrap_or(0))
        });
        wait.min(LONGEST)
    }
}
