//! Readers and writers of stored bytes, opened for fuzzing alone: the feature `fuzz` is in no default build.
//!
//! Each function gives what was read in the form in which it would be written again, so that whoever fuzzes can compare the two.

use bytes::Bytes;

use crate::committer::Batch;
use crate::log::frame::{self, Parsed};
use crate::{IndexEntry, Space, StorageError, envelope, index, keys};

pub use crate::snapshot::fuzz::{block, sealed_block};

/// The segment of which the bytes are read as a frame.
const SEGMENT: u64 = 7;

/// The frame at the beginning of `bytes`, written again; none where there is no whole one.
#[must_use]
pub fn frame(bytes: &[u8]) -> Option<Vec<u8>> {
    let Parsed::Frame(read, _) = frame::parse(&Bytes::copy_from_slice(bytes), 0, SEGMENT) else { return None };
    let mut batch = Batch::new(read.first);
    batch.transactions = read.transactions;
    let mut written = Vec::new();
    frame::encode(&batch, SEGMENT, &mut written);
    // Padding is no part of a frame.
    written.truncate(frame::head_length(&written, SEGMENT)?);
    Some(written)
}

/// The same bytes with the length, segment, format and checksum that a frame of them would have: what is behind the checksum is reached by
/// chance only where the checksum is right.
#[must_use]
pub fn sealed_frame(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    sealed.resize(sealed.len().max(frame::HEAD_BYTES), 0);
    let body = u32::try_from(sealed.len() - frame::HEAD_BYTES).unwrap_or(u32::MAX);
    let mut set = |at: usize, bytes: &[u8]| {
        if let Some(place) = sealed.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    set(4, &body.to_le_bytes());
    set(8, &SEGMENT.to_le_bytes());
    set(28, &1_u32.to_le_bytes());
    let checksum = crc32c::crc32c(sealed.get(4..).unwrap_or_default());
    if let Some(place) = sealed.get_mut(..4) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    sealed
}

/// The row of a record, read and written again; none where it has no known form. Of a record in chunks its row alone.
#[must_use]
pub fn record(bytes: &[u8]) -> Option<Vec<u8>> {
    let read = envelope::decode(&Bytes::copy_from_slice(bytes)).ok()?;
    let payload = match read.payload {
        envelope::Payload::Inline(payload) => payload,
        // Its chunks are elsewhere; the row says no more than their length, which is kept.
        envelope::Payload::Chunked(_) => return Some(bytes.to_vec()),
    };
    (envelope::check(&payload, 0).is_ok()).then(|| envelope::encode(&payload, &read.entries).0.to_vec())
}

/// The key of the row in which the record `key` lies.
///
/// # Errors
/// [`StorageError`] for a key that is empty or too long.
pub fn record_row(space: &Space, key: &[u8]) -> Result<Vec<u8>, StorageError> {
    space.record(key).map(|row| row.to_vec())
}

/// The record's key within the key of its row.
#[must_use]
pub fn record_key(space: &Space, row: &[u8]) -> Vec<u8> {
    keys::record_key(&Bytes::copy_from_slice(row), space.prefix_len()).to_vec()
}

/// The key of the row of an index entry of the record `key`.
///
/// # Errors
/// [`StorageError`] for a key that is empty or too long.
pub fn entry_row(space: &Space, entry: &IndexEntry, key: &[u8]) -> Result<Vec<u8>, StorageError> {
    let record = space.record(key)?;
    index::entry_row(&record, space.prefix_len(), &index::encode_entry(entry)).map(|row| row.to_vec())
}
