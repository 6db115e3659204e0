//! Makes seals, and reads them again.

use forecourt_base::{GroupId, limits};
use forecourt_storage::{Direction, KeyRange, Mode, Row, StorageError, Transaction};

use super::{ChainCheck, FlawKind, Head, NO_HASH, Seal, hex, seals, sha256, trail_name, unhex};
use crate::Auth;
use crate::audit::{self, AuditEntry, stamp_before};
use crate::error::AuthError;

/// Lines read at once: each may hold what a whole call wrote.
const READ_LINES: usize = 32;

/// What a run of the sealer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// How many lines were sealed.
    pub lines: usize,
    /// Whether more lie behind them.
    pub more: bool,
}

/// The lines after a key.
async fn lines_after(
    tx: &mut Transaction,
    group: Option<&GroupId>,
    after: Option<&[u8]>,
    until: Option<&[u8]>,
    limit: usize,
) -> Result<(Vec<Row>, bool), StorageError> {
    let range = after.map_or_else(KeyRange::all, |after| KeyRange::all().after(after));
    let range = match until {
        // The range ends with `until` itself: no key is between it and its successor.
        Some(until) => range.before(&[until, &[0]].concat()),
        None => range,
    };
    let rows = tx.scan(&audit::space(group, None)?, &range, Direction::Forward, limit).await?;
    Ok((rows.items, rows.more))
}

/// The newest seal, if any.
async fn newest(tx: &mut Transaction, group: Option<&GroupId>) -> Result<Option<Seal>, AuthError> {
    let rows = tx.scan(&seals(group)?, &KeyRange::all(), Direction::Backward, 1).await?;
    rows.items.first().map(|row| read(&row.value).ok_or(AuthError::Corrupt { what: "audit seal" })).transpose()
}

fn read(value: &[u8]) -> Option<Seal> {
    serde_json::from_slice(value).ok()
}

fn last_key(seal: &Seal) -> Option<Vec<u8>> {
    seal.pairs().last().and_then(|(key, _)| unhex(key))
}

impl Auth {
    /// Seals the next lines of a trail (none: the deployment's), at most [`limits::SEAL_LINES`]. Lines are read in a transaction that only reads, so sealing
    /// never meets a call; only one sealer may run for each storage.
    ///
    /// # Errors
    /// [`AuthError::Storage`], [`AuthError::Corrupt`] when the newest seal can't be read.
    pub async fn seal(&self, group: Option<&GroupId>) -> Result<Sealed, AuthError> {
        let (last, lines, more) = transaction!(self, ReadOnly, group, |tx| {
            let last = newest(tx, group).await?;
            let mut after = last.as_ref().and_then(last_key);
            let (mut lines, mut more) = (Vec::new(), true);
            while more && lines.len() < limits::SEAL_LINES {
                let limit = READ_LINES.min(limits::SEAL_LINES - lines.len());
                let (rows, further) = lines_after(tx, group, after.as_deref(), None, limit).await?;
                lines.extend(rows.iter().map(|row| format!("{} {}", hex(&row.key), sha256(&row.value))));
                after = rows.last().map(|row| row.key.to_vec()).or(after);
                more = further;
            }
            Ok((last, lines, more))
        })?;
        if lines.is_empty() {
            return Ok(Sealed { lines: 0, more: false });
        }
        let (number, previous) = last.map_or((1, NO_HASH.to_owned()), |last| (last.number + 1, last.hash));
        let sealed = Sealed { lines: lines.len(), more };
        let seal = Seal::new(trail_name(group), number, self.clock.now(), previous, lines);
        transaction!(self, ReadWrite, group, |tx| {
            let before = newest(tx, group).await?;
            if before.map_or(0, |before| before.number) + 1 != number {
                return Err(AuthError::Corrupt { what: "audit seal: another sealer runs" });
            }
            tx.put_json(&seals(group)?, &number.to_be_bytes(), &seal, Vec::new()).await?;
            Ok(())
        })?;
        Ok(sealed)
    }

    /// The newest seal of a trail. The caller has checked the right to read.
    ///
    /// # Errors
    /// [`AuthError::Storage`], [`AuthError::Corrupt`].
    pub async fn chain_head(tx: &mut Transaction, group: Option<&GroupId>) -> Result<Head, AuthError> {
        let trail = trail_name(group);
        Ok(match newest(tx, group).await? {
            Some(seal) => Head { trail, seal: seal.number, hash: seal.hash, at: Some(seal.at) },
            None => Head { trail, seal: 0, hash: NO_HASH.to_owned(), at: None },
        })
    }

