//! One batch as an errand: the handler's calls, and what becomes of each event.
//!
//! INVARIANT (key-order): of one key no event is handled before an earlier one was handled or became a dead letter. In a batch the calls of a
//! key are one lane; behind a parked key everything waits.

use std::collections::{BTreeMap, BTreeSet};

use forecourt_auth::audit::Outcome;
use forecourt_base::{PluginName, Scope, Timestamp, limits};
use forecourt_bus::{Cursor, DeadLetter, ParkedKey, Reason};
use forecourt_registry::Module;
use forecourt_storage::Transaction;
use wasmtime::component::Val;

use super::plan::{Item, Plan};
use crate::error::CallError;
use crate::hook::{Errand, Hook};
use crate::invoke::{Given, HookCall};
use crate::kernel::Kernel;

/// The hook that is told of events.
pub(super) const HANDLE: Hook = Hook { interface: "subscriber", function: "handle" };

/// What is to be done with an event of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Call,
    /// Its key is parked: it queues there.
    Queue,
    Bury(Reason),
    /// It fails without another try: it ended the run before.
    Fail,
}

/// How an event's delivery failed.
#[derive(Debug, Clone)]
struct Failure {
    unusable: bool,
    error: String,
}

/// An item that ended a run.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) item: usize,
    /// A stable word for how.
    pub(super) label: &'static str,
    /// The same for the audit.
    pub(super) outcome: Outcome,
}

/// A key of the batch, as the batch leaves it.
#[derive(Debug, Default)]
struct Lane {
    /// Whether any of its events was tried, so that its row is written anew.
    tried: bool,
    /// Whether any of its events waits.
    waits: bool,
    /// How often the first that waits has failed, and how.
    head: Option<(u32, String)>,
}

/// A batch on its way.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    scope: &'a Scope,
    plugin: &'a PluginName,
    plan: Plan,
    /// The item that ended a run before, and how.
    fails: Option<Ended>,
    fates: Vec<Fate>,
    asked: BTreeSet<String>,
    buried: u64,
    failed: u64,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(scope: &'a Scope, plugin: &'a PluginName, plan: Plan, fails: Option<Ended>) -> Self {
        let (fates, asked) = (Vec::new(), BTreeSet::new());
        Self { scope, plugin, plan, fails, fates, asked, buried: 0, failed: 0 }
    }

    /// The item that the `call`-th call of the run was about.
    pub(super) fn item(&self, call: usize) -> Option<usize> {
        let called = self.fates.iter().enumerate().filter(|(_, fate)| **fate == Fate::Call);
        called.map(|(item, _)| item).nth(call)
    }

    fn fate(&self, at: usize, item: &Item) -> Fate {
        match &self.fails {
            Some(ended) if ended.item == at => Fate::Fail,
            _ if !item.waited && self.plan.parked.contains_key(&item.event.key) => Fate::Queue,
            _ if item.event.hops >= limits::EVENT_HOPS => Fate::Bury(Reason::HopLimit),
            _ if !self.asked.contains(&item.event.topic) => Fate::Bury(Reason::NotGranted),
            _ => Fate::Call,
        }
    }

    /// Writes down what became of one event.
    async fn settle(
        &mut self,
        transaction: &mut Transaction,
        item: &Item,
        result: Result<(), Failure>,
        now: Timestamp,
    ) -> Result<Option<(u32, String)>, CallError> {
        let (scope, plugin, failures) = (self.scope, self.plugin, item.failures + 1);
        let Err(failure) = result else {
            if item.waited {
                forecourt_bus::wait_no_more(transaction, scope, plugin, item.cursor, &item.event).await?;
            }
            return Ok(None);
        };
        self.failed += 1;
        if !failure.unusable && failures < limits::DELIVERY_TRIES {
            if !item.waited {
                forecourt_bus::wait(transaction, scope, plugin, item.cursor, &item.event).await?;
            }
            return Ok(Some((failures, failure.error)));
        }
        let reason = if failure.unusable { Reason::Unusable } else { Reason::Failed };
        self.bury(transaction, item, reason, failure.error, failures, now).await?;
        Ok(None)
    }

    async fn bury(
        &mut self,
        transaction: &mut Transaction,
        item: &Item,
        reason: Reason,
        error: String,
        failures: u32,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let (scope, plugin) = (self.scope, self.plugin);
        if item.waited {
            forecourt_bus::wait_no_more(transaction, scope, plugin, item.cursor, &item.event).await?;
        }
        self.buried += 1;
        let event = item.event.clone();
        tracing::warn!(%scope, %plugin, topic = event.topic, key = event.key, event = %item.cursor, ?reason, error, "an event is a dead letter");
        let (plugin, cursor) = (plugin.clone(), item.cursor);
        let letter = DeadLetter { plugin, cursor, event, reason, error, failures, at: now };
        Ok(forecourt_bus::bury(transaction, scope, &letter).await?)
    }

    /// Writes a key's row anew: how much its parked keys are more now.
    async fn leave(
        &self,
        transaction: &mut Transaction,
        key: &str,
        lane: Lane,
        now: Timestamp,
    ) -> Result<i64, CallError> {
        let before = self.plan.parked.get(key);
        if !lane.tried {
            return Ok(0);
        }
        let waits = lane.waits || self.plan.unread.contains(key);
        let after = waits.then(|| {
            let (failures, error) = lane.head.unwrap_or_default();
            let pause_ms = if failures == 0 { 0 } else { forecourt_bus::backoff_ms(failures) };
            let due = now.plus_millis(i64::try_from(pause_ms).unwrap_or(i64::MAX));
            let since = before.map_or(now, |before| before.since);
            ParkedKey { key: key.to_owned(), failures, due, since, error }
        });
        forecourt_bus::set_parked(transaction, self.scope, self.plugin, before, after.as_ref()).await?;
        Ok(i64::from(after.is_some()) - i64::from(before.is_some()))
    }
}

