//! Reading the log back: frames behind a position, and where the log ends.
//!
//! INVARIANT (tail-rule): one frame is written at a time and the next only when it is synced, so only the last can be torn. A bad frame that a valid one
//! follows, and a gap in the positions, is damage and refused; a bad frame at the end was never answered, and is cut.

use std::path::Path;

use bytes::Bytes;

use crate::StorageError;
use crate::engine::Position;
use crate::files::{Files, read_all};
use crate::log::frame::{self, Frame, Parsed};
use crate::log::segment::{self, HEAD_BYTES, Segment};

/// Where the log ends.
#[derive(Debug)]
pub(crate) struct End {
    /// The position of the last frame's last transaction, or the one given when there is no later frame.
    pub(crate) last: Position,
    /// The segment in which the next frame goes, and where in it; none when the log has no segment yet.
    pub(crate) current: Option<(Segment, u64)>,
    /// Segments made ahead.
    pub(crate) ready: Vec<Segment>,
}

/// Reads the log, gives `apply` each frame that holds transactions after `applied`, cuts a torn tail.
///
/// # Errors
/// [`StorageError::Corrupt`] where frames are damaged or missing; what `apply` returned; errors of the disk.
pub(crate) fn replay(
    files: &dyn Files,
    folder: &Path,
    applied: Position,
    mut apply: impl FnMut(Frame) -> Result<(), StorageError>,
) -> Result<End, StorageError> {
    // A kernel that was killed may have named a segment and not synced its name.
    files.sync_dir(folder).map_err(|error| StorageError::io(folder, error))?;
    let segments = segment::list(files, folder)?
        .into_iter()
        .map(|number| Segment::open(files, folder, number))
        .collect::<Result<Vec<_>, _>>()?;
    let start = start(&segments, applied)?;
    let mut expected = None;
    let mut torn: Option<u64> = None;
    let mut end = (start, HEAD_BYTES);
    let mut newest = Bytes::new();
    for (index, segment) in segments.iter().enumerate().skip(start) {
        let bytes = Bytes::from(read_all(&*segment.file).map_err(|error| StorageError::io(&segment.path, error))?);
        let mut offset = HEAD_BYTES;
        while let Parsed::Frame(frame, len) = frame::parse(&bytes, offset, segment.name) {
            let (first, last) = (frame.first, frame.last());
            let wanted = expected.unwrap_or(if segment.number == 0 { 1 } else { first });
            if first != wanted || torn.is_some() {
                return Err(damaged(torn.unwrap_or(segment.number), wanted));
            }
            newest = bytes.slice(offset..offset + len);
            offset += len;
            end = (index, offset);
            expected = Some(last + 1);
            if last > applied {
                apply(frame)?;
            }
        }
        let tail = bytes.slice(offset..offset + written(bytes.get(offset..).unwrap_or_default()));
        if holds_frame(&tail, segment.name) {
            return Err(damaged(segment.number, expected.unwrap_or(applied + 1)));
        }
        if !tail.is_empty() {
            cut(segment, offset, tail.len())?;
            torn = Some(segment.number);
        }
    }
    let last = expected.map_or(applied, |next| next - 1);
    if last < applied || (expected.is_none() && applied > 0) {
        return Err(StorageError::corrupt(format!("the log ends at position {last}, but the index is at {applied}")));
    }
    let mut rest = segments.into_iter().skip(end.0);
    let current = rest.next().map(|segment| (segment, end.1 as u64));
    if let Some((segment, offset)) = &current {
        renew(segment, *offset, &newest)?;
    }
    Ok(End { last, current, ready: rest.collect() })
}

fn damaged(segment: u64, position: Position) -> StorageError {
    StorageError::corrupt(format!("log segment {segment} lacks position {position}, though later ones follow"))
}

/// The last segment that begins with a position already applied, so that what follows can be seen to join on; else the first.
fn start(segments: &[Segment], applied: Position) -> Result<usize, StorageError> {
    for (index, segment) in segments.iter().enumerate().rev() {
        if segment.first_position()?.is_some_and(|first| first <= applied) {
            return Ok(index);
        }
    }
    match segments.first() {
        Some(first) if first.number > 0 => Err(StorageError::corrupt(format!(
            "the log begins with segment {}, behind position {applied}",
            first.number
        ))),
        _ => Ok(0),
    }
}

/// The length of `bytes` up to the last that is not zero.
fn written(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    // Whole pieces are compared first: a segment is mostly zeros, and looking at each byte takes long.
    let blank =
        bytes.rchunks(ZEROS.len()).take_while(|piece| ZEROS.get(..piece.len()) == Some(piece)).map(<[u8]>::len).sum();
    let head = bytes.get(..bytes.len().saturating_sub(blank)).unwrap_or_default();
    head.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Whether a valid frame lies anywhere in `bytes`.
fn holds_frame(bytes: &Bytes, name: u64) -> bool {
    let words = name.to_le_bytes();
    (0..bytes.len()).step_by(frame::ALIGN_BYTES).any(|at| {
        // The name is looked at first, as the checksum of every place would take long.
        bytes.get(at + 8..at + 16) == Some(&words) && matches!(frame::parse(bytes, at, name), Parsed::Frame(..))
    })
}

/// Zeroes the `len` bytes of a torn frame.
fn cut(segment: &Segment, offset: usize, len: usize) -> Result<(), StorageError> {
    tracing::warn!(segment = segment.number, offset, len, "cutting a torn frame at the end of the log");
    write_synced(segment, &vec![0; len], offset as u64)
}

/// Writes the last frame again and syncs it. A kernel that was killed may have written it and not synced it, or tried to and failed, so that the system
/// holds it for clean though it is not on disk: before anyone reads it here, it must be.
fn renew(segment: &Segment, end: u64, frame: &[u8]) -> Result<(), StorageError> {
    if frame.is_empty() {
        return Ok(());
    }
    write_synced(segment, frame, end.saturating_sub(frame.len() as u64))
}

fn write_synced(segment: &Segment, bytes: &[u8], offset: u64) -> Result<(), StorageError> {
    let io = |error| StorageError::io(&segment.path, error);
    segment.file.write_at(bytes, offset).map_err(io)?;
    segment.file.sync_data().map_err(io)
}
