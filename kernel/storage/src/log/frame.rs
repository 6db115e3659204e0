//! One frame: the rows that the transactions of one batch left.
//!
//! `crc32c, length, segment, first position, transactions, format`, then for each transaction its number of rows and the rows. The checksum covers all that
//! follows it. Frames begin at multiples of 8 bytes.

use bytes::{Buf, BufMut, Bytes};

use crate::committer::{Batch, RowWrite};
use crate::engine::Position;

const FORMAT: u32 = 1;
pub(crate) const HEAD_BYTES: usize = 32;
pub(crate) const ALIGN_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;
/// The length of a value that says the row is gone.
const GONE: u32 = u32::MAX;

/// A frame, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The position of its first transaction.
    pub(crate) first: Position,
    pub(crate) transactions: Vec<Vec<RowWrite>>,
}

impl Frame {
    /// The position of its last transaction.
    pub(crate) fn last(&self) -> Position {
        self.first + (self.transactions.len() as u64).saturating_sub(1)
    }
}

/// What lies at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A frame and the length it takes, padding included.
    Frame(Frame, usize),
    /// Nothing was written here, or the segment ends.
    Nothing,
    /// Bytes that are no frame of this segment.
    Bad,
}

/// Writes the frame of a batch into `to`, in place of what it held.
pub(crate) fn encode(batch: &Batch, segment: u64, to: &mut Vec<u8>) {
    to.clear();
    to.put_u64_le(0);
    to.put_u64_le(segment);
    to.put_u64_le(batch.first);
    to.put_u32_le(length(batch.transactions.len()));
    to.put_u32_le(FORMAT);
    for rows in &batch.transactions {
        to.put_u32_le(length(rows.len()));
        for row in rows {
            to.put_u32_le(length(row.key.len()));
            to.put_u32_le(row.value.as_ref().map_or(GONE, |value| length(value.len())));
            to.put_slice(&row.key);
            to.put_slice(row.value.as_deref().unwrap_or_default());
        }
    }
    let body = length(to.len() - HEAD_BYTES);
    if let Some(place) = to.get_mut(CHECKSUM_BYTES..8) {
        place.copy_from_slice(&body.to_le_bytes());
    }
    let checksum = crc32c::crc32c(to.get(CHECKSUM_BYTES..).unwrap_or_default());
    if let Some(place) = to.get_mut(..CHECKSUM_BYTES) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    to.resize(to.len().next_multiple_of(ALIGN_BYTES), 0);
}

/// Lengths are bounded by the limits on keys, values and frames, far below 4 GiB.
fn length(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The length that the head of a frame of `segment` names for it, padding left out. Nothing of it is checked.
pub(crate) fn head_length(mut head: &[u8], segment: u64) -> Option<usize> {
    if head.len() < HEAD_BYTES {
        return None;
    }
    head.advance(CHECKSUM_BYTES);
    let body = head.get_u32_le() as usize;
    (head.get_u64_le() == segment).then_some(HEAD_BYTES + body)
}

/// Reads the frame of `segment` that begins at `offset`.
pub(crate) fn parse(bytes: &Bytes, offset: usize, segment: u64) -> Parsed {
    let Some(rest) = bytes.get(offset..) else { return Parsed::Nothing };
    let Some(head) = rest.get(..HEAD_BYTES) else {
        return if rest.iter().all(|byte| *byte == 0) { Parsed::Nothing } else { Parsed::Bad };
    };
    if head.iter().all(|byte| *byte == 0) {
        return Parsed::Nothing;
    }
    match checked(bytes, offset, head, segment) {
        Some((frame, len)) => Parsed::Frame(frame, len),
        None => Parsed::Bad,
    }
}

fn checked(bytes: &Bytes, offset: usize, mut head: &[u8], segment: u64) -> Option<(Frame, usize)> {
    let checksum = head.get_u32_le();
    let body = head.get_u32_le() as usize;
    if head.get_u64_le() != segment {
        return None;
    }
    let first = head.get_u64_le();
    let (transactions, format) = (head.get_u32_le(), head.get_u32_le());
    let end = offset.checked_add(HEAD_BYTES)?.checked_add(body)?;
    let covered = bytes.get(offset + CHECKSUM_BYTES..end)?;
    if format != FORMAT || transactions == 0 || crc32c::crc32c(covered) != checksum {
        return None;
    }
    let mut body = bytes.slice(offset + HEAD_BYTES..end);
    let transactions = (0..transactions).map(|_| read_rows(&mut body)).collect::<Option<Vec<_>>>()?;
    body.is_empty().then(|| (Frame { first, transactions }, (end - offset).next_multiple_of(ALIGN_BYTES)))
}

fn read_rows(body: &mut Bytes) -> Option<Vec<RowWrite>> {
    let count = body.try_get_u32_le().ok()?;
    let mut rows = Vec::new();
    for _ in 0..count {
        let (key, value) = (body.try_get_u32_le().ok()? as usize, body.try_get_u32_le().ok()?);
        if body.len() < key {
            return None;
        }
        let key = body.split_to(key);
        let value = match value {
            GONE => None,
            len if body.len() < len as usize => return None,
            len => Some(body.split_to(len as usize)),
        };
        rows.push(RowWrite { key, value });
    }
    Some(rows)
}

#[cfg(test)]
mod tests;
