//! What a subscription's next batch consists of, read in a transaction of its own.
//!
//! Events never change and their order is fixed once they are there, so they may be read before the transaction that handles them, which
//! would otherwise be in conflict with everybody who publishes. What does change, where the subscription stands and what waits, is held
//! by the revision of its row, which that transaction reads again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forecourt_base::{PluginName, Scope, Timestamp, limits};
use forecourt_bus::{Cursor, Event, Fetched, ParkedKey, Subscription};
use forecourt_registry::Module;
use forecourt_storage::{Mode, StorageError, Transaction};

use super::Memory;
use crate::error::CallError;
use crate::kernel::Kernel;

/// An event of a batch.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) cursor: Cursor,
    pub(super) event: Event,
    /// Whether it waited behind a parked key before.
    pub(super) waited: bool,
    /// How often it failed before.
    pub(super) failures: u32,
}

/// A batch.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The row as it must still be; none where there is none yet.
    pub(super) row: Option<Subscription>,
    pub(super) items: Vec<Item>,
    /// Up to where the batch brings the subscription.
    pub(super) reached: Cursor,
    /// The parked keys among the batch's.
    pub(super) parked: BTreeMap<String, ParkedKey>,
    /// Parked keys that have more waiting than the batch takes.
    pub(super) unread: BTreeSet<String>,
    /// Whether there is more to do behind it.
    pub(super) more: bool,
}

/// What lies before a subscription.
#[derive(Debug)]
pub(super) enum Planned {
    /// The plugin is not at work here, or asks for nothing.
    Gone,
    /// Nothing is to be done before this time.
    Idle(Option<Timestamp>),
    Batch(Plan),
}

/// Rows looked at in one turn for events that are the subscription's own.
const ROWS: usize = 4 * limits::SUBSCRIPTION_PASSED;

/// Finds the next batch.
pub(super) async fn plan(
    kernel: &Kernel,
    scope: &Scope,
    plugin: &PluginName,
    memory: &mut Memory,
) -> Result<Planned, CallError> {
    let mut transaction = Transaction::begin(kernel.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
    let generation = kernel.registry().generation(&mut transaction, &scope.group).await?;
    let module = generation.active(scope.store.as_ref(), plugin);
    let Some(module) = module.filter(|module| !module.grant.subscriptions.is_empty()) else {
        return Ok(Planned::Gone);
    };
    let row = forecourt_bus::subscription(&mut transaction, scope, plugin).await?;
    // What others keep changing is more likely to be done in smaller pieces.
    let most = (limits::DELIVERY_BATCH >> memory.stumbles.min(usize::BITS - 1)).max(1);
    let mut planner = Planner { kernel, scope, plugin, module, transaction, row, most };
    planner.plan(memory).await
}

struct Planner<'a> {
    kernel: &'a Kernel,
    scope: &'a Scope,
    plugin: &'a PluginName,
    module: &'a Arc<Module>,
    transaction: Transaction,
    row: Option<Subscription>,
    /// Events that the batch takes at most.
    most: usize,
}

