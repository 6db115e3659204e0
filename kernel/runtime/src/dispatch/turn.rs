//! One turn of a subscription: a batch of its events, handled and written down in one transaction.
//!
//! An event that ends the run, by a trap or a limit, is blamed only when it came first in its instance: those before it are replayed without
//! it, and then it is tried alone. So a batch costs nobody else a failure.

use std::sync::Arc;

use forecourt_auth::audit::Outcome;
use forecourt_base::{PluginName, Scope, Timestamp, limits};
use forecourt_storage::Attempts;

use super::delivery::{Delivery, Ended, HANDLE};
use super::plan::{Plan, Planned, plan};
use super::{Memory, Subscriber};
use crate::audit;
use crate::error::CallError;
use crate::hook::{HookError, HookRun};
use crate::kernel::Kernel;

/// What comes after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There may be more to do.
    More,
    /// There is nothing to do before this time.
    Idle {
        /// The time; none until events are published.
        wake_at: Option<Timestamp>,
    },
    /// The plugin is at work here no more.
    Gone,
}

/// Takes a subscription's turn.
pub(super) async fn turn(kernel: &Arc<Kernel>, subscriber: &Subscriber, memory: &mut Memory) -> Next {
    let (scope, plugin) = &**subscriber;
    match take(kernel, scope, plugin, memory).await {
        Ok(next) => {
            memory.stumbles = 0;
            next
        }
        Err(CallError::Conflict) => {
            memory.stumbles = memory.stumbles.saturating_add(1);
            Next::More
        }
        Err(error) => {
            let pause_ms = pause_ms(&error, memory.stumbles);
            memory.stumbles = memory.stumbles.saturating_add(1);
            if !matches!(error, CallError::Suspended { .. }) {
                tracing::warn!(%scope, %plugin, %error, pause_ms, "events wait: their delivery failed by no fault of theirs");
            }
            let pause_ms = i64::try_from(pause_ms).unwrap_or(i64::MAX);
            Next::Idle { wake_at: Some(kernel.clock().now().plus_millis(pause_ms)) }
        }
    }
}

fn pause_ms(error: &CallError, stumbles: u32) -> u64 {
    match error {
        CallError::Suspended { retry_after_ms, .. } => *retry_after_ms,
        _ => limits::DELIVERY_PAUSE_MS
            .saturating_mul(1_u64.checked_shl(stumbles.min(16)).unwrap_or(u64::MAX))
            .min(limits::DELIVERY_PAUSE_MAX_MS),
    }
}

async fn take(
    kernel: &Arc<Kernel>,
    scope: &Scope,
    plugin: &PluginName,
    memory: &mut Memory,
) -> Result<Next, CallError> {
    let mut batch = match plan(kernel, scope, plugin, memory).await? {
        Planned::Gone => return Ok(Next::Gone),
        Planned::Idle(wake_at) => return Ok(Next::Idle { wake_at }),
        Planned::Batch(batch) => batch,
    };
    if batch.items.is_empty() {
        pass_over(kernel, scope, plugin, &batch).await?;
        return Ok(Next::More);
    }
    let mut fails = None;
    loop {
        let first = batch.items.first();
        let run = HookRun {
            scope: scope.clone(),
            plugin: plugin.clone(),
            hook: HANDLE,
            request_id: first.map(|item| format!("event-{}", item.cursor)).unwrap_or_default(),
            links: batch.items.iter().filter_map(|item| item.event.trace).collect(),
            // Who keeps failing on new events is suspended; what waits behind a parked key has its own plan.
            judged: first.is_some_and(|item| !item.waited),
        };
        let mut delivery = Delivery::new(scope, plugin, batch.clone(), fails.take());
        let failure = match kernel.run_hook(&run, &mut delivery).await {
            Ok(_) => return Ok(Next::More),
            Err(failure) => failure,
        };
        let HookError { at, error } = failure;
        let Some((call, item)) = at.and_then(|call| Some((call, delivery.item(call)?))) else { return Err(error) };
        if !blames(&error) {
            return Err(error);
        }
        if call > 0 {
            batch = batch.cut(item);
        } else {
            batch = batch.cut(item + 1);
            let label = audit::label(&error);
            let outcome = audit::outcome_of_failure(&error).unwrap_or_else(|| Outcome::Failed(label.to_owned()));
            fails = Some(Ended { item, label, outcome });
        }
    }
}

/// Whether an ending is the doing of the event that was being handled.
fn blames(error: &CallError) -> bool {
    matches!(
        error,
        CallError::Trap { .. }
            | CallError::Limit(_)
            | CallError::Timeout
            | CallError::Denied { .. }
            | CallError::DependencyNotEnabled(_)
    )
}

/// Writes down that a subscription has passed over events of others, so that these may go one day.
async fn pass_over(kernel: &Kernel, scope: &Scope, plugin: &PluginName, batch: &Plan) -> Result<(), CallError> {
    let mut attempts = Attempts::new(kernel.storage(), Some(&scope.group), kernel.random());
    loop {
        let mut transaction = attempts.begin().await?;
        let passed = async {
            let row = forecourt_bus::subscription(&mut transaction, scope, plugin).await?;
            if let Some(mut row) = row.filter(|row| Some(row) == batch.row.as_ref()) {
                row.cursor = batch.reached;
                forecourt_bus::write_subscription(&mut transaction, scope, plugin, row).await?;
            }
            Ok::<(), CallError>(())
        };
        let passed = passed.await;
        if let Some(()) = attempts.end(transaction, passed).await? {
            return Ok(());
        }
    }
}
