//! Writing frames.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::StorageError;
use crate::committer::{Batch, Journal};
use crate::files::Files;
use crate::health::Condition;
use crate::log::frame;
use crate::log::replay::End;
use crate::log::segment::{self, HEAD_BYTES, Segment};
use crate::log::{LogOptions, LogProgress};

/// A buffer up to this size is used again for the next frame.
const FRAME_KEPT_BYTES: usize = 4 << 20;
/// The room on the disk is looked at each time that this much was written.
const CLAIM_BYTES: u64 = 1 << 20;

/// The log at its end.
pub(crate) struct Log {
    maker: Arc<Maker>,
    current: Segment,
    offset: u64,
    ready: VecDeque<Segment>,
    making: Option<JoinHandle<Result<Segment, StorageError>>>,
    frame: Vec<u8>,
    progress: Arc<LogProgress>,
    /// Bytes written since the room on the disk was last looked at.
    unchecked: u64,
}

struct Maker {
    files: Arc<dyn Files>,
    folder: PathBuf,
    options: LogOptions,
    condition: Arc<Condition>,
}

impl Maker {
    fn make(&self, number: u64) -> Result<Segment, StorageError> {
        let bytes = segment::size(number, self.options.segment_bytes);
        self.condition.claim(bytes as u64)?;
        let made = Segment::create(&*self.files, &self.folder, number, self.options.random.next_u64(), bytes);
        made.map_err(|error| match error {
            StorageError::DiskFull => self.condition.refuse(bytes as u64),
            other => other,
        })
    }
}

impl Log {
    /// The log goes on where `end` says.
    pub(crate) fn open(
        files: Arc<dyn Files>,
        folder: PathBuf,
        options: LogOptions,
        condition: Arc<Condition>,
        end: End,
    ) -> Result<Self, StorageError> {
        let maker = Arc::new(Maker { files, folder, options, condition });
        let (current, offset) = match end.current {
            Some(current) => current,
            None => (maker.make(0)?, HEAD_BYTES as u64),
        };
        let (ready, progress) = (end.ready.into(), Arc::new(end.progress));
        let mut log =
            Self { maker, current, offset, ready, making: None, frame: Vec::new(), progress, unchecked: CLAIM_BYTES };
        log.make_ahead()?;
        Ok(log)
    }

    /// For those who watch the log.
    pub(crate) fn progress(&self) -> Arc<LogProgress> {
        Arc::clone(&self.progress)
    }

    fn next_number(&self) -> u64 {
        self.ready.back().unwrap_or(&self.current).number + 1
    }

    /// Has the next segment made while this one fills.
    fn make_ahead(&mut self) -> Result<(), StorageError> {
        if self.maker.options.prepare_ahead && self.ready.is_empty() && self.making.is_none() {
            let (maker, number) = (Arc::clone(&self.maker), self.next_number());
            let thread = std::thread::Builder::new().name("log-segment".to_owned()).spawn(move || maker.make(number));
            self.making = Some(thread.map_err(|error| StorageError::io(&self.maker.folder, error))?);
        }
        Ok(())
    }

    /// Takes the segment that is being made, waiting for it.
    fn take_made(&mut self) {
        let Some(making) = self.making.take() else { return };
        match making.join() {
            Ok(Ok(made)) => self.ready.push_back(made),
            Ok(Err(error)) => tracing::warn!(%error, "the next log segment was not made ahead"),
            Err(_) => tracing::error!("making a log segment panicked"),
        }
    }

    /// Goes on in the next segment.
    fn roll(&mut self) -> Result<(), StorageError> {
        self.take_made();
        let next = match self.ready.pop_front() {
            Some(next) => next,
            None => self.maker.make(self.next_number())?,
        };
        self.current = next;
        self.offset = HEAD_BYTES as u64;
        self.make_ahead()
    }

    /// A segment that could not be made ahead is made when it is needed, or tried again when there is news of room on the disk.
    fn check_ahead(&mut self) -> Result<(), StorageError> {
        if self.making.as_ref().is_some_and(JoinHandle::is_finished) {
            self.take_made();
        }
        if self.unchecked >= CLAIM_BYTES {
            self.make_ahead()?;
        }
        Ok(())
    }

    /// Makes sure of room on the disk before something is written: now and then, and always while there was none.
    fn claim(&mut self, bytes: usize) -> Result<(), StorageError> {
        self.maker.condition.recheck()?;
        self.unchecked += bytes as u64;
        if self.unchecked >= CLAIM_BYTES {
            self.maker.condition.claim(bytes as u64)?;
            self.unchecked = 0;
        }
        Ok(())
    }

    /// Takes back what a failed write may have left, so that it cannot be found after a restart. Where that fails too nobody knows, and the engine is poisoned.
    fn take_back(&self, bytes: usize) -> Result<(), StorageError> {
        let io = |error| StorageError::io(&self.current.path, error);
        self.current.file.write_at(&vec![0; bytes], self.offset).map_err(io)?;
        self.current.file.sync_data().map_err(io)
    }
}

impl Journal for Log {
    /// INVARIANT (durable-before-answer): the frame is synced when this returns.
    fn append(&mut self, batch: &Batch) -> Result<(), StorageError> {
        self.check_ahead()?;
        // A frame larger than a segment has one for itself, which grows.
        let mut frame = std::mem::take(&mut self.frame);
        frame::encode(batch, self.current.name, &mut frame);
        self.claim(frame.len())?;
        if self.offset > HEAD_BYTES as u64 && self.offset + frame.len() as u64 > self.current.size {
            self.roll()?;
            frame::encode(batch, self.current.name, &mut frame);
        }
        if let Err(error) = self.current.file.write_at(&frame, self.offset) {
            return Err(match (StorageError::io(&self.current.path, error), self.take_back(frame.len())) {
                (StorageError::DiskFull, Err(_)) => StorageError::Poisoned,
                (StorageError::DiskFull, Ok(())) => self.maker.condition.refuse(frame.len() as u64),
                (error, _) => error,
            });
        }
        self.current.file.sync_data().map_err(|error| match StorageError::io(&self.current.path, error) {
            // Whether a sync that failed for want of space has kept the frame is as unknown as with any other.
            StorageError::DiskFull => StorageError::Poisoned,
            other => other,
        })?;
        self.offset += frame.len() as u64;
        self.progress.note(self.current.number, batch.first, batch.last(), frame.len() as u64);
        if frame.capacity() <= FRAME_KEPT_BYTES {
            self.frame = frame;
        }
        Ok(())
    }

    fn poisoned(&mut self, reason: String) {
        self.maker.condition.poison(reason);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(making) = self.making.take() {
            let _ = making.join();
        }
    }
}
