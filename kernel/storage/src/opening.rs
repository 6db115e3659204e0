//! How far the opening of a folder has come.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Not told more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// What long work goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A snapshot file is read into a new index.
    LoadingSnapshot,
    /// The log is read and applied to the index.
    ReadingLog,
    /// Rows of two tables are held against one another.
    Comparing,
    /// Files are copied.
    Copying,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoadingSnapshot => "loading the snapshot file",
            Self::ReadingLog => "reading the log",
            Self::Comparing => "comparing rows",
            Self::Copying => "copying files",
        })
    }
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// What goes on.
    pub work: Work,
    /// Of a hundred, how much is done.
    pub percent: u8,
    /// Rows so far; files where files are copied.
    pub rows: u64,
    /// Seconds since it began.
    pub seconds: u64,
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { work, percent, rows, seconds } = self;
        write!(f, "{work}: {percent} %, {rows} so far, {seconds} s")
    }
}

/// Whom to tell, at most once a second.
#[derive(Clone)]
pub struct Told(Arc<dyn Fn(Opening) + Send + Sync>);

impl Told {
    /// Tells by a call of `hear`.
    pub fn by(hear: impl Fn(Opening) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    /// Tells the log of the program alone.
    #[must_use]
    pub fn nobody() -> Self {
        Self::by(|_| {})
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// One piece of long work under way.
pub(crate) struct Meter {
    told: Told,
    work: Work,
    began: Instant,
    next: Duration,
    of: u64,
}

impl Meter {
    /// Work of `of` bytes begins.
    pub(crate) fn begin(told: &Told, work: Work, of: u64) -> Self {
        Self { told: told.clone(), work, began: Instant::now(), next: PAUSE, of }
    }

    /// Tells, when it is time again, that `done` bytes are done.
    pub(crate) fn at(&mut self, done: u64, rows: u64) {
        let elapsed = self.began.elapsed();
        if elapsed >= self.next {
            self.next = elapsed + PAUSE;
            self.tell(done, rows);
        }
    }

    /// Tells that all is done.
    pub(crate) fn end(&self, rows: u64) {
        self.tell(self.of, rows);
    }

    fn tell(&self, done: u64, rows: u64) {
        let percent = (done.min(self.of) * 100).checked_div(self.of).unwrap_or(100);
        let percent = u8::try_from(percent).unwrap_or(100);
        let opening = Opening { work: self.work, percent, rows, seconds: self.began.elapsed().as_secs() };
        tracing::info!(work = %self.work, percent, rows, seconds = opening.seconds, "working on stored data");
        (self.told.0)(opening);
    }
}
