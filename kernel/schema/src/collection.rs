//! Declared collections and the index entries of their records.

use std::sync::Arc;

use forecourt_base::Scalar;
use forecourt_base::limits::RECORD_INDEX_ENTRIES;
use serde_json::Value;

use crate::Type;
use crate::text_index::{Fragments, normalised};

/// Where a collection's records live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionScope {
    /// Each store has its own.
    Store,
    /// The group's stores share them.
    Group,
}

/// A collection of records of one type.
#[derive(Debug, Clone)]
pub struct Collection {
    /// Its name.
    pub name: Arc<str>,
    /// Where its records live.
    pub scope: CollectionScope,
    /// The type of its records, a record.
    pub record: Type,
    /// The record type as the manifest names it, `forecourt:repair/records@0.1.0#order`.
    pub record_name: Arc<str>,
    /// Its indexes.
    pub indexes: Vec<Index>,
    /// The record type's docs.
    pub docs: Arc<str>,
    /// Whether its records may name files.
    pub names_files: bool,
}

/// An index of a collection.
#[derive(Debug, Clone)]
pub struct Index {
    /// Its name.
    pub name: Arc<str>,
    /// How entries are made.
    pub kind: IndexKind,
    /// The indexed fields in order.
    pub fields: Vec<IndexField>,
}

/// How an index's entries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// One entry of the fields' values; several where one field is a list.
    Fields,
    /// An entry for every fragment of the fields' text, and of its pinyin initials.
    Text,
}

/// A field of an index.
#[derive(Debug, Clone)]
pub struct IndexField {
    /// The JSON names from the record down to the field.
    pub path: Vec<Arc<str>>,
    /// What its values are.
    pub kind: ScalarKind,
    /// Whether the field is a list of such values.
    pub list: bool,
}

/// Kinds of values in indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    /// A boolean.
    Bool,
    /// An integer.
    Int,
    /// Text.
    Text,
    /// An enum's case, kept as its JSON name.
    Case,
}

impl ScalarKind {
    /// The kind of values of a type; none where the type is in no index.
    pub(crate) fn of(ty: &Type) -> Option<Self> {
        match ty.resolved() {
            Type::Bool => Some(Self::Bool),
            Type::S8 | Type::S16 | Type::S32 | Type::S64 | Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
                Some(Self::Int)
            }
            Type::String | Type::Char => Some(Self::Text),
            Type::Enum(_) => Some(Self::Case),
            _ => None,
        }
    }

    fn scalar(self, value: Option<&Value>) -> Scalar {
        match (self, value) {
            (Self::Bool, Some(Value::Bool(flag))) => Scalar::Bool(*flag),
            (Self::Int, Some(Value::Number(number))) => {
                number.as_i64().or_else(|| number.as_u64().map(|_| i64::MAX)).map_or(Scalar::None, Scalar::Int)
            }
            (Self::Int, Some(Value::String(text))) => text
                .parse()
                .ok()
                .or_else(|| text.parse::<u64>().ok().map(|_| i64::MAX))
                .map_or(Scalar::None, Scalar::Int),
            (Self::Text | Self::Case, Some(Value::String(text))) => Scalar::Text(text.clone()),
            _ => Scalar::None,
        }
    }
}

impl IndexField {
    /// The field's value in a record; none where it or something on its path is absent.
    fn find<'a>(&self, record: &'a Value) -> Option<&'a Value> {
        self.path.iter().try_fold(record, |value, name| value.get(&**name))
    }
}

impl Index {
    /// A value to look up in field number `position`, in the form that entries have: WIT's names of enum cases become JSON's.
    #[must_use]
    pub fn canonical(&self, position: usize, value: Scalar) -> Scalar {
        match (self.fields.get(position).map(|field| field.kind), value) {
            (Some(ScalarKind::Case), Scalar::Text(case)) if case.contains('-') => Scalar::Text(case.replace('-', "_")),
            (_, value) => value,
        }
    }

    fn field_entries(&self, record: &Value, entries: &mut Vec<(Arc<str>, Vec<Scalar>)>) {
        let mut rows: Vec<Vec<Scalar>> = vec![Vec::with_capacity(self.fields.len())];
        for field in &self.fields {
            let value = field.find(record);
            if !field.list {
                let scalar = field.kind.scalar(value);
                rows.iter_mut().for_each(|row| row.push(scalar.clone()));
                continue;
            }
            let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let mut scalars: Vec<Scalar> = items.iter().map(|item| field.kind.scalar(Some(item))).collect();
            scalars.sort();
            scalars.dedup();
            let with = |row: &Vec<Scalar>, scalar: &Scalar| row.iter().chain([scalar]).cloned().collect();
            rows = rows.iter().flat_map(|row| scalars.iter().map(move |scalar| with(row, scalar))).collect();
        }
        entries.extend(rows.into_iter().map(|row| (self.name.clone(), row)));
    }

    fn text_entries(&self, record: &Value, room: usize, entries: &mut Vec<(Arc<str>, Vec<Scalar>)>) {
        let mut fragments = Fragments::new(room);
        for field in &self.fields {
            match field.find(record) {
                Some(Value::String(text)) => fragments.add(&normalised(text)),
                Some(Value::Array(items)) => {
                    items.iter().filter_map(Value::as_str).for_each(|text| fragments.add(&normalised(text)));
                }
                _ => {}
            }
        }
        entries.extend(fragments.finish().into_iter().map(|text| (self.name.clone(), vec![Scalar::Text(text)])));
    }
}

impl Collection {
    /// The rows that a record has in the collection's indexes.
    ///
    /// Text indexes share the room that the others leave of [`RECORD_INDEX_ENTRIES`]: what has no room is not found by its middle, but
    /// still by its beginning. The rows of the others are all given, also beyond that limit, so that storage can refuse the record.
    #[must_use]
    pub fn entries(&self, record: &Value) -> Vec<(Arc<str>, Vec<Scalar>)> {
        let mut entries = Vec::with_capacity(self.indexes.len());
        let (texts, others): (Vec<&Index>, Vec<&Index>) =
            self.indexes.iter().partition(|index| index.kind == IndexKind::Text);
        for index in others {
            index.field_entries(record, &mut entries);
        }
        let count = texts.len();
        for (done, index) in texts.into_iter().enumerate() {
            let room = RECORD_INDEX_ENTRIES.saturating_sub(entries.len()) / (count - done);
            index.text_entries(record, room, &mut entries);
        }
        entries
    }

    /// The index with this name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| &*index.name == name)
    }
}

#[cfg(test)]
mod tests;
