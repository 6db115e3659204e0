//! Records against their index entries and chunks, both ways.

use bytes::Bytes;

use crate::StorageError;
use crate::envelope::{self, Envelope, Payload};
use crate::index;
use crate::keys::{self, Kind, RowKey, chunk_of, chunk_row, record_key};
use crate::shared::Table;
use crate::verify::compare::Rows;
use crate::verify::{RESTORE, Verified};

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The group, none for what the deployment holds.
    pub group: Option<String>,
    /// The store, none for what a group or the deployment holds as a whole.
    pub store: Option<String>,
    /// A plugin's name, or `@` and a name.
    pub owner: String,
    /// The collection.
    pub collection: String,
    /// The generation of the collection's data.
    pub generation: u32,
    /// The record's key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
}

/// A row in words.
pub(super) fn name(row: &Bytes) -> String {
    let Some(place) = keys::parse(row) else { return format!("the row `{}`", row.escape_ascii()) };
    let kind = match place.kind {
        Kind::Record => "record",
        Kind::Index => "index entry",
        Kind::Chunk => "chunk",
    };
    let RowKey { group, store, owner, collection, prefix_len, .. } = &place;
    let (group, store) = (group.as_deref().unwrap_or("-"), store.as_deref().unwrap_or("-"));
    format!("{kind} `{}` of {owner} {collection} in {group}/{store}", record_key(row, *prefix_len).escape_ascii())
}

/// Looks at every row of a table made from the log.
pub(super) fn check<T: Table>(
    table: &T,
    visit: &mut dyn FnMut(&StoredRecord),
    report: &mut Verified,
) -> Result<(), StorageError> {
    let mut rows = Rows::of(table);
    while let Some((key, value)) = rows.next()? {
        let checked = match keys::parse(&key) {
            None => Err("a row's key has no known form".to_owned()),
            Some(place) => match place.kind {
                Kind::Record => record(table, &key, &value, place, visit, report)?,
                Kind::Index => entry(table, &key, &place, report)?,
                Kind::Chunk => chunk(table, &key, &place, report)?,
            },
        };
        if let Err(what) = checked {
            report.find(format!("{}: {what}", name(&key)), RESTORE);
        }
    }
    Ok(())
}

type Checked = Result<Result<(), String>, StorageError>;

fn record<T: Table>(
    table: &T,
    row: &Bytes,
    value: &Bytes,
    place: RowKey,
    visit: &mut dyn FnMut(&StoredRecord),
    report: &mut Verified,
) -> Checked {
    report.records += 1;
    let Ok(Envelope { entries, payload }) = envelope::decode(value) else {
        return Ok(Err("its row has no known form".to_owned()));
    };
    for entry in &entries {
        match index::entry_row(row, place.prefix_len, entry) {
            Ok(entry) if table.get(&entry)?.is_some() => {}
            _ => return Ok(Err(format!("its index entry `{}` is missing", entry.escape_ascii()))),
        }
    }
    let count = payload.chunks();
    let value = match payload {
        Payload::Inline(value) => value,
        Payload::Chunked(bytes) => {
            let mut chunks = Vec::new();
            for number in 0..count {
                match table.get(&chunk_row(row, place.prefix_len, number))? {
                    Some(chunk) => chunks.push(chunk),
                    None => return Ok(Err(format!("its chunk {number} is missing"))),
                }
            }
            match envelope::join(bytes, &chunks) {
                Ok(value) => value,
                Err(_) => return Ok(Err(format!("its chunks do not have the {bytes} bytes that its row names"))),
            }
        }
    };
    let key = record_key(row, place.prefix_len);
    let RowKey { group, store, owner, collection, generation, .. } = place;
    visit(&StoredRecord { group, store, owner, collection, generation, key, value });
    Ok(Ok(()))
}

/// The record to which a row belongs.
fn owner<T: Table>(table: &T, record: &Bytes) -> Result<Option<Envelope>, StorageError> {
    Ok(table.get(record)?.and_then(|row| envelope::decode(&row).ok()))
}

fn entry<T: Table>(table: &T, row: &Bytes, place: &RowKey, report: &mut Verified) -> Checked {
    report.entries += 1;
    let Some((entry, record)) = index::split_entry_row(row, place.prefix_len) else {
        return Ok(Err("it has no known form".to_owned()));
    };
    let named = owner(table, &record)?.is_some_and(|record| record.entries.contains(&entry));
    Ok(if named { Ok(()) } else { Err("no record has it".to_owned()) })
}

fn chunk<T: Table>(table: &T, row: &Bytes, place: &RowKey, report: &mut Verified) -> Checked {
    report.chunks += 1;
    let Some((record, number)) = chunk_of(row, place.prefix_len) else {
        return Ok(Err("it has no known form".to_owned()));
    };
    let named = owner(table, &record)?.is_some_and(|record| number < record.payload.chunks());
    Ok(if named { Ok(()) } else { Err("no record has it".to_owned()) })
}
