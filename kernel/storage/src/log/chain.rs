//! The segments of a log, opened and in order; reading them changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;

use crate::StorageError;
use crate::engine::Position;
use crate::files::{Files, read_all};
use crate::log::frame::{self, Frame, Parsed};
use crate::log::segment::{self, HEAD_BYTES, Segment};

/// The segments that follow one another.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) segments: Vec<Segment>,
    firsts: Vec<Option<Position>>,
}

/// Bytes behind the last frame of a segment that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Torn {
    /// The segment's place in the chain.
    pub(crate) index: usize,
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Walked {
    /// The position of the last frame's last transaction, or the one from which was read.
    pub(crate) last: Position,
    /// The place in the chain of the segment in which the next frame goes, and where in it.
    pub(crate) end: (usize, usize),
    /// The last frame's bytes.
    pub(crate) newest: Bytes,
    pub(crate) frames: u64,
    pub(crate) torn: Vec<Torn>,
}

impl Chain {
    /// Opens what lies in `folder`.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when a segment is missing between others or has no valid head; errors of the disk.
    pub(crate) fn open(files: &dyn Files, folder: &Path) -> Result<Self, StorageError> {
        let segments = segment::list(files, folder)?
            .into_iter()
            .map(|number| Segment::open(files, folder, number))
            .collect::<Result<Vec<_>, _>>()?;
        let firsts = segments.iter().map(Segment::first_position).collect::<Result<_, _>>()?;
        Ok(Self { segments, firsts })
    }

    /// The place in the chain from which someone who has everything up to `position` reads on: the last segment that begins no later, so that what
    /// follows is seen to join on. None when the log begins behind that.
    pub(crate) fn start(&self, position: Position) -> Option<usize> {
        let begun = self.firsts.iter().rposition(|first| first.is_some_and(|first| first <= position));
        let reaches = || match (self.segments.first(), self.firsts.first()) {
            (Some(segment), _) if segment.number == 0 => true,
            (Some(_), Some(first)) => *first == Some(position + 1),
            _ => position == 0,
        };
        begun.or_else(|| reaches().then_some(0))
    }

    /// Where the log begins, in words.
    pub(crate) fn beginning(&self) -> String {
        match (self.segments.first(), self.firsts.first()) {
            (Some(_), Some(Some(first))) => format!("the log begins at position {first}"),
            (Some(segment), _) => {
                format!("the first log segment, {}, holds no whole frame", segment.path.display())
            }
            _ => "there is no log".to_owned(),
        }
    }

    /// The first position of each segment that has one, by its number.
    pub(crate) fn firsts(&self) -> BTreeMap<u64, Position> {
        let both = self.segments.iter().zip(&self.firsts);
        both.filter_map(|(segment, first)| Some((segment.number, (*first)?))).collect()
    }

    /// The bytes of the segments from that on in which `position` lies.
    pub(crate) fn bytes_from(&self, position: Position) -> u64 {
        let skipped = self.start(position).unwrap_or(0);
        self.segments.iter().skip(skipped).map(|segment| segment.size).sum()
    }

    /// Gives `each` the frames that hold transactions after `applied`, with the bytes read so far.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] where a frame is damaged or missing that others follow, or the log begins too late; what `each` returned.
    pub(crate) fn walk(
        &self,
        applied: Position,
        mut each: impl FnMut(Frame, u64) -> Result<(), StorageError>,
    ) -> Result<Walked, StorageError> {
        let start = self.start(applied).ok_or_else(|| {
            StorageError::corrupt(format!("{}, so what follows position {applied} is missing", self.beginning()))
        })?;
        let mut walked =
            Walked { last: applied, end: (start, HEAD_BYTES), newest: Bytes::new(), frames: 0, torn: Vec::new() };
        let mut expected = None;
        let mut read = 0;
        for (index, segment) in self.segments.iter().enumerate().skip(start) {
            let bytes = Bytes::from(read_all(&*segment.file).map_err(|error| StorageError::io(&segment.path, error))?);
            let mut offset = HEAD_BYTES;
            while let Parsed::Frame(frame, len) = frame::parse(&bytes, offset, segment.name) {
                let wanted = expected.unwrap_or(if segment.number == 0 { 1 } else { frame.first });
                if frame.first != wanted || !walked.torn.is_empty() {
                    let number = walked.torn.first().map_or(segment.number, |torn| self.number(torn.index));
                    return Err(damaged(number, wanted));
                }
                walked.newest = bytes.slice(offset..offset + len);
                walked.frames += 1;
                offset += len;
                walked.end = (index, offset);
                expected = Some(frame.last() + 1);
                if frame.last() > applied {
                    each(frame, read + offset as u64)?;
                }
            }
            read += segment.size;
            let tail = bytes.slice(offset..offset + written(bytes.get(offset..).unwrap_or_default()));
            if holds_frame(&tail, segment.name) {
                return Err(damaged(segment.number, expected.unwrap_or(applied + 1)));
            }
            if !tail.is_empty() {
                walked.torn.push(Torn { index, offset, len: tail.len() });
            }
        }
        if let Some(next) = expected {
            walked.last = next - 1;
        } else if applied > 0 {
            walked.last = 0;
        }
        Ok(walked)
    }

    pub(crate) fn number(&self, index: usize) -> u64 {
        self.segments.get(index).map_or(0, |segment| segment.number)
    }
}

fn damaged(segment: u64, position: Position) -> StorageError {
    StorageError::corrupt(format!("log segment {segment} lacks position {position}, though later ones follow"))
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
