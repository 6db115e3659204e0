//! Where a record lies: the place of its collection, its key, and ranges of both.
//!
//! A row's key is `place ++ kind ++ rest`. The place is `format, group, store, owner, collection, generation`, each text escaped and ended, so
//! that no place begins another. INVARIANT (ordered-keys): rows of one collection are ordered as their records' keys are, byte by byte.

mod parse;

pub(crate) use parse::{RowKey, chunk_of, parse};

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use forecourt_base::limits::{RECORD_KEY_BYTES, STORAGE_KEY_BYTES};
use forecourt_base::{GroupId, StoreId};

use crate::StorageError;

/// The version of the layout of keys; every row's key begins with it.
const FORMAT: u8 = 1;
const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const ESCAPE: u8 = 0;
const ESCAPED_ZERO: u8 = 0xFF;
const END: u8 = 1;
const OWNER_BYTES_MAX: usize = 64;
const COLLECTION_BYTES_MAX: usize = 128;

/// The kinds of rows a collection has. Their order is that of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A record.
    Record = 1,
    /// One entry of an index.
    Index = 2,
    /// A piece of a large record.
    Chunk = 3,
}

/// Appends `bytes` so that order is kept and no encoding begins another.
pub(crate) fn escape(bytes: &[u8], to: &mut Vec<u8>) {
    for byte in bytes {
        to.push(*byte);
        if *byte == ESCAPE {
            to.push(ESCAPED_ZERO);
        }
    }
    to.extend([ESCAPE, END]);
}

struct Place {
    prefix: Box<[u8]>,
    group: Option<String>,
    store: Option<String>,
    owner: String,
    collection: String,
}

/// The place of one collection's records. Cheap to clone.
#[derive(Clone)]
pub struct Space(Arc<Place>);

impl Space {
    /// The place of `collection` of `owner` in a store, a group (`store` none) or the deployment (`group` none too).
    ///
    /// An owner is a plugin's name, or `@` and a name for what the kernel keeps itself. `generation` tells apart the data of a collection before
    /// and after a migration.
    ///
    /// # Errors
    /// [`StorageError::BadName`] when a name is empty, too long or holds other than printable ASCII, or when a store is named without its group.
    pub fn new(
        group: Option<&GroupId>,
        store: Option<&StoreId>,
        owner: &str,
        collection: &str,
        generation: u32,
    ) -> Result<Self, StorageError> {
        for (name, bytes_max) in [(owner, OWNER_BYTES_MAX), (collection, COLLECTION_BYTES_MAX)] {
            if name.is_empty() || name.len() > bytes_max || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(StorageError::BadName { name: name.chars().take(80).collect() });
            }
        }
        if let (None, Some(store)) = (group, store) {
            return Err(StorageError::BadName { name: store.to_string() });
        }
        let mut prefix = vec![FORMAT];
        for part in [group.map(GroupId::as_str), store.map(StoreId::as_str)] {
            match part {
                None => prefix.push(ABSENT),
                Some(text) => {
                    prefix.push(PRESENT);
                    escape(text.as_bytes(), &mut prefix);
                }
            }
        }
        escape(owner.as_bytes(), &mut prefix);
        escape(collection.as_bytes(), &mut prefix);
        prefix.extend(generation.to_be_bytes());
        Ok(Self(Arc::new(Place {
            prefix: prefix.into(),
            group: group.map(|id| id.as_str().to_owned()),
            store: store.map(|id| id.as_str().to_owned()),
            owner: owner.to_owned(),
            collection: collection.to_owned(),
        })))
    }

    /// The collection's name.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.0.collection
    }

    /// Whose collection it is: a plugin's name, or `@` and a name.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.0.owner
    }

    /// The store, none for what a group or the deployment holds as a whole.
    #[must_use]
    pub fn store(&self) -> Option<&str> {
        self.0.store.as_deref()
    }

    /// The group, none for what the deployment holds.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.0.group.as_deref()
    }

    pub(crate) fn prefix_len(&self) -> usize {
        self.0.prefix.len()
    }

    /// The row key `place ++ kind`, with room for `more` bytes.
    pub(crate) fn row(&self, kind: Kind, more: usize) -> Vec<u8> {
        let mut row = Vec::with_capacity(self.0.prefix.len() + 1 + more);
        row.extend_from_slice(&self.0.prefix);
        row.push(kind as u8);
        row
    }

    /// The row key of the record `key`.
    pub(crate) fn record(&self, key: &[u8]) -> Result<Bytes, StorageError> {
        check_key(key)?;
        let mut row = self.row(Kind::Record, key.len());
        row.extend_from_slice(key);
        check_row(row)
    }

    /// The records' rows within `range`, from the first to before the second.
    pub(crate) fn records(&self, range: &KeyRange) -> Result<RowRange, StorageError> {
        let bound = |key: &Vec<u8>, past: bool| -> Result<Vec<u8>, StorageError> {
            check_key_length(key)?;
            let mut row = self.row(Kind::Record, key.len() + 1);
            row.extend_from_slice(key);
            if past {
                row.push(0);
            }
            Ok(row)
        };
        if let (Bound::Included(lower) | Bound::Excluded(lower), Bound::Included(upper) | Bound::Excluded(upper)) =
            (&range.lower, &range.upper)
            && lower > upper
        {
            return Err(StorageError::BadRange);
        }
        let from = match &range.lower {
            Bound::Unbounded => self.row(Kind::Record, 0),
            Bound::Included(key) => bound(key, false)?,
            Bound::Excluded(key) => bound(key, true)?,
        };
        let to = match &range.upper {
            Bound::Unbounded => self.row(Kind::Index, 0),
            Bound::Included(key) => bound(key, true)?,
            Bound::Excluded(key) => bound(key, false)?,
        };
        Ok(RowRange { from: from.into(), to: to.into() })
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &*self.0;
        let (group, store) = (place.group.as_deref().unwrap_or("-"), place.store.as_deref().unwrap_or("-"));
        write!(f, "Space({group}/{store}/{}/{})", place.owner, place.collection)
    }
}

