//! A plugin's record against its declared type: whether it fits, and where it is found.

use forecourt_base::Timestamp;
use forecourt_schema::{Collection, FileRef, file_refs};
use forecourt_storage::IndexEntry;

/// The first thing wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// Where, as a JSON pointer; empty for the record as a whole.
    pub(crate) pointer: String,
    pub(crate) rule: String,
}

/// What the kernel takes from a record.
#[derive(Debug)]
pub(crate) struct Read {
    /// Where it is found.
    pub(crate) entries: Vec<IndexEntry>,
    /// The files that it names.
    pub(crate) files: Vec<FileRef>,
}

/// The index entries and files of a record of `declared`, which must fit its type at the time `now`.
pub(crate) fn read(declared: &Collection, value: &[u8], now: Timestamp) -> Result<Read, Invalid> {
    let parsed: serde_json::Value =
        serde_json::from_slice(value).map_err(|error| Invalid { pointer: String::new(), rule: error.to_string() })?;
    if let Err(errors) = forecourt_schema::check_at(&declared.record, &parsed, now) {
        let invalid =
            |error: forecourt_schema::FieldError| Invalid { rule: error.rule.to_string(), pointer: error.pointer };
        let unnamed = || Invalid { pointer: String::new(), rule: "invalid".to_owned() };
        return Err(errors.into_iter().next().map_or_else(unnamed, invalid));
    }
    let entries = declared.entries(&parsed);
    let entries = entries.into_iter().map(|(index, values)| IndexEntry { index, values }).collect();
    Ok(Read { entries, files: if declared.names_files { file_refs(&declared.record, &parsed) } else { Vec::new() } })
}

/// The files that a stored record of `declared` names.
pub(crate) fn files(declared: &Collection, value: &[u8]) -> Vec<FileRef> {
    let parsed = serde_json::from_slice(value);
    parsed.map_or_else(|_| Vec::new(), |parsed| file_refs(&declared.record, &parsed))
}
