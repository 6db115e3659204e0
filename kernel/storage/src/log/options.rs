//! How the log and what is made from it are laid out.

use std::sync::Arc;
use std::time::Duration;

use forecourt_base::limits::{DISK_RESERVE_BYTES, LOG_SEGMENT_BYTES, LOG_SNAPSHOT_BYTES, SNAPSHOT_PAUSE_MS};
use forecourt_base::{OsRandom, Random};

use crate::opening::Told;

/// How the log is laid out, when snapshot files are made, and how much of the disk is left free.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The size of a segment. The first ones are smaller, so that a new folder is made at once.
    pub segment_bytes: usize,
    /// Whether the next segment is made by a thread of its own while the current one fills. Tests that count each operation on the disk turn it off.
    pub prepare_ahead: bool,
    /// Names segments and snapshot files, so that nobody can make up a frame or a block of one.
    pub random: Arc<dyn Random>,
    /// The log after which the next snapshot file is due, where the last one is not larger.
    pub snapshot_log_bytes: u64,
    /// Rows in one block of a snapshot file.
    pub snapshot_block_rows: usize,
    /// The rest after each block that is copied, so that commits and the memory that they free keep up.
    pub snapshot_pause: Duration,
    /// What commits leave free on the disk.
    pub disk_reserve_bytes: u64,
    /// Whom to tell how opening goes on, where it takes long.
    pub told: Told,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: LOG_SEGMENT_BYTES,
            prepare_ahead: true,
            random: Arc::new(OsRandom),
            snapshot_log_bytes: LOG_SNAPSHOT_BYTES as u64,
            snapshot_block_rows: 256,
            snapshot_pause: Duration::from_millis(SNAPSHOT_PAUSE_MS),
            disk_reserve_bytes: DISK_RESERVE_BYTES as u64,
            told: Told::nobody(),
        }
    }
}
