//! Telling a plugin what came of its request: an event of its own, handled in the transaction in which the request is settled.
//!
//! INVARIANT (settled-once): the request's row is read and settled in the transaction of what the handler does, so that it does it once, however often it is begun.

use std::sync::Arc;

use forecourt_bus::outbound::{Answered, Outgoing, State, get, pause_ms, put, remove};
use forecourt_registry::Module;
use forecourt_storage::Transaction;
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::Item;
use super::settle::{Next, Standing, change, told_in_vain};
use crate::error::{CallError, KernelError};
use crate::hook::{Errand, Hook, HookRun, Ran};
use crate::invoke::{Given, HookCall};
use crate::json;
use crate::kernel::Kernel;

const TOPIC: &str = "kernel.http-response";
const HOOK: Hook = Hook { interface: "subscriber", function: "handle" };

/// One request's way into its plugin.
struct Telling<'a> {
    item: &'a Item,
    outgoing: Option<Outgoing>,
}

impl Errand for Telling<'_> {
    async fn open(
        &mut self,
        _: &Kernel,
        module: &Module,
        transaction: &mut Transaction,
    ) -> Result<Option<Vec<HookCall>>, CallError> {
        let outgoing = get(transaction, &self.item.scope, &self.item.id).await?;
        self.outgoing = outgoing.filter(|outgoing| outgoing.state == State::Answered);
        let Some(outgoing) = &self.outgoing else { return Ok(None) };
        Ok(Some(vec![HookCall { params: params(module, self.item, outgoing)?, hops: outgoing.hops + 1, lane: 0 }]))
    }

    async fn close(
        &mut self,
        kernel: &Kernel,
        transaction: &mut Transaction,
        results: &[Given],
    ) -> Result<(), CallError> {
        let Some(outgoing) = self.outgoing.clone() else { return Ok(()) };
        let (scope, id) = (&self.item.scope, &self.item.id);
        if let Some(Given::Value(Some(Val::Result(Err(error))))) = results.first() {
            let unusable = matches!(error.as_deref(), Some(Val::Variant(case, _)) if case == "unusable");
            let pause = pause_ms(outgoing.deliveries + 1, None, kernel.random());
            let next = told_in_vain(outgoing, unusable, kernel.clock().now(), pause);
            return Ok(put(transaction, scope, id, &next).await?);
        }
        match taken(outgoing) {
            Some(kept) => put(transaction, scope, id, &kept).await?,
            None => remove(transaction, scope, id).await?,
        }
        Ok(())
    }

    fn note(&self) -> String {
        format!("{TOPIC} {}", self.item.id)
    }
}

/// What stays of a request that its plugin knows the end of: one that failed is kept for people.
fn taken(outgoing: Outgoing) -> Option<Outgoing> {
    let failed = outgoing.answered.as_ref().is_some_and(|answered| answered.failed.is_some());
    failed.then_some(Outgoing { state: State::Failed, ..outgoing })
}

/// The event as the plugin's handler takes it.
fn params(module: &Module, item: &Item, outgoing: &Outgoing) -> Result<Vec<Val>, CallError> {
    let internal = |what: &dyn std::fmt::Display| CallError::Internal(what.to_string());
    let handler = module.schema.hook(HOOK.interface).and_then(|hook| hook.operation(HOOK.function));
    let handler = handler.ok_or_else(|| internal(&"a subscriber vanished"))?;
    let event = json!({
        "id": item.id,
        "topic": TOPIC,
        "key": outgoing.key,
        "payload": payload(item, outgoing).to_string(),
        "at": outgoing.at.to_rfc3339(),
        "plugin": outgoing.plugin,
        "by": outgoing.by,
        "failures": outgoing.deliveries,
    });
    let values = handler.params.iter().map(|param| json::to_val(&param.ty, &event));
    values.collect::<Result<_, _>>().map_err(|error| internal(&error))
}

fn payload(item: &Item, outgoing: &Outgoing) -> Value {
    let none = || Answered {
        status: None,
        headers: Vec::new(),
        body: None,
        body_base64: None,
        failed: None,
        at: outgoing.next_at,
    };
    let Answered { status, headers, body, body_base64, failed, at } = outgoing.answered.clone().unwrap_or_else(none);
    let headers: Vec<Value> =
        headers.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({
        "id": item.id,
        "key": outgoing.key,
        "attempts": outgoing.attempts,
        "status": status,
        "headers": headers,
        "body": body,
        "body_base64": body_base64,
        "failed": failed,
        "at": at.to_rfc3339(),
    })
}

impl Kernel {
    /// Tells the plugin what came of its request, and settles it.
    pub(super) async fn tell(self: &Arc<Self>, item: &Item) -> Result<Next, KernelError> {
        let run = HookRun {
            scope: item.scope.clone(),
            plugin: item.plugin.clone(),
            hook: HOOK,
            request_id: item.id.clone(),
            links: Vec::new(),
            judged: false,
        };
        let mut telling = Telling { item, outgoing: None };
        let vain = match self.run_hook(&run, &mut telling).await {
            Ok(Ran::Idle) => return self.told_nobody(item).await,
            Ok(Ran::Done) => None,
            // Nothing is known of the commit until the restart, after which it is told again or is gone.
            Err(failure) if matches!(failure.error, CallError::OutcomeUnknown) => return Ok(Next::Done),
            Err(failure) => Some(failure.error),
        };
        if let Some(error) = vain {
            tracing::warn!(id = item.id, plugin = %item.plugin, scope = %item.scope, %error, "a plugin was told of an answer in vain");
            // A full kernel, a suspended plugin and lasting conflicts are no fault of this answer.
            let passing = matches!(
                error,
                CallError::Full(_) | CallError::Suspended { .. } | CallError::Conflict | CallError::DiskFull
            );
            let now = self.clock().now();
            change(self, item, |outgoing| {
                let pause = pause_ms(outgoing.deliveries + 1, None, self.random());
                let next = told_in_vain(outgoing.clone(), false, now, pause);
                ((), Some(if passing { Outgoing { next_at: next.next_at, ..outgoing } } else { next }))
            })
            .await?;
        }
        Ok(match self.standing(item).await? {
            Some(Standing { outgoing, .. }) if outgoing.state.is_open() => Next::At(outgoing.next_at),
            _ => Next::Done,
        })
    }

    /// Nothing was run: the request is gone, its plugin is not at work here, or it does not listen.
    async fn told_nobody(&self, item: &Item) -> Result<Next, KernelError> {
        let generation = self.generation(&item.scope.group).await?;
        let Some(module) = generation.active(item.scope.store.as_ref(), &item.plugin) else {
            return Ok(Next::At(self.clock().now().plus_millis(60_000)));
        };
        if module.schema.hook(HOOK.interface).is_none() {
            change(self, item, |outgoing| match outgoing.state {
                State::Answered => ((), taken(outgoing)),
                _ => ((), Some(outgoing)),
            })
            .await?;
        }
        Ok(Next::Done)
    }
}
