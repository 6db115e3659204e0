//! Reading a row's key back into the place that it names.

use bytes::Bytes;

use super::{ABSENT, END, ESCAPE, ESCAPED_ZERO, FORMAT, Kind, PRESENT};

/// What a row's key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowKey {
    pub(crate) group: Option<String>,
    pub(crate) store: Option<String>,
    pub(crate) owner: String,
    pub(crate) collection: String,
    pub(crate) generation: u32,
    pub(crate) kind: Kind,
    /// The length of the place: the kind follows it.
    pub(crate) prefix_len: usize,
}

/// Reads a row's key; none when no row has such a key.
pub(crate) fn parse(row: &[u8]) -> Option<RowKey> {
    let (format, mut rest) = row.split_first()?;
    if *format != FORMAT {
        return None;
    }
    let (group, store) = (optional(&mut rest)?, optional(&mut rest)?);
    let (owner, collection) = (text(&mut rest)?, text(&mut rest)?);
    let (generation, rest) = rest.split_first_chunk::<4>()?;
    let kind = match *rest.first()? {
        1 => Kind::Record,
        2 => Kind::Index,
        3 => Kind::Chunk,
        _ => return None,
    };
    let prefix_len = row.len() - rest.len();
    Some(RowKey { group, store, owner, collection, generation: u32::from_be_bytes(*generation), kind, prefix_len })
}

fn optional(rest: &mut &[u8]) -> Option<Option<String>> {
    let (present, after) = rest.split_first()?;
    *rest = after;
    match *present {
        ABSENT => Some(None),
        PRESENT => text(rest).map(Some),
        _ => None,
    }
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        if *byte != ESCAPE {
            bytes.push(*byte);
            continue;
        }
        let (next, after) = rest.split_first()?;
        *rest = after;
        match *next {
            END => return String::from_utf8(bytes).ok(),
            ESCAPED_ZERO => bytes.push(ESCAPE),
            _ => return None,
        }
    }
}

/// The row of the record to which the chunk at `row` belongs, and the chunk's number.
pub(crate) fn chunk_of(row: &Bytes, prefix_len: usize) -> Option<(Bytes, u32)> {
    let (record, number) = row.split_last_chunk::<4>()?;
    let mut record = record.to_vec();
    *record.get_mut(prefix_len)? = Kind::Record as u8;
    Some((record.into(), u32::from_be_bytes(*number)))
}
