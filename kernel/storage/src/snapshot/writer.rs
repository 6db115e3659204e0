//! Writing a snapshot file.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::StorageError;
use crate::engine::Position;
use crate::files::{File, Files};
use crate::keys::{self, Direction, RowRange, successor};
use crate::shared::Table;
use crate::snapshot::block::{self, Foot};
use crate::snapshot::reader::read_rows;
use crate::snapshot::{SUFFIX_UNFINISHED, SnapshotFile, file_name};

/// The file is synced each time that this much was written, so that commits to the log never wait for much of it.
const SYNC_BYTES: u64 = 4 << 20;

/// A snapshot file that is being written. It has its final name only when all of it was read back.
pub(crate) struct Copy<'a> {
    files: &'a dyn Files,
    folder: &'a Path,
    file: Box<dyn File>,
    unfinished: PathBuf,
    name: u64,
    start: Position,
    from: Bytes,
    at: u64,
    synced: u64,
    number: u32,
    rows: u64,
}

impl<'a> Copy<'a> {
    /// Begins a copy of a table to which everything up to `start` was applied. `name` tells its blocks from those of all others.
    pub(crate) fn begin(
        files: &'a dyn Files,
        folder: &'a Path,
        name: u64,
        start: Position,
    ) -> Result<Self, StorageError> {
        let unfinished = folder.join(format!("{start:016x}{SUFFIX_UNFINISHED}"));
        let file = files.create(&unfinished).map_err(|error| StorageError::io(&unfinished, error))?;
        let from = keys::all_rows().from;
        let mut copy =
            Self { files, folder, file, unfinished, name, start, from, at: 0, synced: 0, number: 0, rows: 0 };
        match copy.write(&block::head(name, start)) {
            Ok(()) => Ok(copy),
            Err(error) => Err(copy.abandon(error)),
        }
    }

    /// Removes the file after `error`, which is given back.
    pub(crate) fn abandon(self, error: StorageError) -> StorageError {
        let _ = self.files.remove(&self.unfinished);
        error
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let io = |error| StorageError::io(&self.unfinished, error);
        self.file.write_at(bytes, self.at).map_err(io)?;
        self.at += bytes.len() as u64;
        if self.at - self.synced >= SYNC_BYTES {
            self.file.sync_data().map_err(io)?;
            self.synced = self.at;
        }
        Ok(())
    }

    /// The bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.at
    }

    /// Copies the next rows, at most `rows_max`; false when there are no more.
    pub(crate) fn block<T: Table>(&mut self, table: &T, rows_max: usize) -> Result<bool, StorageError> {
        let range = RowRange { from: self.from.clone(), to: keys::all_rows().to };
        let rows = table.range(&range, Direction::Forward, rows_max)?;
        let Some((last, _)) = rows.last() else { return Ok(false) };
        self.from = successor(last);
        self.write(&block::block(self.name, self.number, &rows))?;
        self.number += 1;
        self.rows += rows.len() as u64;
        Ok(true)
    }

    /// Ends the file: nothing that was copied was committed after `end`, to which the log goes on.
    pub(crate) fn finish(mut self, end: Position) -> Result<SnapshotFile, StorageError> {
        match self.end(end) {
            Ok(file) => Ok(file),
            Err(error) => Err(self.abandon(error)),
        }
    }

    fn end(&mut self, end: Position) -> Result<SnapshotFile, StorageError> {
        let foot = Foot { end, rows: self.rows, blocks: u64::from(self.number) };
        self.write(&block::foot(self.name, self.number, foot))?;
        let io = |error| StorageError::io(&self.unfinished, error);
        self.file.sync_data().map_err(io)?;
        self.file.forget_cached();
        read_rows(self.files, &self.unfinished, self.start, |_, _| Ok(()))?;
        let path = self.folder.join(file_name(self.start));
        self.files.rename(&self.unfinished, &path).map_err(io)?;
        self.files.sync_dir(self.folder).map_err(io)?;
        Ok(SnapshotFile { start: self.start, path })
    }
}
