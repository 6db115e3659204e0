//! The commit log: segments of frames, one frame a batch, one sync a frame.

pub(crate) mod frame;
pub(crate) mod replay;
pub(crate) mod segment;
mod writer;

pub(crate) use writer::Log;

use std::sync::Arc;

use forecourt_base::limits::LOG_SEGMENT_BYTES;
use forecourt_base::{OsRandom, Random};

/// How the log is laid out.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The size of a segment. The first ones are smaller, so that a new folder is made at once.
    pub segment_bytes: usize,
    /// Whether the next segment is made by a thread of its own while the current one fills. Tests that count each operation on the disk turn it off.
    pub prepare_ahead: bool,
    /// Names segments, so that nobody can make up a frame of one.
    pub random: Arc<dyn Random>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { segment_bytes: LOG_SEGMENT_BYTES, prepare_ahead: true, random: Arc::new(OsRandom) }
    }
}
