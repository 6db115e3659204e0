//! Entries of indexes and ranges over them.
//!
//! An entry's row key is `place ++ kind ++ name ++ values ++ end ++ record key`. INVARIANT (ordered-entries): rows of one index are ordered as the lists
//! of their values are, then as the records' keys are; a list that begins another comes before it.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use forecourt_base::Scalar;

use crate::keys::{self, Direction, Kind, RowRange, Space};
use crate::{StorageError, keys::check_row};

const VALUES_END: u8 = 0;
const NONE: u8 = 2;
const FALSE: u8 = 3;
const TRUE: u8 = 4;
const INT: u8 = 5;
const TEXT: u8 = 6;
/// Greater than every tag, so that it closes a range over all that begins alike.
const ABOVE: u8 = 0xFF;

/// One row of one index: the record is found under these values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexEntry {
    /// The index's name.
    pub index: Arc<str>,
    /// The values, in the order of the index's fields.
    pub values: Vec<Scalar>,
}

/// A range of an index: the values that the first fields must have, and bounds of the field after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRange {
    /// What the first fields must equal; may be empty.
    pub equal: Vec<Scalar>,
    /// Where the next field's values begin.
    pub lower: Bound<Scalar>,
    /// Where they end.
    pub upper: Bound<Scalar>,
}

impl IndexRange {
    /// The whole index.
    #[must_use]
    pub fn all() -> Self {
        Self::equal(Vec::new())
    }

    /// Every entry whose first fields equal `values`.
    #[must_use]
    pub fn equal(values: Vec<Scalar>) -> Self {
        Self { equal: values, lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    /// Every entry whose first field is text beginning with `prefix`, the fields before it equal to `equal`.
    #[must_use]
    pub fn text_prefix(equal: Vec<Scalar>, prefix: &str) -> Self {
        let lower = Bound::Included(Scalar::Text(prefix.to_owned()));
        let upper = next_text(prefix).map_or(Bound::Unbounded, |text| Bound::Excluded(Scalar::Text(text)));
        Self { equal, lower, upper }
    }
}

/// The least text greater than every text that begins with `prefix`; none where there is no such text.
fn next_text(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

fn encode_scalar(value: &Scalar, to: &mut Vec<u8>) {
    match value {
        Scalar::None => to.push(NONE),
        Scalar::Bool(false) => to.push(FALSE),
        Scalar::Bool(true) => to.push(TRUE),
        Scalar::Int(int) => {
            to.push(INT);
            // Flipping the sign bit makes the order of bytes that of the integers.
            to.extend((int.cast_unsigned() ^ (1 << 63)).to_be_bytes());
        }
        Scalar::Text(text) => {
            to.push(TEXT);
            keys::escape(text.as_bytes(), to);
        }
    }
}

/// `name ++ values ++ end`: what lies between the kind and the record's key in an entry's row, and what a record keeps of its entries.
pub(crate) fn encode_entry(entry: &IndexEntry) -> Bytes {
    let mut bytes = Vec::with_capacity(entry.index.len() + 16);
    keys::escape(entry.index.as_bytes(), &mut bytes);
    for value in &entry.values {
        encode_scalar(value, &mut bytes);
    }
    bytes.push(VALUES_END);
    bytes.into()
}

/// The row key of `entry` (as encoded) of the record at `record_row`.
pub(crate) fn entry_row(record_row: &[u8], prefix_len: usize, entry: &[u8]) -> Result<Bytes, StorageError> {
    let (place, rest) = record_row.split_at_checked(prefix_len).unwrap_or((record_row, &[]));
    let mut row = Vec::with_capacity(record_row.len() + entry.len());
    row.extend_from_slice(place);
    row.push(Kind::Index as u8);
    row.extend_from_slice(entry);
    row.extend_from_slice(rest.get(1..).unwrap_or_default());
    check_row(row)
}

/// The entry, as encoded, and its record's row, of an entry's row key.
pub(crate) fn split_entry_row(row: &Bytes, prefix_len: usize) -> Option<(Bytes, Bytes)> {
    let rest = row.get(prefix_len + 1..)?;
    let values = text_end(rest, 0)?;
    let key = record_key(&row.slice(prefix_len + 1 + values..))?;
    let entry = row.slice(prefix_len + 1..row.len() - key.len());
    let mut record = row.get(..prefix_len)?.to_vec();
    record.push(Kind::Record as u8);
    record.extend_from_slice(&key);
    Some((entry, record.into()))
}

/// A range over one index as rows.
pub(crate) struct Entries {
    /// The rows asked for.
    pub(crate) rows: RowRange,
    /// The length of `place ++ kind ++ name`: the rest of a row's key is its cursor.
    pub(crate) base_len: usize,
}

impl Entries {
    pub(crate) fn new(
        space: &Space,
        index: &str,
        range: &IndexRange,
        direction: Direction,
        after: Option<&[u8]>,
    ) -> Result<Self, StorageError> {
        if let (Bound::Included(lower) | Bound::Excluded(lower), Bound::Included(upper) | Bound::Excluded(upper)) =
            (&range.lower, &range.upper)
            && lower > upper
        {
            return Err(StorageError::BadRange);
        }
        let mut base = space.row(Kind::Index, index.len() + 32);
        keys::escape(index.as_bytes(), &mut base);
        let base_len = base.len();
        let cursor = after.map(|cursor| [base.as_slice(), cursor].concat());
        for value in &range.equal {
            encode_scalar(value, &mut base);
        }
        let bound = |value: Option<&Scalar>, past: bool| {
            let mut row = base.clone();
            if let Some(value) = value {
                encode_scalar(value, &mut row);
            }
            if past {
                row.push(ABOVE);
            }
            Bytes::from(row)
        };
        let mut from = match &range.lower {
            Bound::Unbounded => bound(None, false),
            Bound::Included(value) => bound(Some(value), false),
            Bound::Excluded(value) => bound(Some(value), true),
        };
        let mut to = match &range.upper {
            Bound::Unbounded => bound(None, true),
            Bound::Included(value) => bound(Some(value), true),
            Bound::Excluded(value) => bound(Some(value), false),
        };
        match (cursor, direction) {
            (Some(cursor), Direction::Forward) => from = from.max(keys::successor(&cursor)),
            (Some(cursor), Direction::Backward) => to = to.min(cursor.into()),
            (None, _) => {}
        }
        Ok(Self { rows: RowRange { from, to }, base_len })
    }
}

/// The record's key within the part of an entry's row that follows the index's name.
pub(crate) fn record_key(cursor: &Bytes) -> Option<Bytes> {
    let mut at = 0;
    loop {
        match *cursor.get(at)? {
            VALUES_END => return Some(cursor.slice(at + 1..)),
            NONE | FALSE | TRUE => at += 1,
            INT => at += 9,
            TEXT => at = text_end(cursor, at + 1)?,
            _ => return None,
        }
    }
}

/// Where an escaped text that begins at `at` ends.
fn text_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (0, Some(1)) => return Some(at + 2),
            (0, _) => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests;
