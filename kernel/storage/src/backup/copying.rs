//! Copying files, their checksums taken on the way.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::StorageError;
use crate::backup::manifest::Entry;
use crate::files::Files;
use crate::opening::{Meter, Told, Work};

const PIECE_BYTES: usize = 1 << 20;

/// Copies files and tells how far it has come.
pub(super) struct Copier<'a> {
    files: &'a dyn Files,
    meter: Meter,
    done: u64,
    count: u64,
}

impl<'a> Copier<'a> {
    /// `paths` lie in `from`.
    pub(super) fn new(files: &'a dyn Files, told: &Told, from: &Path, paths: &[PathBuf]) -> Result<Self, StorageError> {
        let mut total = 0;
        for path in paths {
            let path = from.join(path);
            let size = files.open(&path).and_then(|file| file.size());
            total += size.map_err(|error| StorageError::io(&path, error))?;
        }
        Ok(Self { files, meter: Meter::begin(told, Work::Copying, total), done: 0, count: 0 })
    }

    /// Copies `path` from one folder to another, or under the name `renamed` there, and syncs it.
    pub(super) fn copy(
        &mut self,
        from: &Path,
        to: &Path,
        path: &Path,
        renamed: Option<&Path>,
    ) -> Result<Entry, StorageError> {
        let (source, target) = (from.join(path), to.join(renamed.unwrap_or(path)));
        let read_failed = |error| StorageError::io(&source, error);
        let write_failed = |error| StorageError::io(&target, error);
        let read = self.files.open(&source).map_err(read_failed)?;
        let written = self.files.create(&target).map_err(write_failed)?;
        let mut digest = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES];
        let mut at = 0;
        loop {
            let length = read.read_at(&mut piece, at).map_err(read_failed)?;
            let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            digest.update(bytes);
            written.write_at(bytes, at).map_err(write_failed)?;
            at += length as u64;
            self.done += length as u64;
            self.meter.at(self.done, self.count);
        }
        written.sync_data().map_err(write_failed)?;
        self.count += 1;
        let path = path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        Ok(Entry { path, bytes: at, sha256: hex(&digest.finalize()) })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Syncs the folders in `root` in which the paths lie, the innermost first, then `root` and the one in which it lies.
pub(super) fn sync_dirs(files: &dyn Files, root: &Path, paths: &[PathBuf]) -> Result<(), StorageError> {
    let dirs: BTreeSet<&Path> = paths.iter().flat_map(|path| path.ancestors().skip(1)).collect();
    let above = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dirs = dirs.into_iter().rev().map(|dir| root.join(dir));
    for dir in dirs.chain([above.to_owned()]) {
        files.sync_dir(&dir).map_err(|error| StorageError::io(&dir, error))?;
    }
    Ok(())
}
