//! A transaction on lists, which notes what it does for the checker.

use std::collections::BTreeMap;
use std::ops::Bound;

use forecourt_base::Scalar;
use forecourt_checker::{Element, Key, Operation, Outcome};
use serde_json::{Value, json};

use crate::history::world::{COUNTERS, STAMPED, World};
use crate::{
    Absent, Direction, IndexEntry, IndexRange, KeyRange, Mode, Row, Rows, Savepoint, Space, StorageError, Transaction,
};

/// Keys that have one value in the index.
pub(super) const BUCKET: u64 = 4;
/// Makes a record so large that it lies in chunks.
const FILLING_BYTES: usize = 40_000;

/// How a range is read.
#[derive(Debug, Clone)]
pub(super) struct How {
    /// Through the index; bounds are then rounded to whole buckets.
    pub(super) indexed: bool,
    pub(super) direction: Direction,
    /// Where reading stops, or how long a page is.
    pub(super) limit: usize,
    /// Whether the pages behind the first are read too.
    pub(super) pages: bool,
}

impl How {
    pub(super) fn all() -> Self {
        Self { indexed: false, direction: Direction::Forward, limit: 256, pages: true }
    }
}

/// How an element is appended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Put {
    /// Into the other home, and out of where it was.
    pub(super) moves: bool,
    pub(super) large: bool,
}

/// A part of a range that was read to where its reading stopped.
struct Part {
    from: Key,
    to: Key,
    rows: Vec<Row>,
}

pub(super) struct Client<'a> {
    world: &'a World,
    transaction: Transaction,
    id: u64,
    began: u64,
    elements: u64,
    operations: Vec<Operation>,
    /// Appends that come to be at the commit: the transaction itself does not see them either.
    blind: Vec<Operation>,
    transfers: Vec<(u64, i64)>,
}

/// A point to which a transaction and what is noted of it can be rolled back.
pub(super) struct Point {
    savepoint: Savepoint,
    operations: usize,
    blind: usize,
    transfers: usize,
}

fn bytes(key: Key) -> Vec<u8> {
    key.to_be_bytes().to_vec()
}

fn key_of(bytes: &[u8]) -> Key {
    Key::from_be_bytes(bytes[..8].try_into().unwrap())
}

fn list_of(value: &[u8]) -> Vec<Element> {
    let value: Value = serde_json::from_slice(value).unwrap();
    value["list"].as_array().unwrap().iter().map(|element| element.as_u64().unwrap()).collect()
}

