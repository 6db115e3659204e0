//! Refusals, counted in memory until they are written down.
//!
//! INVARIANT (counted-denials): a refusal forces no commit. What is refused alike, to one principal, in one place and for one reason, becomes one row with a
//! count; rows are written together, at most every [`limits::DENIALS_WRITTEN_S`] and before the trail is read. Memory is bounded: beyond
//! [`limits::DENIALS_OF_ONE`] kinds of one principal, and [`limits::DENIALS_HELD`] of all, further kinds are counted without their operation. A kernel that
//! is killed loses what it had not written.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use forecourt_base::{GroupId, Scope, limits};
use forecourt_storage::StorageError;

use crate::Auth;
use crate::audit::{self, Actor, AuditEntry, Outcome, Repeated};
use crate::error::AuthError;

#[cfg(test)]
mod tests;

/// Requests named by a row beside its first.
const REQUESTS_NAMED: usize = 7;
/// Rows of one transaction.
const ROWS_WRITTEN: usize = 256;
/// The action of refusals that are counted without theirs.
const ANY: &str = "others";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    group: Option<GroupId>,
    actor: Option<Actor>,
    scope: Option<Scope>,
    action: String,
    reason: String,
    note: String,
}

impl Kind {
    fn of(entry: &AuditEntry) -> Self {
        let reason = match &entry.outcome {
            Outcome::Denied(reason) | Outcome::Failed(reason) => reason.clone(),
            Outcome::Done => String::new(),
        };
        Self {
            group: entry.scope.as_ref().map(|scope| scope.group.clone()),
            actor: entry.actor.clone(),
            scope: entry.scope.clone(),
            action: entry.action.clone(),
            reason,
            note: entry.note.clone(),
        }
    }
}

#[derive(Debug, Default)]
struct Held {
    /// Each with its place in the order in which kinds were first refused.
    rows: HashMap<Kind, (u64, AuditEntry)>,
    first: u64,
    /// How many kinds each principal of a trail has.
    kinds: HashMap<(Option<GroupId>, Option<Actor>), usize>,
}

impl Held {
    fn add(&mut self, mut entry: AuditEntry) {
        let mut kind = Kind::of(&entry);
        if !self.rows.contains_key(&kind) {
            let of_one = self.kinds.get(&(kind.group.clone(), kind.actor.clone())).copied().unwrap_or(0);
            if of_one >= limits::DENIALS_OF_ONE || self.rows.len() >= limits::DENIALS_HELD {
                entry = coarse(entry, self.rows.len() >= limits::DENIALS_HELD);
                kind = Kind::of(&entry);
            }
        }
        match self.rows.get_mut(&kind) {
            Some((_, row)) => join(row, entry),
            None => {
                *self.kinds.entry((kind.group.clone(), kind.actor.clone())).or_default() += 1;
                self.first += 1;
                self.rows.insert(kind, (self.first, entry));
            }
        }
    }

    /// Takes the rows of a trail out, the oldest first.
    fn take(&mut self, group: Option<&GroupId>) -> Vec<AuditEntry> {
        let of_trail = |kind: &Kind| kind.group.as_ref() == group;
        let mut rows: Vec<_> = self.rows.extract_if(|kind, _| of_trail(kind)).map(|(_, row)| row).collect();
        self.kinds.retain(|(of, _), _| of.as_ref() != group);
        rows.sort_by_key(|(first, _)| *first);
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// The row that counts further kinds: of this principal, or, where there is no room for one of each principal, of the whole trail.
fn coarse(entry: AuditEntry, anyone: bool) -> AuditEntry {
    let scope = entry.scope.map(|scope| Scope::group(scope.group));
    let actor = entry.actor.filter(|_| !anyone);
    let outcome = Outcome::Denied("various".to_owned());
    AuditEntry { repeated: entry.repeated, ..AuditEntry::new(entry.at, actor, scope, ANY, outcome, entry.request_id) }
}

/// Counts `more`, itself perhaps a count, as part of `row`.
fn join(row: &mut AuditEntry, more: AuditEntry) {
    let (first, last) = (row.at, more.repeated.as_ref().map_or(more.at, |repeated| repeated.until).max(row.at));
    let repeated = row.repeated.get_or_insert_with(|| Repeated { count: 1, until: first, requests: Vec::new() });
    let (count, requests) = more.repeated.map_or((1, Vec::new()), |more| (more.count, more.requests));
    repeated.count = repeated.count.saturating_add(count);
    repeated.until = repeated.until.max(last);
    let room = REQUESTS_NAMED.saturating_sub(repeated.requests.len());
    repeated.requests.extend(std::iter::once(more.request_id).chain(requests).take(room));
}

/// What was refused and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<Held>);

impl Denials {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trails that have something to be written.
    fn trails(&self) -> Vec<Option<GroupId>> {
        let mut trails: Vec<_> = self.held().rows.keys().map(|kind| kind.group.clone()).collect();
        trails.sort_unstable();
        trails.dedup();
        trails
    }
}

impl Auth {
    /// Counts a refusal, to be written down soon; it forces no commit.
    pub fn count_denial(&self, entry: AuditEntry) {
        self.denials.held().add(entry);
    }

    /// Writes down what was refused in every trail.
    ///
    /// # Errors
    /// [`AuthError::Storage`]; what was not written is kept for the next time, but where nobody knows whether it was.
    pub async fn write_denials(&self) -> Result<(), AuthError> {
        for group in self.denials.trails() {
            self.write_denials_of(group.as_ref()).await?;
        }
        Ok(())
    }

    /// The same for the trail of one group, or of the deployment: whoever reads it then sees all that was refused.
    ///
    /// # Errors
    /// As [`Auth::write_denials`].
    pub async fn write_denials_of(&self, group: Option<&GroupId>) -> Result<(), AuthError> {
        let rows = self.denials.held().take(group);
        let mut chunks = rows.chunks(ROWS_WRITTEN);
        while let Some(chunk) = chunks.next() {
            let written = transaction!(self, ReadWrite, group, |tx| {
                for row in chunk {
                    audit::append(tx, row).await?;
                }
                Ok(())
            });
            if let Err(error) = written {
                let mut held = self.denials.held();
                let known = !matches!(error, AuthError::Storage(StorageError::OutcomeUnknown));
                let again = chunk.iter().filter(|_| known).chain(chunks.flatten());
                again.for_each(|row| held.add(row.clone()));
                return Err(error);
            }
        }
        Ok(())
    }
}
