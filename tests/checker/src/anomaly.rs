//! What can be wrong, by name.

use std::fmt;

/// The kinds of anomalies, the most elementary first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// The history itself contradicts what it must be, so nothing can be said.
    Malformed,
    /// An element was read that nobody appended.
    FromNowhere,
    /// An element lies twice in one list.
    Duplicate,
    /// Two reads of one list cannot both be right.
    IncompatibleOrder,
    /// A transaction did not see what it had itself appended.
    OwnAppendMissing,
    /// G1a: what an aborted transaction appended was read.
    AbortedRead,
    /// G1b: a state in the midst of a transaction was read.
    IntermediateRead,
    /// What was told to be committed, or was read, is gone.
    LostAppend,
    /// G0: appends of two transactions lie among one another.
    DirtyWrite,
    /// G1c: transactions have read from one another in a circle.
    CircularInformation,
    /// G-single: a transaction has seen a part of another, or has appended to what it had not seen.
    ReadSkew,
    /// G2-item: transactions have each missed what another appended to a list that they read.
    WriteSkew,
    /// G2: as write skew, where a list that was missed did not exist when a range was read.
    Phantom,
    /// G-read-only: a transaction that only read has seen a state that no order explains, while the others alone could be ordered.
    ReadOnly,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed history",
            Self::FromNowhere => "element from nowhere",
            Self::Duplicate => "duplicate element",
            Self::IncompatibleOrder => "incompatible order",
            Self::OwnAppendMissing => "own append missing",
            Self::LostAppend => "lost append",
            Self::AbortedRead => "G1a (aborted read)",
            Self::IntermediateRead => "G1b (intermediate read)",
            Self::DirtyWrite => "G0 (dirty write)",
            Self::CircularInformation => "G1c (circular information flow)",
            Self::ReadSkew => "G-single (read skew)",
            Self::WriteSkew => "G2-item (write skew)",
            Self::Phantom => "G2 (phantom)",
            Self::ReadOnly => "G-read-only (read-only anomaly)",
        })
    }
}

/// Something wrong, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// Its kind.
    pub name: Name,
    /// Whether some order is possible, but none in which what ended before another began also comes before it.
    pub real_time: bool,
    /// The proof, for people: the shortest cycle found and its transactions, or the reads that contradict one another.
    pub text: String,
}

impl Anomaly {
    pub(crate) fn new(name: Name, text: String) -> Self {
        Self { name, real_time: false, text }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = if self.real_time { " in real time" } else { "" };
        write!(f, "{}{time}: {}", self.name, self.text)
    }
}
