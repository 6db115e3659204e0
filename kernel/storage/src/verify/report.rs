//! What was found.

use std::fmt;

/// Findings told one by one; of more, only how many.
const FINDINGS_TOLD: usize = 100;

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong and where.
    pub what: String,
    /// What to do.
    pub advice: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.advice)
    }
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Segments of the log.
    pub segments: u64,
    /// Frames in them.
    pub frames: u64,
    /// The position of the log's last commit.
    pub position: u64,
    /// Snapshot files that are whole.
    pub snapshots: u64,
    /// Rows in them.
    pub snapshot_rows: u64,
    /// Records.
    pub records: u64,
    /// Index entries of records.
    pub entries: u64,
    /// Chunks of large records.
    pub chunks: u64,
    /// Rows of the index that were held against the log.
    pub compared: u64,
    /// What is unusual and no damage.
    pub notes: Vec<String>,
    /// What is wrong, the first ones.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub findings_more: u64,
}

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }

    pub(crate) fn find(&mut self, what: String, advice: &'static str) {
        if self.findings.len() < FINDINGS_TOLD {
            self.findings.push(Finding { what, advice });
        } else {
            self.findings_more += 1;
        }
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}
