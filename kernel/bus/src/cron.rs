//! Runs of cron lines: which are due, and which were already.
//!
//! A run is known by the instant for which it is planned. INVARIANT (planned-once): an instant's event is appended at most once, in the
//! transaction that notes it, and whenever the last planned instant up to now was never run, it is run. So a line that missed runs while
//! nothing was running runs once, for the last of them; and a clock that was wrong and is set back neither silences a line nor repeats it,
//! as far back as [`CRON_STRETCHES`] stretches of runs reach.

use forecourt_base::limits::CRON_STRETCHES;
use forecourt_base::{CronLine, PluginName, Scope, Timestamp};
use forecourt_storage::{Space, StorageError, Transaction};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::own_event;

/// The topic of the events of cron lines.
pub const CRON_TOPIC: &str = "kernel.cron";

/// A plugin's cron line in a scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron {
    /// Whose it is.
    pub plugin: PluginName,
    /// Its name in the plugin's manifest.
    pub name: String,
    /// When it is due.
    pub line: CronLine,
    /// By whose clocks.
    pub zone: TimeZone,
}

/// What came of looking at a cron line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CronTurn {
    /// The instant for which it was run now.
    pub ran: Option<Timestamp>,
    /// When it is to be looked at next.
    pub next: Option<Timestamp>,
}

/// Planned instants that follow one another and were all run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    first: Timestamp,
    last: Timestamp,
}

/// What is remembered of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CronState {
    line: String,
    /// Runs planned before are none of the line's.
    since: Timestamp,
    /// What was run, in order; where there are too many, the oldest are forgotten.
    ran: Vec<Stretch>,
}

impl CronState {
    fn new(line: &CronLine, now: Timestamp) -> Self {
        Self { line: line.as_str().to_owned(), since: now, ran: Vec::new() }
    }

    /// Takes note of the time and of the line, which a newer version of the plugin may have changed.
    fn observe(&mut self, line: &CronLine, now: Timestamp) {
        // A line that was first seen by a clock ahead of the time begins now.
        self.since = self.since.min(now);
        if self.line == line.as_str() {
            return;
        }
        self.line = line.as_str().to_owned();
        self.since = now;
        // What lay between runs of the old line was not run by the new one.
        let runs = std::mem::take(&mut self.ran).into_iter().next_back();
        self.ran.extend(runs.map(|run| Stretch { first: run.last, last: run.last }));
    }

    /// The instant for which the line is to be run now.
    fn due(&self, cron: &Cron, now: Timestamp) -> Option<Timestamp> {
        let planned = cron.line.latest(now, &cron.zone)?;
        let ran = self.ran.iter().any(|stretch| stretch.first <= planned && planned <= stretch.last);
        (planned >= self.since && !ran).then_some(planned)
    }

    fn note(&mut self, cron: &Cron, planned: Timestamp) {
        let behind = self.ran.iter().rposition(|stretch| stretch.last < planned);
        if let Some(stretch) = behind.and_then(|at| self.ran.get_mut(at))
            && cron.line.next(stretch.last, &cron.zone) == Some(planned)
        {
            stretch.last = planned;
            return;
        }
        self.ran.insert(behind.map_or(0, |at| at + 1), Stretch { first: planned, last: planned });
        if self.ran.len() > CRON_STRETCHES {
            self.ran.remove(0);
        }
    }
}

#[derive(Debug, Serialize)]
struct CronPayload<'a> {
    name: &'a str,
    planned: String,
}

fn space(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@timers", "cron", 0)
}

fn row_key(plugin: &PluginName, name: &str) -> Vec<u8> {
    format!("{plugin}/{name}").into_bytes()
}

/// Runs the line if it is due at `now`: appends its event and notes it. INVARIANT (planned-once). A line that is seen for the first time begins now.
///
/// # Errors
/// [`StorageError`].
pub async fn turn(
    transaction: &mut Transaction,
    scope: &Scope,
    cron: &Cron,
    now: Timestamp,
    request_id: &str,
) -> Result<CronTurn, StorageError> {
    let (space, key) = (space(scope)?, row_key(&cron.plugin, &cron.name));
    let before: Option<CronState> = transaction.get_json(&space, &key).await?;
    let mut state = before.clone().unwrap_or_else(|| CronState::new(&cron.line, now));
    state.observe(&cron.line, now);
    let ran = state.due(cron, now);
    if let Some(planned) = ran {
        let payload = CronPayload { name: &cron.name, planned: planned.to_rfc3339() };
        let event = own_event(&cron.plugin, CRON_TOPIC, &cron.name, now, request_id.to_owned(), &payload)?;
        crate::append(transaction, scope, &event).await?;
        state.note(cron, planned);
    }
    if before.as_ref() != Some(&state) {
        transaction.put_json(&space, &key, &state, Vec::new()).await?;
    }
    Ok(CronTurn { ran, next: cron.line.next(now, &cron.zone) })
}

/// Forgets every line of a scope but those that `keep` names by plugin and name: a line that is enabled again begins anew.
///
/// # Errors
/// [`StorageError`].
pub async fn forget_others(
    transaction: &mut Transaction,
    scope: &Scope,
    keep: impl Fn(&str, &str) -> bool + Send,
) -> Result<(), StorageError> {
    let space = space(scope)?;
    let rows = crate::all_rows(transaction, &space).await?;
    for row in rows {
        let kept = std::str::from_utf8(&row.key).ok().and_then(|key| key.split_once('/'));
        if !kept.is_some_and(|(plugin, name)| keep(plugin, name)) {
            transaction.delete(&space, &row.key).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
