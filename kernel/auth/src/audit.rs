//! The audit trail: who did or was refused what, where, and which records it touched.
//!
//! INVARIANT (nothing-personal): a row holds ids, keys and digests, never a record's values. Rows are appended in the transaction of what they
//! tell of, stamped with its position, so that they never make two calls conflict.
//!
//! A group's trail has every row; a store's has an empty one in the place just before each that concerns it.

use forecourt_base::{GroupId, Scope, StoreId, Timestamp, UserId, limits};
use forecourt_storage::{Bytes, Direction, KeyRange, Row, Space, StorageError, Transaction, Written, WrittenValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::AuthError;
use crate::page::{self, List, Page, PageRequest};
use crate::principal::{Origin, Principal};

#[cfg(test)]
mod tests;

/// Rows looked through for one page: a filter that fits few rows gives short pages instead of long waits.
const SCANNED_ROWS: usize = 10 * limits::PAGE_ROWS;
/// Rows lie in the order of commits, which is that of their times but for how long a call may run and for the clock's corrections.
const DISORDER_MS: i64 = 60 * 60 * 1_000;

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The user's group; none for a user of the deployment.
    pub group: Option<GroupId>,
    /// The sign-in name, or `plugin:<name>`.
    #[serde(deserialize_with = "principal")]
    pub user: UserId,
    /// How it came to call.
    pub origin: Origin,
    /// The id of the API key that it used, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
}

impl Actor {
    /// A user who signs in or is signed in.
    pub(crate) fn user(group: Option<GroupId>, user: UserId) -> Self {
        Self { group, user, origin: Origin::User, api_key: None }
    }
}

fn principal<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<UserId, D::Error> {
    UserId::principal(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        let Principal { group, user, origin, api_key, .. } = principal;
        Self { group: group.clone(), user: user.clone(), origin: origin.clone(), api_key: api_key.clone() }
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It failed with this error case; nothing of it was kept.
    Failed(String),
    /// It was refused for this reason.
    Denied(String),
}

/// Outcomes to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Done.
    Done,
    /// Failed, whatever the case.
    Failed,
    /// Denied, whatever the reason.
    Denied,
}

impl Outcome {
    /// What kind of outcome it is.
    #[must_use]
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Done => OutcomeKind::Done,
            Self::Failed(_) => OutcomeKind::Failed,
            Self::Denied(_) => OutcomeKind::Denied,
        }
    }
}

/// An operation of another plugin that was called on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nested {
    /// The operation, `parts/reservations/reserve`.
    pub operation: String,
    /// The plugin that called it.
    pub caller: String,
    /// Whether the caller's grant stood in for the principal's right.
    pub elevated: bool,
}

/// A record that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// The plugin that owns it, or `@auth` and the like for the kernel's own.
    pub owner: String,
    /// The collection.
    pub collection: String,
    /// The record's key.
    pub key: String,
    /// The [`digest`] of its new value, `added` where an addition makes it at the commit, none when it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl AuditRecord {
    /// The row's part for a record that now has `value`, or none when it was deleted.
    #[must_use]
    pub fn new(space: &Space, key: &[u8], value: Option<&[u8]>) -> Self {
        Self {
            owner: space.owner().to_owned(),
            collection: space.collection().to_owned(),
            key: String::from_utf8_lossy(key).into_owned(),
            digest: value.map(digest),
        }
    }
}

/// The records of plugins that `tx` changes so far, by key and digest: no values.
#[must_use]
pub fn records(tx: &Transaction) -> Vec<AuditRecord> {
    let record = |written: Written<'_>| {
        let digest = match written.value {
            WrittenValue::Put(value) => Some(digest(value)),
            WrittenValue::Added => Some("added".to_owned()),
            WrittenValue::Deleted => None,
        };
        AuditRecord { digest, ..AuditRecord::new(written.space, written.key, None) }
    };
    tx.written().filter(|written| !written.space.owner().starts_with('@')).map(record).collect()
}

/// One row of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When the call began.
    pub at: Timestamp,
    /// Who acted; none when nobody was known, as in a sign-in with a wrong name.
    pub actor: Option<Actor>,
    /// Where; none for the deployment as a whole.
    pub scope: Option<Scope>,
    /// What: an operation's path, or `sign-in`, `publish`, `create-user` and the like.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The request that asked for it.
    pub request_id: String,
    /// Operations of other plugins on the way, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Nested>,
    /// The records that were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<AuditRecord>,
    /// The [`digest`] of the call's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<String>,
    /// What an administrative action changed, such as the roles given. Ids only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Where the row stands for several refusals alike: the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated: Option<Repeated>,
}

/// Refusals that one row stands for beside the first, whose time and request are the row's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeated {
    /// How many there were with the first.
    pub count: u64,
    /// When the last was.
    pub until: Timestamp,
    /// The requests of the next few after the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
}

impl AuditEntry {
    /// A row without nested operations, records or a note.
    #[must_use]
    pub fn new(
        at: Timestamp,
        actor: Option<Actor>,
        scope: Option<Scope>,
        action: impl Into<String>,
        outcome: Outcome,
        request_id: impl Into<String>,
    ) -> Self {
        let (chain, records) = (Vec::new(), Vec::new());
        let (action, request_id) = (action.into(), request_id.into());
        Self {
            at,
            actor,
            scope,
            action,
            outcome,
            request_id,
            chain,
            records,
            idempotency: None,
            note: String::new(),
            repeated: None,
        }
    }
}

