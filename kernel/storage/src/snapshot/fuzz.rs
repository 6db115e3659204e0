//! Blocks of snapshot files for fuzzing, as in [`crate::fuzz`].

use bytes::Bytes;

use super::block::{self as blocks, BLOCK_HEAD_BYTES, Block};

const NAME: u64 = 7;
const NUMBER: u32 = 3;

/// The block that `bytes` are, written again; none where they are none.
#[must_use]
pub fn block(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(match blocks::read(&Bytes::copy_from_slice(bytes), NAME, NUMBER)? {
        Block::Rows(rows) => blocks::block(NAME, NUMBER, &rows),
        Block::Foot(foot) => blocks::foot(NAME, NUMBER, foot),
    })
}

/// The same bytes with the length, name, number and checksum that a block of them would have.
#[must_use]
pub fn sealed_block(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    sealed.resize(sealed.len().max(BLOCK_HEAD_BYTES), 0);
    let body = u32::try_from(sealed.len() - BLOCK_HEAD_BYTES).unwrap_or(u32::MAX);
    let mut set = |at: usize, bytes: &[u8]| {
        if let Some(place) = sealed.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    set(4, &body.to_le_bytes());
    set(8, &NAME.to_le_bytes());
    set(16, &NUMBER.to_le_bytes());
    let checksum = crc32c::crc32c(sealed.get(4..).unwrap_or_default());
    if let Some(place) = sealed.get_mut(..4) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    sealed
}
