//! Snapshot files: copies of the table from which, with the log, the index can be made anew.
//!
//! A copy is taken while commits go on, so its rows are of different moments. INVARIANT (fuzzy-copy): everything committed up to a snapshot's start is in
//! its rows, nothing in them was committed after its end, and the log goes on to the end. The log's rows are whole after-images, so applying all of them
//! from the start on leaves the state at any position from the end on, whatever moment a row was copied at.
//!
//! INVARIANT (two-ways-back): a segment of the log is removed only when `SNAPSHOTS_KEPT` snapshot files that begin behind it are on disk and were read back.

mod block;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod keeper;
mod reader;
mod writer;

pub(crate) use keeper::{Due, Keeper};
pub(crate) use reader::{Foot, read_foot, read_rows};
pub(crate) use writer::Copy;

use std::path::{Path, PathBuf};

use crate::StorageError;
use crate::engine::Position;
use crate::files::Files;

const SUFFIX: &str = ".snap";
const SUFFIX_UNFINISHED: &str = ".new";
/// What was found damaged; it is kept until the next snapshot file is made, and never read again.
const SUFFIX_DAMAGED: &str = ".damaged";

/// A snapshot file that has its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotFile {
    /// The position from which the log must be applied.
    pub(crate) start: Position,
    pub(crate) path: PathBuf,
}

fn file_name(start: Position) -> String {
    format!("{start:016x}{SUFFIX}")
}

/// The snapshot files in a folder, the newest first.
pub(crate) fn list(files: &dyn Files, folder: &Path) -> Result<Vec<SnapshotFile>, StorageError> {
    let names = files.list(folder).map_err(|error| StorageError::io(folder, error))?;
    let file = |name: &String| {
        let start = Position::from_str_radix(name.strip_suffix(SUFFIX)?, 16).ok()?;
        Some(SnapshotFile { start, path: folder.join(name) })
    };
    let mut found: Vec<SnapshotFile> = names.iter().filter_map(file).collect();
    found.sort_by_key(|file| std::cmp::Reverse(file.start));
    Ok(found)
}

/// Removes what was left unfinished, or `damaged` too.
pub(crate) fn sweep(files: &dyn Files, folder: &Path, damaged: bool) -> Result<(), StorageError> {
    let io = |error| StorageError::io(folder, error);
    for name in files.list(folder).map_err(io)? {
        if name.ends_with(SUFFIX_UNFINISHED) || damaged && name.ends_with(SUFFIX_DAMAGED) {
            files.remove(&folder.join(name)).map_err(io)?;
        }
    }
    Ok(())
}

/// Takes a damaged file out of use.
pub(crate) fn set_aside(files: &dyn Files, file: &SnapshotFile) -> Result<(), StorageError> {
    let io = |error| StorageError::io(&file.path, error);
    files.rename(&file.path, &file.path.with_extension("damaged")).map_err(io)?;
    files.sync_dir(file.path.parent().unwrap_or(&file.path)).map_err(io)
}

#[cfg(test)]
mod tests;
