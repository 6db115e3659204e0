//! Writing frames.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::StorageError;
use crate::committer::{Batch, Journal};
use crate::files::Files;
use crate::log::LogOptions;
use crate::log::frame;
use crate::log::replay::End;
use crate::log::segment::{self, HEAD_BYTES, Segment};

/// A buffer up to this size is used again for the next frame.
const FRAME_KEPT_BYTES: usize = 4 << 20;

/// The log at its end.
pub(crate) struct Log {
    maker: Arc<Maker>,
    current: Segment,
    offset: u64,
    ready: VecDeque<Segment>,
    making: Option<JoinHandle<Result<Segment, StorageError>>>,
    frame: Vec<u8>,
}

struct Maker {
    files: Arc<dyn Files>,
    folder: PathBuf,
    options: LogOptions,
}

impl Maker {
    fn make(&self, number: u64) -> Result<Segment, StorageError> {
        let bytes = segment::size(number, self.options.segment_bytes);
        Segment::create(&*self.files, &self.folder, number, self.options.random.next_u64(), bytes)
    }
}

impl Log {
    /// The log goes on where `end` says.
    pub(crate) fn open(
        files: Arc<dyn Files>,
        folder: PathBuf,
        options: LogOptions,
        end: End,
    ) -> Result<Self, StorageError> {
        let maker = Arc::new(Maker { files, folder, options });
        let (current, offset) = match end.current {
            Some(current) => current,
            None => (maker.make(0)?, HEAD_BYTES as u64),
        };
        let mut log = Self { maker, current, offset, ready: end.ready.into(), making: None, frame: Vec::new() };
        log.make_ahead()?;
        Ok(log)
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
    fn take_made(&mut self) -> Result<(), StorageError> {
        let Some(making) = self.making.take() else { return Ok(()) };
        let made =
            making.join().unwrap_or_else(|_| Err(StorageError::Index("making a log segment panicked".to_owned())));
        self.ready.push_back(made?);
        Ok(())
    }

    /// Goes on in the next segment.
    fn roll(&mut self) -> Result<(), StorageError> {
        self.take_made()?;
        let next = match self.ready.pop_front() {
            Some(next) => next,
            None => self.maker.make(self.next_number())?,
        };
        self.current = next;
        self.offset = HEAD_BYTES as u64;
        self.make_ahead()
    }

    /// A segment that could not be made stops the log while there is still some room on the disk for the index; each commit then tries again.
    fn check_ahead(&mut self) -> Result<(), StorageError> {
        if self.making.as_ref().is_some_and(JoinHandle::is_finished) {
            let made = self.take_made();
            if made.is_err() {
                self.make_ahead()?;
            }
            return made;
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
        if self.offset > HEAD_BYTES as u64 && self.offset + frame.len() as u64 > self.current.size {
            self.roll()?;
            frame::encode(batch, self.current.name, &mut frame);
        }
        if let Err(error) = self.current.file.write_at(&frame, self.offset) {
            return Err(match (StorageError::io(&self.current.path, error), self.take_back(frame.len())) {
                (StorageError::DiskFull, Err(_)) => StorageError::Poisoned,
                (error, _) => error,
            });
        }
        self.current.file.sync_data().map_err(|error| match StorageError::io(&self.current.path, error) {
            // Whether a sync that failed for want of space has kept the frame is as unknown as with any other.
            StorageError::DiskFull => StorageError::Poisoned,
            other => other,
        })?;
        self.offset += frame.len() as u64;
        if frame.capacity() <= FRAME_KEPT_BYTES {
            self.frame = frame;
        }
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(making) = self.making.take() {
            let _ = making.join();
        }
    }
}