impl<'a> Client<'a> {
    pub(super) fn begin(world: &'a World, mode: Mode) -> Self {
        let began = world.instant();
        Self {
            world,
            transaction: Transaction::begin(&world.engine, None, mode).unwrap(),
            id: world.next_id(),
            began,
            elements: 0,
            operations: Vec::new(),
            blind: Vec::new(),
            transfers: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub(super) fn savepoint(&mut self) -> Point {
        Point {
            savepoint: self.transaction.savepoint(),
            operations: self.operations.len(),
            blind: self.blind.len(),
            transfers: self.transfers.len(),
        }
    }

    /// Takes back what was done since. What was read since has seen what is now taken back, so it is not noted.
    pub(super) fn rollback_to(&mut self, point: &Point) {
        self.transaction.rollback_to(&point.savepoint);
        self.operations.truncate(point.operations);
        self.blind.truncate(point.blind);
        self.transfers.truncate(point.transfers);
    }

    async fn home(&mut self, key: Key) -> Result<(Option<usize>, Vec<Element>), StorageError> {
        let (mut at, mut list) = (None, Vec::new());
        for home in 0..2 {
            if let Some(value) = self.transaction.get(&self.world.homes[home], &bytes(key)).await? {
                // Were it in both, the list would contradict what others read.
                list.extend(list_of(&value));
                at = Some(home);
            }
        }
        Ok((at, list))
    }

    pub(super) async fn read(&mut self, key: Key) -> Result<(), StorageError> {
        let list = if key >= STAMPED {
            let range = KeyRange::prefix(&bytes(key));
            let rows = self.transaction.scan(&self.world.stamped, &range, Direction::Forward, usize::MAX).await?;
            rows.items.iter().map(|row| key_of(&row.value)).collect()
        } else {
            self.home(key).await?.1
        };
        self.operations.push(Operation::Read { key, list });
        Ok(())
    }

    /// Appends to a list: to one with a record after reading it, to a stamped one blindly.
    pub(super) async fn append(&mut self, key: Key, how: Put) -> Result<(), StorageError> {
        let element = self.id * 100 + self.elements;
        self.elements += 1;
        if key >= STAMPED {
            self.transaction.put_stamped(&self.world.stamped, &bytes(key), bytes(element)).await?;
            self.blind.push(Operation::Append { key, element });
        } else {
            let (at, mut list) = self.home(key).await?;
            self.operations.push(Operation::Read { key, list: list.clone() });
            list.push(element);
            let filling = if how.large { "x".repeat(FILLING_BYTES) } else { String::new() };
            let value = json!({ "list": list, "filling": filling }).to_string();
            let bucket = i64::try_from(key / BUCKET).unwrap();
            let entry = IndexEntry { index: "bucket".into(), values: vec![Scalar::Int(bucket)] };
            let home = if how.moves { 1 - at.unwrap_or(0) } else { at.unwrap_or(0) };
            if let Some(at) = at.filter(|at| *at != home) {
                assert!(self.transaction.delete(&self.world.homes[at], &bytes(key)).await?);
            }
            self.transaction.put(&self.world.homes[home], &bytes(key), value, vec![entry]).await?;
            self.operations.push(Operation::Append { key, element });
        }
        Ok(())
    }

    /// Reads the lists of a range, or those up to where a limit stopped.
    pub(super) async fn range(&mut self, from: Key, to: Key, how: &How) -> Result<(), StorageError> {
        let mut found: BTreeMap<Key, Vec<Element>> = BTreeMap::new();
        let (mut begins, mut ends) = (from, to);
        if from >= STAMPED {
            let space = self.world.stamped.clone();
            let how = How { indexed: false, pages: true, ..how.clone() };
            let part = self.part(&space, from, to, &how).await?;
            let mut rows = part.rows;
            rows.sort_by(|one, other| one.key.cmp(&other.key));
            for row in rows {
                found.entry(key_of(&row.key)).or_default().push(key_of(&row.value));
            }
        } else {
            for space in &self.world.homes {
                let part = self.part(space, from, to, how).await?;
                (begins, ends) = (begins.max(part.from), ends.min(part.to));
                for row in part.rows {
                    found.entry(key_of(&row.key)).or_default().extend(list_of(&row.value));
                }
            }
        }
        // Of the two homes, one may have been read less far.
        let found = found.into_iter().filter(|(key, _)| (begins..ends).contains(key)).collect();
        self.operations.push(Operation::Range { from: begins, to: ends, found });
        Ok(())
    }

    async fn part(&mut self, space: &Space, from: Key, to: Key, how: &How) -> Result<Part, StorageError> {
        let mut part = Part { from, to, rows: Vec::new() };
        loop {
            let Rows { items, more } = self.page(space, from, to, how, part.rows.last()).await?;
            part.rows.extend(items);
            match part.rows.last() {
                Some(_) if more && how.pages => {}
                Some(last) if more => {
                    match how.direction {
                        Direction::Forward => part.to = key_of(&last.key) + 1,
                        Direction::Backward => part.from = key_of(&last.key),
                    }
                    return Ok(part);
                }
                _ => return Ok(part),
            }
        }
    }

    async fn page(
        &mut self,
        space: &Space,
        from: Key,
        to: Key,
        how: &How,
        after: Option<&Row>,
    ) -> Result<Rows, StorageError> {
        let (direction, limit) = (how.direction, how.limit);
        if how.indexed {
            let bucket = |key: Key| Scalar::Int(i64::try_from(key / BUCKET).unwrap());
            let (lower, upper) = (Bound::Included(bucket(from)), Bound::Excluded(bucket(to)));
            let range = IndexRange { equal: Vec::new(), lower, upper };
            let after = after.map(|row| &row.cursor[..]);
            return self.transaction.query(space, "bucket", &range, direction, limit, after).await;
        }
        let mut range = KeyRange { lower: Bound::Included(bytes(from)), upper: Bound::Excluded(bytes(to)) };
        match (after.map(|row| row.key.to_vec()), direction) {
            (Some(key), Direction::Forward) => range.lower = Bound::Excluded(key),
            (Some(key), Direction::Backward) => range.upper = Bound::Excluded(key),
            (None, _) => {}
        }
        self.transaction.scan(space, &range, direction, limit).await
    }

    /// Moves `n` from one counter to another.
    pub(super) async fn transfer(&mut self, from: u64, to: u64, n: i64) -> Result<(), StorageError> {
        for (counter, n) in [(from, -n), (to, n)] {
            self.transaction.add(&self.world.counters, &bytes(counter), "n", n, Absent::Create).await?;
            self.transfers.push((counter, n));
        }
        Ok(())
    }

    /// All counters. Their sum is zero in every state.
    pub(super) async fn counters(&mut self) -> Result<[i64; COUNTERS as usize], StorageError> {
        let mut sums = [0; COUNTERS as usize];
        for (counter, sum) in (0..).zip(&mut sums) {
            if let Some(value) = self.transaction.get(&self.world.counters, &bytes(counter)).await? {
                *sum = serde_json::from_slice::<Value>(&value).unwrap()["n"].as_i64().unwrap();
            }
        }
        assert_eq!(sums.iter().sum::<i64>(), 0, "a part of a transfer was seen: {sums:?}");
        Ok(sums)
    }

    /// Commits; whether it could.
    pub(super) async fn commit(self) -> bool {
        let Self { world, transaction, id, began, mut operations, blind, transfers, .. } = self;
        operations.extend(blind);
        let mode = transaction.mode();
        let outcome = match transaction.commit().await {
            Ok(_) => Outcome::Committed,
            Err(StorageError::Conflict) if mode == Mode::ReadWrite => Outcome::Aborted,
            Err(error) => panic!("T{id} ({mode:?}): {error}"),
        };
        if outcome == Outcome::Committed {
            let mut sums = world.sums.lock().unwrap();
            transfers.iter().for_each(|(counter, n)| sums[usize::try_from(*counter).unwrap()] += n);
        }
        world.done(forecourt_checker::Transaction { id, outcome, began, ended: world.instant(), operations });
        outcome == Outcome::Committed
    }

    /// Drops what was written. When storage vouches for what was read, that counts.
    pub(super) async fn finish(self) {
        let Self { world, transaction, id, began, mut operations, blind, .. } = self;
        operations.extend(blind);
        let wrote = operations.iter().any(|operation| matches!(operation, Operation::Append { .. }));
        let vouched = transaction.finish_without_effects().await.is_ok();
        let outcome = if vouched && !wrote { Outcome::Committed } else { Outcome::Aborted };
        world.done(forecourt_checker::Transaction { id, outcome, began, ended: world.instant(), operations });
    }

    /// Drops the transaction.
    pub(super) fn leave(self, outcome: Outcome) {
        let Self { world, transaction, id, began, mut operations, blind, .. } = self;
        operations.extend(blind);
        drop(transaction);
        world.done(forecourt_checker::Transaction { id, outcome, began, ended: world.instant(), operations });
    }
}
