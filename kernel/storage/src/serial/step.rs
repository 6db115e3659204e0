//! What transactions do in the test of serial order.

use std::ops::Bound;

use forecourt_base::Scalar;
use proptest::prelude::*;
use serde_json::json;

use super::{LOOKERS, SLOTS};
use crate::{
    Absent, Direction, IndexEntry, IndexRange, KeyRange, Mode, Row, Savepoint, Space, StorageError, Transaction,
};

/// A step of the test.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Begin(usize, Mode),
    Act(usize, Act),
    /// Several commit at once, and may come into one batch.
    Commit(Vec<usize>),
    Finish(usize),
    Drop(usize),
}

/// What a transaction does.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Get(Vec<u8>),
    Put {
        key: Vec<u8>,
        record: Record,
    },
    Delete(Vec<u8>),
    Add {
        key: Vec<u8>,
        n: i64,
        absent: Absent,
    },
    Stamp(u8),
    Scan {
        stamped: bool,
        lower: Bound<Vec<u8>>,
        upper: Bound<Vec<u8>>,
        direction: Direction,
        limit: usize,
    },
    Query {
        index: &'static str,
        range: IndexRange,
        direction: Direction,
        limit: usize,
        pages: bool,
    },
    /// Does all of it, then rolls back.
    Undo(Vec<Act>),
}

/// A record and whether it is indexed. Its number is a field that can be added to; large ones lie in chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) n: i64,
    pub(super) tags: Vec<u8>,
    pub(super) indexed: bool,
    pub(super) large: bool,
}

impl Record {
    pub(super) fn value(&self) -> serde_json::Value {
        let filling = if self.large { "x".repeat(40_000) } else { String::new() };
        json!({ "n": self.n, "filling": filling })
    }

    pub(super) fn entries(&self) -> Vec<(&'static str, Vec<Scalar>)> {
        if !self.indexed {
            return Vec::new();
        }
        let tags = self.tags.iter().map(|tag| ("tag", vec![Scalar::Int((*tag).into())]));
        let pair = vec![Scalar::Int(self.n % 3), Scalar::Text(format!("{:?}", self.tags))];
        tags.chain([("pair", pair)]).collect()
    }
}

/// What a transaction was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    Existed(bool),
    Value(Option<Vec<u8>>),
    Rows { rows: Vec<(Vec<u8>, Vec<u8>)>, more: bool },
    NotFound,
    NotAnInteger,
    Each(Vec<Seen>),
}

/// The collections of one run.
pub(super) struct Place {
    records: Space,
    stamped: Space,
}

impl Place {
    pub(super) fn new(generation: u32) -> Self {
        let space = |name| Space::new(None, None, "@test", name, generation).unwrap();
        Self { records: space("records"), stamped: space("stamped") }
    }
}

impl Act {
    /// Whether it is an addition, or some among others.
    pub(super) fn adds(&self) -> bool {
        match self {
            Self::Add { .. } => true,
            Self::Undo(acts) => acts.iter().any(Self::adds),
            _ => false,
        }
    }

    /// Acts that see all there is.
    pub(super) fn everything() -> Vec<Self> {
        let all = |stamped| Self::Scan {
            stamped,
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
            direction: Direction::Forward,
            limit: 1_000,
        };
        let index =
            |index, direction| Self::Query { index, range: IndexRange::all(), direction, limit: 2, pages: true };
        vec![all(false), all(true), index("tag", Direction::Forward), index("pair", Direction::Backward)]
    }
}

/// Does it.
pub(super) async fn act(tx: &mut Transaction, place: &Place, act: &Act) -> Result<Seen, StorageError> {
    match act {
        Act::Undo(acts) => {
            let savepoint: Savepoint = tx.savepoint();
            let mut each = Vec::new();
            for act in acts {
                each.push(Box::pin(self::act(tx, place, act)).await?);
            }
            tx.rollback_to(&savepoint);
            Ok(Seen::Each(each))
        }
        Act::Get(key) => Ok(Seen::Value(tx.get(&place.records, key).await?.map(|value| value.to_vec()))),
        Act::Put { key, record } => {
            let entries =
                record.entries().into_iter().map(|(index, values)| IndexEntry { index: index.into(), values });
            let value = if key == b"x" { b"[]".to_vec() } else { serde_json::to_vec(&record.value()).unwrap() };
            tx.put(&place.records, key, value, entries.collect()).await?;
            Ok(Seen::Nothing)
        }
        Act::Delete(key) => Ok(Seen::Existed(tx.delete(&place.records, key).await?)),
        Act::Add { key, n, absent } => match tx.add(&place.records, key, "n", *n, *absent).await {
            Ok(()) => Ok(Seen::Nothing),
            Err(StorageError::NotFound) => Ok(Seen::NotFound),
            Err(StorageError::NotAnInteger { .. }) => Ok(Seen::NotAnInteger),
            Err(error) => Err(error),
        },
        Act::Stamp(mark) => {
            tx.put_stamped(&place.stamped, b"p", vec![*mark]).await?;
            Ok(Seen::Nothing)
        }
        Act::Scan { stamped, lower, upper, direction, limit } => {
            let space = if *stamped { &place.stamped } else { &place.records };
            let range = KeyRange { lower: lower.clone(), upper: upper.clone() };
            match tx.scan(space, &range, *direction, *limit).await {
                Err(StorageError::BadRange) => Ok(Seen::Nothing),
                rows => rows.map(|rows| seen(rows.items, rows.more)),
            }
        }
        Act::Query { index, range, direction, limit, pages } => {
            let mut items: Vec<Row> = Vec::new();
            loop {
                let after = items.last().map(|row| row.cursor.clone());
                let page = tx.query(&place.records, index, range, *direction, *limit, after.as_deref()).await;
                let page = match page {
                    Err(StorageError::BadRange) => return Ok(Seen::Nothing),
                    page => page?,
                };
                items.extend(page.items);
                if !(*pages && page.more) {
                    return Ok(seen(items, page.more));
                }
            }
        }
    }
}