/// The first 16 bytes of the SHA-256 of `bytes` in hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from);
    Sha256::digest(bytes).iter().take(16).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(crate) fn space(group: Option<&GroupId>, store: Option<&StoreId>) -> Result<Space, StorageError> {
    Space::new(group, store, "@audit", "entries", 1)
}

/// Appends `entry` to the trail of its group, or the deployment, and refers to it in that of its store. It is kept if and only if `tx` commits.
///
/// # Errors
/// [`AuthError::Storage`] when the transaction can't take it.
pub async fn append(tx: &mut Transaction, entry: &AuditEntry) -> Result<(), AuthError> {
    if let Some(scope) = &entry.scope
        && scope.store.is_some()
    {
        tx.put_stamped(&space(Some(&scope.group), scope.store.as_ref())?, b"", Bytes::new()).await?;
    }
    let whole = space(entry.scope.as_ref().map(|scope| &scope.group), None)?;
    tx.put_stamped(&whole, b"", serde_json::to_vec(entry).map_err(StorageError::from)?).await?;
    Ok(())
}

/// Which rows are asked for. Every given field must fit.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// The action, whole, or its beginning when it ends in `/`: `repair/`.
    pub action: Option<String>,
    /// Who acted.
    pub user: Option<UserId>,
    /// How it ended.
    pub outcome: Option<OutcomeKind>,
    /// The earliest time.
    pub from: Option<Timestamp>,
    /// The time before which.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    fn fits(&self, entry: &AuditEntry) -> bool {
        let action_fits =
            |asked: &String| entry.action == *asked || asked.ends_with('/') && entry.action.starts_with(asked);
        self.action.as_ref().is_none_or(action_fits)
            && self.user.as_ref().is_none_or(|user| entry.actor.as_ref().is_some_and(|actor| actor.user == *user))
            && self.outcome.is_none_or(|outcome| entry.outcome.kind() == outcome)
            && self.from.is_none_or(|from| entry.at >= from)
            && self.until.is_none_or(|until| entry.at < until)
    }

    /// Whether neither this row nor an older one can fit.
    fn is_past(&self, entry: &AuditEntry) -> bool {
        self.from.is_some_and(|from| entry.at.plus_millis(DISORDER_MS) < from)
    }
}

/// A page of the rows of `scope` (none: the deployment) that fit `filter`, newest first. A group's trail has its stores' rows too. A page may have
/// fewer rows than asked for, even none, and still name a next one. The caller has checked the right to read.
///
/// # Errors
/// [`AuthError::Invalid`] for a page token or limit that is none; [`AuthError::Storage`].
pub async fn page(
    tx: &mut Transaction,
    scope: Option<&Scope>,
    filter: &AuditFilter,
    request: &PageRequest,
) -> Result<Page<AuditEntry>, AuthError> {
    let trail = Trail::of(scope)?;
    let wanted = request.rows()?;
    let mut before = request.key(List::Audit)?;
    let (mut items, mut scanned) = (Vec::new(), 0);
    loop {
        let range = match &before {
            None => KeyRange::all(),
            Some(key) => KeyRange::all().before(key),
        };
        let rows =
            tx.scan(&trail.rows, &range, Direction::Backward, limits::PAGE_ROWS.min(SCANNED_ROWS - scanned)).await?;
        scanned += rows.items.len();
        for (index, row) in rows.items.iter().enumerate() {
            let entry = trail.entry(tx, row).await?;
            if filter.is_past(&entry) {
                return Ok(Page { items, next: None });
            }
            if filter.fits(&entry) {
                items.push(entry);
            }
            let last = !rows.more && index + 1 == rows.items.len();
            if items.len() == wanted {
                return Ok(Page { items, next: (!last).then(|| page::token(List::Audit, &row.key)) });
            }
        }
        before = rows.items.last().map(|row| row.key.to_vec());
        if !rows.more || scanned >= SCANNED_ROWS {
            let next = before.filter(|_| rows.more).map(|key| page::token(List::Audit, &key));
            return Ok(Page { items, next });
        }
    }
}

/// Where the rows of one scope are read.
struct Trail {
    rows: Space,
    /// What a store's rows refer to.
    whole: Option<Space>,
}

impl Trail {
    fn of(scope: Option<&Scope>) -> Result<Self, StorageError> {
        let (group, store) = (scope.map(|scope| &scope.group), scope.and_then(|scope| scope.store.as_ref()));
        let whole = store.map(|_| space(group, None)).transpose()?;
        Ok(Self { rows: space(group, store)?, whole })
    }

    async fn entry(&self, tx: &mut Transaction, row: &Row) -> Result<AuditEntry, AuthError> {
        let corrupt = || AuthError::Corrupt { what: "audit row" };
        let value = match &self.whole {
            None => row.value.clone(),
            Some(whole) => tx.get(whole, &next_stamp(&row.key).ok_or_else(corrupt)?).await?.ok_or_else(corrupt)?,
        };
        serde_json::from_slice(&value).map_err(|_| corrupt())
    }
}

/// The key of the row that the same transaction stamped before.
pub(crate) fn stamp_before(key: &[u8]) -> Option<Vec<u8>> {
    let (commit, place) = key.split_last_chunk::<4>()?;
    let before = u32::from_be_bytes(*place).checked_sub(1)?;
    Some([commit, &before.to_be_bytes()].concat())
}

/// The key of the row that the same transaction stamped next.
fn next_stamp(key: &[u8]) -> Option<Vec<u8>> {
    let (commit, place) = key.split_last_chunk::<4>()?;
    let next = u32::from_be_bytes(*place).checked_add(1)?;
    Some([commit, &next.to_be_bytes()].concat())
}