/// The text of a handler's refusal.
fn failure(error: Option<&Val>) -> Failure {
    match error {
        Some(Val::Variant(case, Some(text))) => {
            let error = if let Val::String(text) = &**text {
                text.chars().take(ERROR_CHARACTERS).collect()
            } else {
                case.clone()
            };
            Failure { unusable: case == "unusable", error }
        }
        _ => Failure { unusable: false, error: "error".to_owned() },
    }
}

/// Why an event is a dead letter that was not tried.
fn untried(reason: Reason) -> String {
    match reason {
        Reason::HopLimit => format!("it came by {} handlers, one after another: events go round", limits::EVENT_HOPS),
        Reason::NotGranted => "the group does not grant its topic".to_owned(),
        Reason::Failed | Reason::Unusable => "it was tried before".to_owned(),
    }
}

/// What is kept of a handler's words.
const ERROR_CHARACTERS: usize = 1_000;

fn event(item: &Item) -> Val {
    let Item { cursor, event, failures, .. } = item;
    let text = |text: &str| Val::String(text.to_owned());
    let fields = [
        ("id", text(&cursor.to_string())),
        ("topic", text(&event.topic)),
        ("key", text(&event.key)),
        ("payload", text(event.payload.get())),
        ("at", text(&event.at.to_rfc3339())),
        ("plugin", text(event.plugin.as_str())),
        ("by", text(&event.by)),
        ("failures", Val::U32(*failures)),
    ];
    Val::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

impl Errand for Delivery<'_> {
    async fn open(
        &mut self,
        _: &Kernel,
        module: &Module,
        transaction: &mut Transaction,
    ) -> Result<Option<Vec<HookCall>>, CallError> {
        (self.buried, self.failed) = (0, 0);
        // INVARIANT (told-once): whatever changed since the plan was made raised the revision.
        if forecourt_bus::subscription(transaction, self.scope, self.plugin).await? != self.plan.row {
            return Ok(None);
        }
        self.asked = module.grant.subscriptions.clone();
        self.fates = self.plan.items.iter().enumerate().map(|(at, item)| self.fate(at, item)).collect();
        let mut lanes = BTreeMap::new();
        let mut calls = Vec::new();
        for (item, _) in self.plan.items.iter().zip(&self.fates).filter(|(_, fate)| **fate == Fate::Call) {
            let next = lanes.len();
            let lane = *lanes.entry(item.event.key.as_str()).or_insert(next);
            calls.push(HookCall { params: vec![event(item)], hops: item.event.hops + 1, lane });
        }
        Ok(Some(calls))
    }

    async fn close(
        &mut self,
        kernel: &Kernel,
        transaction: &mut Transaction,
        results: &[Given],
    ) -> Result<(), CallError> {
        let now = kernel.clock().now();
        let mut lanes: BTreeMap<String, Lane> = BTreeMap::new();
        let mut results = results.iter();
        let items = std::mem::take(&mut self.plan.items);
        for (item, fate) in items.iter().zip(self.fates.clone()) {
            let result = match fate {
                Fate::Call => match results.next() {
                    Some(Given::Value(Some(Val::Result(Err(error))))) => Some(Err(failure(error.as_deref()))),
                    Some(Given::Value(_)) => Some(Ok(())),
                    Some(Given::LeftOut) | None => None,
                },
                Fate::Fail => {
                    let error = self.fails.as_ref().map(|ended| ended.label.to_owned()).unwrap_or_default();
                    Some(Err(Failure { unusable: false, error }))
                }
                Fate::Queue => None,
                Fate::Bury(reason) => {
                    self.bury(transaction, item, reason, untried(reason), item.failures, now).await?;
                    lanes.entry(item.event.key.clone()).or_default().tried = true;
                    continue;
                }
            };
            let head = match result {
                Some(result) => self.settle(transaction, item, result, now).await?,
                None => {
                    if !item.waited {
                        forecourt_bus::wait(transaction, self.scope, self.plugin, item.cursor, &item.event).await?;
                    }
                    lanes.entry(item.event.key.clone()).or_default().waits = true;
                    continue;
                }
            };
            let lane = lanes.entry(item.event.key.clone()).or_default();
            lane.tried = true;
            lane.waits |= head.is_some();
            lane.head = lane.head.take().or(head);
        }
        self.plan.items = items;
        let mut parked = 0;
        for (key, lane) in lanes {
            parked += self.leave(transaction, &key, lane, now).await?;
        }
        let mut row = self.plan.row.clone().unwrap_or_default();
        if self.plan.row.is_none() {
            row.topics = self.asked.iter().map(|topic| (topic.clone(), Cursor::START)).collect();
        }
        row.cursor = self.plan.reached;
        row.parked = row.parked.saturating_add_signed(parked);
        row.dead += self.buried;
        Ok(forecourt_bus::write_subscription(transaction, self.scope, self.plugin, row).await?)
    }

    fn note(&self) -> String {
        let place = |item: Option<&Item>| item.map(|item| item.cursor.to_string()).unwrap_or_default();
        let (first, last) = (place(self.plan.items.first()), place(self.plan.items.last()));
        let Self { failed, buried, .. } = self;
        format!("{} events from {first} to {last}, {failed} failed, {buried} dead", self.plan.items.len())
    }

    fn outcome(&self) -> Outcome {
        self.fails.as_ref().map_or(Outcome::Done, |ended| ended.outcome.clone())
    }
}
