//! How a record lies in its row: format version, kind, index entries, payload. Large payloads lie in chunk rows of their own.

use bytes::{BufMut, Bytes, BytesMut};
use forecourt_base::limits::{RECORD_INDEX_ENTRIES, STORAGE_CHUNK_BYTES, STORAGE_VALUE_BYTES};

use crate::StorageError;

const FORMAT: u8 = 1;
const INLINE: u8 = 0;
const CHUNKED: u8 = 1;
const HEAD_BYTES: usize = 4;

/// Where a record's payload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// In the row itself.
    Inline(Bytes),
    /// In chunk rows, this many bytes in all.
    Chunked(u32),
}

impl Payload {
    /// The number of chunk rows.
    pub(crate) fn chunks(&self) -> u32 {
        match self {
            Self::Inline(_) => 0,
            Self::Chunked(bytes) => bytes.div_ceil(STORAGE_CHUNK_BYTES as u32),
        }
    }
}

/// A record's row, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The index entries, as [`crate::index::encode_entry`] made them.
    pub(crate) entries: Vec<Bytes>,
    pub(crate) payload: Payload,
}

/// Checks the size of a payload and the number of its entries.
pub(crate) fn check(payload: &[u8], entries: usize) -> Result<(), StorageError> {
    if payload.len() > STORAGE_VALUE_BYTES {
        return Err(StorageError::ValueTooLarge { bytes: payload.len(), bytes_max: STORAGE_VALUE_BYTES });
    }
    if entries > RECORD_INDEX_ENTRIES {
        return Err(StorageError::TooManyEntries { entries, entries_max: RECORD_INDEX_ENTRIES });
    }
    Ok(())
}

/// The row of a record, and its chunks where the payload is large.
pub(crate) fn encode(payload: &Bytes, entries: &[Bytes]) -> (Bytes, Vec<Bytes>) {
    let chunked = payload.len() > STORAGE_CHUNK_BYTES;
    let entries_len: usize = entries.iter().map(|entry| entry.len() + 2).sum();
    let mut row = BytesMut::with_capacity(HEAD_BYTES + entries_len + if chunked { 4 } else { payload.len() });
    row.put_u8(FORMAT);
    row.put_u8(if chunked { CHUNKED } else { INLINE });
    row.put_u16_le(u16::try_from(entries.len()).unwrap_or(u16::MAX));
    for entry in entries {
        row.put_u16_le(u16::try_from(entry.len()).unwrap_or(u16::MAX));
        row.put_slice(entry);
    }
    if !chunked {
        row.put_slice(payload);
        return (row.freeze(), Vec::new());
    }
    row.put_u32_le(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    let chunks = (0..payload.len())
        .step_by(STORAGE_CHUNK_BYTES)
        .map(|at| payload.slice(at..payload.len().min(at + STORAGE_CHUNK_BYTES)))
        .collect();
    (row.freeze(), chunks)
}

/// Reads a record's row.
pub(crate) fn decode(row: &Bytes) -> Result<Envelope, StorageError> {
    read(row).ok_or_else(|| StorageError::corrupt("a record's row has no known form"))
}

fn read(row: &Bytes) -> Option<Envelope> {
    let (&[format, kind, low, high], _) = row.split_first_chunk::<HEAD_BYTES>()?;
    if format != FORMAT {
        return None;
    }
    let count = usize::from(u16::from_le_bytes([low, high]));
    let mut entries = Vec::with_capacity(count);
    let mut at = HEAD_BYTES;
    for _ in 0..count {
        let (len, _) = row.get(at..)?.split_first_chunk::<2>()?;
        let end = at + 2 + usize::from(u16::from_le_bytes(*len));
        if end > row.len() {
            return None;
        }
        entries.push(row.slice(at + 2..end));
        at = end;
    }
    let payload = match kind {
        INLINE => Payload::Inline(row.slice(at..)),
        CHUNKED => Payload::Chunked(u32::from_le_bytes(row.get(at..)?.try_into().ok()?)),
        _ => return None,
    };
    Some(Envelope { entries, payload })
}

/// Puts the chunks of a payload of `bytes` together again.
pub(crate) fn join(bytes: u32, chunks: &[Bytes]) -> Result<Bytes, StorageError> {
    let mut payload = BytesMut::with_capacity(bytes as usize);
    for chunk in chunks {
        payload.put_slice(chunk);
    }
    if payload.len() != bytes as usize {
        return Err(StorageError::corrupt("a record's chunks do not have the length its row names"));
    }
    Ok(payload.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(payload: &[u8], entries: &[Bytes]) {
        let (row, chunks) = encode(&Bytes::copy_from_slice(payload), entries);
        let envelope = decode(&row).unwrap();
        assert_eq!(envelope.entries, entries);
        assert_eq!(envelope.payload.chunks() as usize, chunks.len());
        let read = match envelope.payload {
            Payload::Inline(bytes) => bytes,
            Payload::Chunked(bytes) => join(bytes, &chunks).unwrap(),
        };
        assert_eq!(read, payload);
    }

    #[test]
    fn records_of_every_size_come_back() {
        let entries = [Bytes::from_static(b"one"), Bytes::from_static(b"")];
        for size in [0, 1, STORAGE_CHUNK_BYTES, STORAGE_CHUNK_BYTES + 1, 3 * STORAGE_CHUNK_BYTES + 7] {
            let payload: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            round(&payload, &[]);
            round(&payload, &entries);
        }
    }

    #[test]
    fn rows_that_were_cut_or_are_of_another_format_are_corrupt() {
        let (row, _) = encode(&Bytes::from_static(b"payload"), &[Bytes::from_static(b"entry")]);
        for end in 0..HEAD_BYTES + 2 + 5 {
            assert!(matches!(decode(&row.slice(..end)), Err(StorageError::Corrupt { .. })), "{end}");
        }
        let mut newer = row.to_vec();
        newer[0] = FORMAT + 1;
        assert!(matches!(decode(&newer.into()), Err(StorageError::Corrupt { .. })));
        assert!(matches!(join(5, &[Bytes::from_static(b"four")]), Err(StorageError::Corrupt { .. })));
    }
}
