//! The simplest store there can be: a map, and one transaction at a time.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use forecourt_base::Scalar;
use serde_json::{Map, Value};

use super::step::{Act, Seen};
use crate::{Absent, Direction, IndexRange, Position};

type Entry = (&'static str, Vec<Scalar>);
type Found = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Debug, Clone)]
struct Kept {
    value: Value,
    entries: Vec<Entry>,
}

impl Kept {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.value).unwrap()
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    records: BTreeMap<Vec<u8>, Kept>,
    stamped: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A transaction on the model.
#[derive(Clone)]
pub(super) struct One {
    state: Model,
    stamps: Vec<u8>,
}

impl Model {
    pub(super) fn begin(&self) -> One {
        One { state: self.clone(), stamps: Vec::new() }
    }
}

impl One {
    pub(super) fn commit(mut self, position: Position) -> Model {
        for (mark, ordinal) in self.stamps.iter().zip(0_u32..) {
            let key = [b"p".as_slice(), &position.to_be_bytes(), &ordinal.to_be_bytes()].concat();
            self.state.stamped.insert(key, vec![*mark]);
        }
        self.state
    }

    pub(super) fn act(&mut self, act: &Act) -> Seen {
        let records = &mut self.state.records;
        match act {
            Act::Undo(acts) => {
                let before = self.clone();
                let each = acts.iter().map(|act| self.act(act)).collect();
                *self = before;
                Seen::Each(each)
            }
            Act::Get(key) => Seen::Value(records.get(key).map(Kept::bytes)),
            Act::Put { key, record } => {
                let value = if key == b"x" { Value::Array(Vec::new()) } else { record.value() };
                records.insert(key.clone(), Kept { value, entries: record.entries() });
                Seen::Nothing
            }
            Act::Delete(key) => Seen::Existed(records.remove(key).is_some()),
            Act::Add { key, n, absent } => add(records, key, *n, *absent),
            Act::Stamp(mark) => {
                self.stamps.push(*mark);
                Seen::Nothing
            }
            Act::Scan { stamped, lower, upper, direction, limit } => {
                if let (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) =
                    (lower, upper)
                    && a > b
                {
                    return Seen::Nothing;
                }
                let all: Found = if *stamped {
                    self.state.stamped.clone().into_iter().collect()
                } else {
                    records.iter().map(|(key, kept)| (key.clone(), kept.bytes())).collect()
                };
                let range = (lower.clone(), upper.clone());
                page(all.into_iter().filter(|(key, _)| range.contains(key)).collect(), *direction, Some(*limit))
            }
            Act::Query { index, range, direction, limit, pages } => {
                self.query(index, range, *direction, *limit, *pages)
            }
        }
    }

    fn query(&self, index: &str, range: &IndexRange, direction: Direction, limit: usize, pages: bool) -> Seen {
        if let (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) =
            (&range.lower, &range.upper)
            && a > b
        {
            return Seen::Nothing;
        }
        let mut all = Vec::new();
        for (key, kept) in &self.state.records {
            let mut entries: Vec<&Entry> = kept.entries.iter().filter(|(name, _)| *name == index).collect();
            entries.sort();
            entries.dedup();
            for (_, values) in entries {
                let next = values.get(range.equal.len());
                let fits = next.is_none_or(|next| (range.lower.clone(), range.upper.clone()).contains(next));
                if values.starts_with(&range.equal) && fits {
                    all.push((values.clone(), key.clone(), kept.bytes()));
                }
            }
        }
        all.sort();
        let found = all.into_iter().map(|(_, key, value)| (key, value)).collect();
        page(found, direction, (!pages).then_some(limit))
    }
}

fn add(records: &mut BTreeMap<Vec<u8>, Kept>, key: &[u8], n: i64, absent: Absent) -> Seen {
    let kept = match (records.get_mut(key), absent) {
        (Some(kept), _) => kept,
        (None, Absent::Refuse) => return Seen::NotFound,
        (None, Absent::Create) => {
            records.entry(key.to_vec()).or_insert(Kept { value: Value::Object(Map::new()), entries: Vec::new() })
        }
    };
    let Value::Object(object) = &mut kept.value else { return Seen::NotAnInteger };
    let sum = object.get("n").map_or(0, |n| n.as_i64().unwrap()) + n;
    object.insert("n".to_owned(), sum.into());
    Seen::Nothing
}

fn page(mut found: Found, direction: Direction, limit: Option<usize>) -> Seen {
    if direction == Direction::Backward {
        found.reverse();
    }
    let limit = limit.unwrap_or(found.len());
    let more = found.len() > limit;
    found.truncate(limit);
    Seen::Rows { rows: found, more }
}