fn seen(rows: Vec<Row>, more: bool) -> Seen {
    Seen::Rows { rows: rows.into_iter().map(|row| (row.key.to_vec(), row.value.to_vec())).collect(), more }
}

/// `x` holds what cannot be added to.
fn key() -> impl Strategy<Value = Vec<u8>> + Clone {
    prop::sample::select(vec!["a", "b", "c", "d", "x"]).prop_map(|key| key.as_bytes().to_vec())
}

fn bound<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + Clone + 'static,
) -> BoxedStrategy<Bound<T>> {
    prop_oneof![
        2 => Just(Bound::Unbounded),
        1 => value.clone().prop_map(Bound::Included),
        1 => value.prop_map(Bound::Excluded),
    ]
    .boxed()
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(vec![Direction::Forward, Direction::Backward])
}

fn record() -> impl Strategy<Value = Record> {
    let tags = prop::collection::vec(0_u8..3, 0..3);
    let large = prop::bool::weighted(0.1);
    (0_i64..9, tags, any::<bool>(), large).prop_map(|(n, tags, indexed, large)| Record { n, tags, indexed, large })
}

fn index_range() -> BoxedStrategy<(&'static str, IndexRange)> {
    let int = || (0_i64..3).prop_map(Scalar::Int);
    let tag =
        (bound(int()), bound(int())).prop_map(|(lower, upper)| ("tag", IndexRange { equal: Vec::new(), lower, upper }));
    let pair = int().prop_map(|n| ("pair", IndexRange::equal(vec![n])));
    prop_oneof![tag, pair].boxed()
}

/// What leaves all as it is.
fn look() -> BoxedStrategy<Act> {
    let scan = (prop::bool::weighted(0.2), bound(key()), bound(key()), direction(), 0_usize..4)
        .prop_map(|(stamped, lower, upper, direction, limit)| Act::Scan { stamped, lower, upper, direction, limit });
    let query = (index_range(), direction(), 1_usize..4, any::<bool>())
        .prop_map(|((index, range), direction, limit, pages)| Act::Query { index, range, direction, limit, pages });
    prop_oneof![4 => key().prop_map(Act::Get), 3 => scan, 3 => query].boxed()
}

fn simple() -> BoxedStrategy<Act> {
    let add = (key(), 1_i64..5, any::<bool>()).prop_map(|(key, n, create)| {
        let absent = if create && key != b"x" { Absent::Create } else { Absent::Refuse };
        Act::Add { key, n, absent }
    });
    prop_oneof![
        10 => look(),
        4 => (key(), record()).prop_map(|(key, record)| Act::Put { key, record }),
        2 => key().prop_map(Act::Delete),
        3 => add,
        1 => (0_u8..9).prop_map(Act::Stamp),
    ]
    .boxed()
}

/// Up to `most` steps in which every slot is used, commits are frequent, and those who only look stay for long.
pub(super) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let act = prop_oneof![9 => simple(), 1 => prop::collection::vec(simple(), 1..4).prop_map(Act::Undo)];
    let mode = prop_oneof![1 => Just(Mode::ReadOnly), 3 => Just(Mode::ReadWrite)];
    let (slot, looker) = (0..SLOTS, SLOTS..SLOTS + LOOKERS);
    let step = prop_oneof![
        2 => (slot.clone(), mode).prop_map(|(slot, mode)| Step::Begin(slot, mode)),
        12 => (slot.clone(), act).prop_map(|(slot, act)| Step::Act(slot, act)),
        3 => slot.clone().prop_map(|slot| Step::Commit(vec![slot])),
        1 => Just(Step::Commit((0..SLOTS).collect())),
        1 => slot.clone().prop_map(Step::Finish),
        1 => slot.prop_map(Step::Drop),
        4 => (looker.clone(), look()).prop_map(|(slot, act)| Step::Act(slot, act)),
        1 => looker.prop_map(|slot| Step::Begin(slot, Mode::ReadOnly)),
    ];
    prop::collection::vec(step, 5..most)
}