impl PartialEq for Space {
    fn eq(&self, other: &Self) -> bool {
        self.0.prefix == other.0.prefix
    }
}

impl Eq for Space {}

fn check_key_length(key: &[u8]) -> Result<(), StorageError> {
    if key.len() > RECORD_KEY_BYTES {
        return Err(StorageError::KeyTooLong { bytes: key.len(), bytes_max: RECORD_KEY_BYTES });
    }
    Ok(())
}

pub(crate) fn check_key(key: &[u8]) -> Result<(), StorageError> {
    if key.is_empty() {
        return Err(StorageError::EmptyKey);
    }
    check_key_length(key)
}

pub(crate) fn check_row(row: Vec<u8>) -> Result<Bytes, StorageError> {
    if row.len() > STORAGE_KEY_BYTES {
        return Err(StorageError::KeyTooLong { bytes: row.len(), bytes_max: STORAGE_KEY_BYTES });
    }
    Ok(row.into())
}

/// The row key of chunk `number` of the record at `row`, whose place is `prefix_len` bytes long.
pub(crate) fn chunk_row(row: &[u8], prefix_len: usize, number: u32) -> Bytes {
    let mut chunk = Vec::with_capacity(row.len() + 4);
    chunk.extend_from_slice(row);
    if let Some(kind) = chunk.get_mut(prefix_len) {
        *kind = Kind::Chunk as u8;
    }
    chunk.extend(number.to_be_bytes());
    chunk.into()
}

/// The record's key within its row's.
pub(crate) fn record_key(row: &Bytes, prefix_len: usize) -> Bytes {
    row.slice(row.len().min(prefix_len + 1)..)
}

/// Rows from one key to before another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRange {
    /// The first row's key.
    pub from: Bytes,
    /// The key before which the range ends.
    pub to: Bytes,
}

impl RowRange {
    /// Whether nothing can lie in the range.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// What is left of the range behind the row `last`.
    pub(crate) fn behind(self, last: &Bytes, direction: Direction) -> Self {
        match direction {
            Direction::Forward => Self { from: successor(last), to: self.to },
            Direction::Backward => Self { from: self.from, to: last.clone() },
        }
    }
}

/// Every row there can be: no row's key begins with a zero byte or the greatest.
pub(crate) fn all_rows() -> RowRange {
    RowRange { from: Bytes::from_static(&[FORMAT]), to: Bytes::from_static(&[0xFF]) }
}

/// The least key that is greater than `key`.
pub(crate) fn successor(key: &[u8]) -> Bytes {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next.into()
}

/// The order in which rows are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From the least key on.
    #[default]
    Forward,
    /// From the greatest key back.
    Backward,
}

impl Direction {
    /// Whether `a` comes before `b`.
    pub(crate) fn precedes(self, a: &Bytes, b: &Bytes) -> bool {
        match self {
            Self::Forward => a < b,
            Self::Backward => a > b,
        }
    }
}

/// A range of record keys, compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// Where it begins.
    pub lower: Bound<Vec<u8>>,
    /// Where it ends.
    pub upper: Bound<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self { lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    /// Every key that begins with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut end = prefix.to_vec();
        while end.last() == Some(&0xFF) {
            end.pop();
        }
        let upper = match end.last_mut() {
            None => Bound::Unbounded,
            Some(last) => {
                *last = last.saturating_add(1);
                Bound::Excluded(end)
            }
        };
        Self { lower: Bound::Included(prefix.to_vec()), upper }
    }

    /// What of this range lies behind `key`: the next page of a scan forward.
    #[must_use]
    pub fn after(self, key: &[u8]) -> Self {
        let lower = match self.lower {
            Bound::Included(lower) if lower.as_slice() > key => Bound::Included(lower),
            Bound::Excluded(lower) if lower.as_slice() > key => Bound::Excluded(lower),
            _ => Bound::Excluded(key.to_vec()),
        };
        Self { lower, upper: self.upper }.or_empty()
    }

    /// What of this range lies before `key`: the next page of a scan backward.
    #[must_use]
    pub fn before(self, key: &[u8]) -> Self {
        let upper = match self.upper {
            Bound::Included(upper) if upper.as_slice() < key => Bound::Included(upper),
            Bound::Excluded(upper) if upper.as_slice() < key => Bound::Excluded(upper),
            _ => Bound::Excluded(key.to_vec()),
        };
        Self { lower: self.lower, upper }.or_empty()
    }

    /// A cursor outside the range leaves nothing of it, which is no error.
    fn or_empty(self) -> Self {
        match (&self.lower, &self.upper) {
            (Bound::Included(lower) | Bound::Excluded(lower), Bound::Included(upper) | Bound::Excluded(upper))
                if lower > upper =>
            {
                Self { lower: Bound::Excluded(lower.clone()), upper: Bound::Excluded(lower.clone()) }
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests;