impl Planner<'_> {
    async fn plan(&mut self, memory: &mut Memory) -> Result<Planned, CallError> {
        let row = self.row.clone().unwrap_or_default();
        (memory.parked, memory.dead) = (row.parked, row.dead);
        let now = self.kernel.clock().now();
        let parked = if row.parked == 0 { Vec::new() } else { self.due().await? };
        let wake_at = parked.first().map(|key| key.due);
        let due: Vec<ParkedKey> = parked.into_iter().filter(|key| key.due <= now).collect();
        // By turns, so that neither what is new nor what waits holds up the other.
        if !due.is_empty() && !memory.took_parked {
            memory.took_parked = true;
            return Ok(Planned::Batch(self.waiting(due, &row).await?));
        }
        memory.took_parked = false;
        let fresh = self.fresh(&row, memory).await?;
        match fresh {
            Some(mut plan) => {
                plan.more |= !due.is_empty();
                Ok(Planned::Batch(plan))
            }
            None if !due.is_empty() => {
                memory.took_parked = true;
                Ok(Planned::Batch(self.waiting(due, &row).await?))
            }
            None => Ok(Planned::Idle(wake_at)),
        }
    }

    async fn due(&mut self) -> Result<Vec<ParkedKey>, StorageError> {
        forecourt_bus::next_due(&mut self.transaction, self.scope, self.plugin, limits::DELIVERY_BATCH).await
    }

    /// The first events of keys that are due.
    async fn waiting(&mut self, due: Vec<ParkedKey>, row: &Subscription) -> Result<Plan, StorageError> {
        let mut plan = self.empty(row.cursor);
        plan.more = true;
        for key in due {
            let room = self.most - plan.items.len();
            if room == 0 {
                break;
            }
            let (events, more) =
                forecourt_bus::waiting_events(&mut self.transaction, self.scope, self.plugin, &key.key, room).await?;
            if more {
                plan.unread.insert(key.key.clone());
            }
            for (at, Fetched { cursor, event }) in events.into_iter().enumerate() {
                let failures = if at == 0 { key.failures } else { 0 };
                plan.items.push(Item { cursor, event, waited: true, failures });
            }
            plan.parked.insert(key.key.clone(), key);
        }
        Ok(plan)
    }

    /// The next events that are new; none where there are none.
    async fn fresh(&mut self, row: &Subscription, memory: &mut Memory) -> Result<Option<Plan>, StorageError> {
        let after = match memory.seen {
            Some((revision, seen)) if revision == row.revision => seen.max(row.cursor),
            _ => {
                memory.passed = 0;
                row.cursor
            }
        };
        let module = Arc::clone(self.module);
        let asked = &module.grant.subscriptions;
        let plugin = self.plugin;
        let wanted = |event: &Event, cursor| {
            asked.contains(&event.topic) && row.wants(&event.topic, cursor) && event.is_for(plugin)
        };
        let found = forecourt_bus::ahead(&mut self.transaction, self.scope, after, self.most, ROWS, wanted);
        let found = found.await?;
        memory.seen = Some((row.revision, if found.items.is_empty() { found.seen } else { after }));
        memory.passed += found.passed;
        memory.behind_since = found.items.first().map(|first| first.event.at);
        if found.items.is_empty() && memory.passed < limits::SUBSCRIPTION_PASSED && !found.more {
            return Ok(None);
        }
        let mut plan = self.empty(found.seen);
        plan.more = found.more;
        for Fetched { cursor, event } in found.items {
            if row.parked > 0 && !plan.parked.contains_key(&event.key) {
                let key = forecourt_bus::parked(&mut self.transaction, self.scope, self.plugin, &event.key).await?;
                plan.parked.extend(key.map(|key| (event.key.clone(), key)));
            }
            plan.items.push(Item { cursor, event, waited: false, failures: 0 });
        }
        Ok(Some(plan))
    }

    fn empty(&self, reached: Cursor) -> Plan {
        Plan {
            row: self.row.clone(),
            items: Vec::new(),
            reached,
            parked: BTreeMap::new(),
            unread: BTreeSet::new(),
            more: false,
        }
    }
}

impl Plan {
    /// The batch up to, and without, this item.
    pub(super) fn cut(mut self, item: usize) -> Self {
        if let Some(next) = self.items.get(item) {
            // What lies behind the last one that stays is seen again.
            if !next.waited {
                self.reached = item
                    .checked_sub(1)
                    .and_then(|last| self.items.get(last))
                    .map_or_else(|| self.row.as_ref().map_or(Cursor::START, |row| row.cursor), |last| last.cursor);
            }
            self.unread
                .extend(self.items.iter().skip(item).filter(|item| item.waited).map(|item| item.event.key.clone()));
            self.items.truncate(item);
            self.more = true;
        }
        self
    }
}