    /// Begins to check a trail behind the seal of this number, 0 for its beginning.
    ///
    /// # Errors
    /// [`AuthError::Invalid`] where there is no such seal; [`AuthError::Storage`].
    pub async fn chain_check(
        tx: &mut Transaction,
        group: Option<&GroupId>,
        after: u64,
        known: Option<Head>,
    ) -> Result<ChainCheck, AuthError> {
        let check = ChainCheck::new(trail_name(group), known);
        if after == 0 {
            return Ok(check);
        }
        let seal = tx.get(&seals(group)?, &after.to_be_bytes()).await?.and_then(|value| read(&value));
        let seal = seal.ok_or_else(|| AuthError::rule("after", "is not the number of a seal", "不是封条的编号"))?;
        Ok(check.behind(&seal))
    }

    /// Checks the next seal of a trail and its lines; `each` is told every line and every seal as text for an export. Whether there was a seal.
    ///
    /// # Errors
    /// [`AuthError::Storage`].
    pub async fn check_seal(
        tx: &mut Transaction,
        group: Option<&GroupId>,
        check: &mut ChainCheck,
        each: &mut (dyn FnMut(Told<'_>) + Send),
    ) -> Result<bool, AuthError> {
        let space = seals(group)?;
        let before = match check.number() {
            0 => None,
            // What a changed seal says of its last line is nobody's word.
            number => {
                let seal = tx.get(&space, &number.to_be_bytes()).await?.and_then(|value| read(&value));
                seal.filter(|seal| seal.computed() == seal.hash)
            }
        };
        let range = KeyRange::all().after(&check.number().to_be_bytes());
        let next = tx.scan(&space, &range, Direction::Forward, 1).await?;
        let Some(row) = next.items.first() else {
            check.end();
            return Ok(false);
        };
        let Some((seal, until)) = read(&row.value).and_then(|seal| last_key(&seal).map(|until| (seal, until))) else {
            check.unreadable(row.key.as_ref().try_into().map_or(check.number() + 1, u64::from_be_bytes));
            return Ok(true);
        };
        let mut after = before.as_ref().and_then(last_key);
        // Behind a seal that says nothing, the lines begin with this one's first.
        let floor = before.is_none() && check.number() > 0;
        let first = seal.pairs().next().map(|(key, _)| key.to_owned()).unwrap_or_default();
        loop {
            let (rows, more) = lines_after(tx, group, after.as_deref(), Some(&until), READ_LINES).await?;
            for row in &rows {
                let key = hex(&row.key);
                if floor && key < first {
                    continue;
                }
                check.line(&key, &row.value);
                each(Told::Line { key: &key, text: &row.value });
                check_reference(tx, check, seal.number, (&key, row)).await?;
            }
            match rows.last() {
                Some(last) if more => after = Some(last.key.to_vec()),
                _ => break,
            }
        }
        check.seal(&seal);
        each(Told::Seal(&seal));
        Ok(true)
    }
}

/// What [`Auth::check_seal`] tells.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    /// A line.
    Line {
        /// Its key in hexadecimal digits.
        key: &'a str,
        /// Its text, JSON.
        text: &'a [u8],
    },
    /// The seal of the lines before it.
    Seal(&'a Seal),
}

/// A line of a store has its place in the store's own trail, just before its own.
async fn check_reference(
    tx: &mut Transaction,
    check: &mut ChainCheck,
    seal: u64,
    (key, row): (&str, &Row),
) -> Result<(), AuthError> {
    let Ok(entry) = serde_json::from_slice::<AuditEntry>(&row.value) else { return Ok(()) };
    let Some(scope) = entry.scope.filter(|scope| scope.store.is_some()) else { return Ok(()) };
    let space = audit::space(Some(&scope.group), scope.store.as_ref())?;
    let there = match stamp_before(&row.key) {
        Some(before) => tx.get(&space, &before).await?.is_some(),
        None => false,
    };
    if !there {
        let store = scope.store.map(|store| store.to_string()).unwrap_or_default();
        check.find(seal, Some(key), FlawKind::NotInStore { store });
    }
    Ok(())
}

/// Checks a whole trail page by page, each in a transaction of its own.
impl Auth {
    /// Checks the whole chain of a trail (none: the deployment's), against a head that is known from outside, if any.
    ///
    /// # Errors
    /// [`AuthError::Storage`].
    pub async fn check_chain(&self, group: Option<&GroupId>, known: Option<Head>) -> Result<ChainCheck, AuthError> {
        let mut check = ChainCheck::new(trail_name(group), known);
        loop {
            let mut tx = Transaction::begin(&self.engine, None, Mode::ReadOnly)?;
            let mut next = check.clone();
            match Self::check_seal(&mut tx, group, &mut next, &mut |_| {}).await {
                Ok(more) => {
                    check = next;
                    if !more {
                        return Ok(check);
                    }
                }
                Err(error) if error.is_retryable() => {}
                Err(error) => return Err(error),
            }
        }
    }
}
