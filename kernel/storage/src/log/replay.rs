//! Reading the log back: frames behind a position, and where the log ends.
//!
//! INVARIANT (tail-rule): one frame is written at a time and the next only when it is synced, so only the last can be torn. A bad frame that a valid one
//! follows, and a gap in the positions, is damage and refused; a bad frame at the end was never answered, and is cut. A log that ends before a position
//! that something made from it knows of has lost what was answered: that is damage too, and nothing is cut.

use crate::StorageError;
use crate::engine::Position;
use crate::log::LogProgress;
use crate::log::chain::{Chain, Torn};
use crate::log::frame::Frame;
use crate::log::segment::Segment;

/// Where the log ends.
#[derive(Debug)]
pub(crate) struct End {
    /// The position of the last frame's last transaction, or the one given when there is no later frame.
    pub(crate) last: Position,
    /// The segment in which the next frame goes, and where in it; none when the log has no segment yet.
    pub(crate) current: Option<(Segment, u64)>,
    /// Segments made ahead.
    pub(crate) ready: Vec<Segment>,
    /// The same for those who watch the log.
    pub(crate) progress: LogProgress,
}

/// What must be in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach<'a> {
    /// Everything up to here is known already.
    pub(crate) applied: Position,
    /// The log goes on at least to here…
    pub(crate) known: Position,
    /// …as this knows.
    pub(crate) by: &'a str,
    /// Where the newest snapshot begins.
    pub(crate) snapshot: Position,
}

/// Gives `apply` each frame that holds transactions after what is applied with the bytes read so far, then cuts a torn tail.
///
/// # Errors
/// [`StorageError::Corrupt`] where frames are damaged or missing; what `apply` returned; errors of the disk.
pub(crate) fn replay(
    chain: Chain,
    reach: Reach<'_>,
    apply: impl FnMut(Frame, u64) -> Result<(), StorageError>,
) -> Result<End, StorageError> {
    let walked = chain.walk(reach.applied, apply)?;
    let last = walked.last;
    if last < reach.known {
        return Err(StorageError::corrupt(format!(
            "the log ends at position {last}, but {} is at {}: what was committed between is missing",
            reach.by, reach.known
        )));
    }
    for torn in &walked.torn {
        cut(&chain, *torn)?;
    }
    let (place, offset) = (walked.end.0, walked.end.1 as u64);
    let spare: u64 = chain.segments.iter().skip(place).map(|segment| segment.size).sum();
    let bytes = (chain.bytes_from(reach.snapshot) + offset).saturating_sub(spare);
    let progress = LogProgress::new(last, bytes, chain.firsts());
    let mut rest = chain.segments.into_iter().skip(place);
    let current = rest.next().map(|segment| (segment, offset));
    if let Some((segment, offset)) = &current {
        renew(segment, *offset, &walked.newest)?;
    }
    Ok(End { last, current, ready: rest.collect(), progress })
}

/// Zeroes the bytes of a torn frame.
fn cut(chain: &Chain, torn: Torn) -> Result<(), StorageError> {
    let Torn { index, offset, len } = torn;
    let Some(segment) = chain.segments.get(index) else { return Ok(()) };
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
