//! The pieces of a snapshot file: a head, blocks of rows, a foot.
//!
//! The head is `magic, name, start, format, checksum`. Every block is `checksum, length, name, number, rows` and then the rows, the checksum over all that
//! follows it; the name is the file's own, so that no block of another file passes for one of this. The foot is a block without rows, which holds the
//! snapshot's end and how many rows and blocks there are.

use bytes::{Buf, BufMut, Bytes};

use crate::engine::{Position, RawRow};

const MAGIC: &[u8; 8] = b"FCSNAP\0\x01";
const FORMAT: u32 = 1;
const CHECKSUM_BYTES: usize = 4;
pub(super) const HEAD_BYTES: usize = 32;
pub(super) const BLOCK_HEAD_BYTES: usize = 24;
/// A block with the foot.
pub(super) const FOOT_BYTES: usize = BLOCK_HEAD_BYTES + 24;

/// What the foot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foot {
    /// Nothing in the rows was committed after this position.
    pub(crate) end: Position,
    pub(crate) rows: u64,
    pub(crate) blocks: u64,
}

pub(super) fn head(name: u64, start: Position) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES);
    bytes.put_slice(MAGIC);
    bytes.put_u64_le(name);
    bytes.put_u64_le(start);
    bytes.put_u32_le(FORMAT);
    bytes.put_u32_le(crc32c::crc32c(&bytes));
    bytes
}

/// The name and start that a head holds.
pub(super) fn read_head(bytes: &[u8]) -> Option<(u64, Position)> {
    let mut rest = bytes.get(MAGIC.len()..HEAD_BYTES)?;
    let (name, start) = (rest.get_u64_le(), rest.get_u64_le());
    (bytes.get(..HEAD_BYTES)? == head(name, start)).then_some((name, start))
}

fn seal(block: &mut [u8], rows: usize) {
    let body = u32::try_from(block.len() - BLOCK_HEAD_BYTES).unwrap_or(u32::MAX);
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    for (at, number) in [(CHECKSUM_BYTES, body), (BLOCK_HEAD_BYTES - 4, rows)] {
        if let Some(place) = block.get_mut(at..at + 4) {
            place.copy_from_slice(&number.to_le_bytes());
        }
    }
    let checksum = crc32c::crc32c(block.get(CHECKSUM_BYTES..).unwrap_or_default());
    if let Some(place) = block.get_mut(..CHECKSUM_BYTES) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

fn begin(name: u64, number: u32) -> Vec<u8> {
    let mut block = Vec::with_capacity(FOOT_BYTES);
    block.put_u64_le(0);
    block.put_u64_le(name);
    block.put_u32_le(number);
    block.put_u32_le(0);
    block
}

/// The block `number` of the file `name`.
pub(super) fn block(name: u64, number: u32, rows: &[RawRow]) -> Vec<u8> {
    let mut block = begin(name, number);
    for (key, value) in rows {
        // Keys and values are bounded far below 4 GiB.
        block.put_u32_le(u32::try_from(key.len()).unwrap_or(u32::MAX));
        block.put_u32_le(u32::try_from(value.len()).unwrap_or(u32::MAX));
        block.put_slice(key);
        block.put_slice(value);
    }
    seal(&mut block, rows.len());
    block
}

/// The last block.
pub(super) fn foot(name: u64, number: u32, foot: Foot) -> Vec<u8> {
    let mut block = begin(name, number);
    block.put_u64_le(foot.end);
    block.put_u64_le(foot.rows);
    block.put_u64_le(foot.blocks);
    seal(&mut block, 0);
    block
}

/// The length of the body that the head of a block names. Nothing of it is checked.
pub(super) fn body_length(mut head: &[u8]) -> usize {
    if head.len() < BLOCK_HEAD_BYTES {
        return 0;
    }
    head.advance(CHECKSUM_BYTES);
    head.get_u32_le() as usize
}

/// A block, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    Rows(Vec<RawRow>),
    Foot(Foot),
}

/// Reads the whole block `bytes`, which must be `number` of the file `name`.
pub(super) fn read(bytes: &Bytes, name: u64, number: u32) -> Option<Block> {
    let mut head = bytes.get(..BLOCK_HEAD_BYTES)?;
    let checksum = head.get_u32_le();
    let length = head.get_u32_le() as usize;
    let found = (head.get_u64_le(), head.get_u32_le());
    let rows = head.get_u32_le();
    let covered = bytes.get(CHECKSUM_BYTES..BLOCK_HEAD_BYTES.checked_add(length)?)?;
    if found != (name, number) || crc32c::crc32c(covered) != checksum {
        return None;
    }
    let mut body = bytes.slice(BLOCK_HEAD_BYTES..BLOCK_HEAD_BYTES + length);
    if rows == 0 {
        let mut take = || body.try_get_u64_le().ok();
        let foot = Foot { end: take()?, rows: take()?, blocks: take()? };
        return body.is_empty().then_some(Block::Foot(foot));
    }
    let rows = (0..rows).map(|_| row(&mut body)).collect::<Option<Vec<_>>>()?;
    body.is_empty().then_some(Block::Rows(rows))
}

fn row(body: &mut Bytes) -> Option<RawRow> {
    let (key, value) = (body.try_get_u32_le().ok()? as usize, body.try_get_u32_le().ok()? as usize);
    if body.len() < key.checked_add(value)? {
        return None;
    }
    Some((body.split_to(key), body.split_to(value)))
}
