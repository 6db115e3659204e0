//! Reading a snapshot file, every checksum of it.

use std::path::Path;

use bytes::Bytes;

use crate::StorageError;
use crate::engine::{Position, RawRow};
use crate::files::{File, Files};
use crate::snapshot::block::{self, BLOCK_HEAD_BYTES, Block, FOOT_BYTES, HEAD_BYTES};

pub(crate) use crate::snapshot::block::Foot;

/// A block's bytes: more than any that is written, so that a damaged length is not taken at its word.
const BLOCK_BYTES_MAX: usize = 256 << 20;

/// Gives `each` the rows of every block with the bytes read so far.
///
/// # Errors
/// [`StorageError::Corrupt`] where a block is damaged or missing; what `each` returned; errors of the disk.
pub(crate) fn read_rows(
    files: &dyn Files,
    path: &Path,
    start: Position,
    mut each: impl FnMut(Vec<RawRow>, u64) -> Result<(), StorageError>,
) -> Result<Foot, StorageError> {
    let (file, size, name) = open(files, path, start)?;
    let mut at = HEAD_BYTES as u64;
    let (mut number, mut rows) = (0, 0);
    loop {
        let bytes = read_block(&*file, path, at)?;
        let block = block::read(&bytes, name, number)
            .ok_or_else(|| damaged(path, &format!("block {number} at byte {at} is damaged")))?;
        at += bytes.len() as u64;
        match block {
            Block::Rows(found) => {
                number += 1;
                rows += found.len() as u64;
                each(found, at)?;
            }
            Block::Foot(foot) if foot.rows == rows && foot.blocks == u64::from(number) && at == size => {
                return Ok(foot);
            }
            Block::Foot(_) => return Err(damaged(path, "its foot does not belong to its rows")),
        }
    }
}

/// The foot alone, which says up to where the log must go on.
///
/// # Errors
/// [`StorageError::Corrupt`] when head or foot is damaged; errors of the disk.
pub(crate) fn read_foot(files: &dyn Files, path: &Path, start: Position) -> Result<Foot, StorageError> {
    let (file, size, name) = open(files, path, start)?;
    let foot = || damaged(path, "its foot is damaged");
    let at = size.checked_sub(FOOT_BYTES as u64).ok_or_else(foot)?;
    let bytes = read(&*file, path, at, FOOT_BYTES)?;
    let number = bytes.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    match block::read(&bytes, name, number.unwrap_or_default()) {
        Some(Block::Foot(found)) => Ok(found),
        _ => Err(foot()),
    }
}

fn damaged(path: &Path, what: &str) -> StorageError {
    StorageError::corrupt(format!("snapshot file `{}`: {what}", path.display()))
}

fn open(files: &dyn Files, path: &Path, start: Position) -> Result<(Box<dyn File>, u64, u64), StorageError> {
    let io = |error| StorageError::io(path, error);
    let file = files.open(path).map_err(io)?;
    let size = file.size().map_err(io)?;
    let head = read(&*file, path, 0, HEAD_BYTES)?;
    match block::read_head(&head) {
        Some((name, found)) if found == start => Ok((file, size, name)),
        Some((_, found)) => Err(damaged(path, &format!("it begins at position {found}, its name says {start}"))),
        None => Err(damaged(path, "its head is damaged")),
    }
}

/// The bytes of the block at `at`, fewer where the file ends.
fn read_block(file: &dyn File, path: &Path, at: u64) -> Result<Bytes, StorageError> {
    let head = read(file, path, at, BLOCK_HEAD_BYTES)?;
    let length = block::body_length(&head);
    if length > BLOCK_BYTES_MAX {
        return Ok(head);
    }
    read(file, path, at, BLOCK_HEAD_BYTES + length)
}

/// Up to `len` bytes at `at`.
fn read(file: &dyn File, path: &Path, at: u64, len: usize) -> Result<Bytes, StorageError> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + filled as u64).map_err(|error| StorageError::io(path, error))? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes.into())
}
