//! Backups of a stopped data folder: its format, the newest snapshot file, the log from there on, the blobs, and what lies beside.
//!
//! INVARIANT (whole-backup): a backup has a manifest only when every file that it names is in it and on disk. INVARIANT (old-or-new): a restore that is
//! interrupted leaves the old storage or the new one in its place, never a mixture; the old one is moved aside, not removed.

mod copying;
mod manifest;
mod restoring;

pub use restoring::{Restored, restore};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::StorageError;
use crate::backup::copying::{Copier, sync_dirs};
use crate::backup::manifest::Manifest;
use crate::blobs;
use crate::engine::Position;
use crate::files::Files;
use crate::folder::{FORMAT_FILE, Folder, LOG_FOLDER, SNAPSHOT_FOLDER};
use crate::log::LogOptions;
use crate::log::chain::Chain;
use crate::log_engine::Opened;
use crate::sled_store::SledStore;
use crate::snapshot::{self, SnapshotFile};
use crate::store::StoredTable;

/// What lies where in a data folder.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// The name of the storage folder in the data folder.
    pub storage: &'a str,
    /// The names of files beside it that belong to a backup; they may be missing.
    pub beside: &'a [&'a str],
}

impl Layout<'_> {
    /// The name of the folder of blobs in the storage folder.
    pub const BLOBS: &'static str = "files";
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackedUp {
    /// The position of the last commit in it.
    pub position: Position,
    /// Its files, the manifest left out.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Copies a stopped data folder into the folder `target`, made where it is missing. The folder is first brought into order as at a start; where it has no
/// snapshot file, or much log since the last, one is made.
///
/// # Errors
/// [`StorageError::InUse`], [`StorageError::NotEmpty`] for the target, what opening the folder may answer, errors of the disk.
pub fn backup(
    data: &Path,
    layout: Layout<'_>,
    target: &Path,
    files: &Arc<dyn Files>,
    options: LogOptions,
) -> Result<BackedUp, StorageError> {
    let io = |error| StorageError::io(target, error);
    if files.list(target).is_ok_and(|names| !names.is_empty()) {
        return Err(StorageError::NotEmpty {
            folder: target.display().to_string(),
            advice: "name a folder that is empty or missing for the backup",
        });
    }
    let told = options.told.clone();
    let folder = Folder::open_existing(&data.join(layout.storage), Arc::clone(files))?;
    let (folder, newest, position) = settle(folder, options)?;
    let chain = Chain::open(&**files, &folder.log())?;
    let first = chain.start(newest.start).unwrap_or(0);
    let last = chain.walk(newest.start, |_, _| Ok(()))?.end.0;
    let (storage, snapshots, log) = (Path::new(layout.storage), Path::new(SNAPSHOT_FOLDER), Path::new(LOG_FOLDER));
    let mut paths = vec![storage.join(FORMAT_FILE)];
    paths.push(storage.join(snapshots).join(newest.path.file_name().unwrap_or_default()));
    let segments = chain.segments.iter().take(last + 1).skip(first);
    paths.extend(segments.map(|segment| storage.join(log).join(segment.path.file_name().unwrap_or_default())));
    paths.extend(layout.beside.iter().map(PathBuf::from).filter(|path| files.open(&data.join(path)).is_ok()));
    let blobs = storage.join(Layout::BLOBS);
    paths.extend(blobs::paths(&**files, &data.join(&blobs))?.iter().map(|path| blobs.join(path)));
    let parents: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    for made in [storage, &storage.join(snapshots), &storage.join(log)].into_iter().chain(parents) {
        files.create_dir(&target.join(made)).map_err(io)?;
    }
    let mut copier = Copier::new(&**files, &told, data, &paths)?;
    let copied = paths.iter().map(|path| copier.copy(data, target, path, None)).collect::<Result<Vec<_>, _>>()?;
    sync_dirs(&**files, target, &paths)?;
    let bytes = copied.iter().map(|file| file.bytes).sum();
    // INVARIANT (whole-backup)
    Manifest::new(position, copied).write(&**files, target)?;
    Ok(BackedUp { position, files: paths.len(), bytes })
}

/// Opens the folder as a kernel does, so that its log ends where its index does, and has a snapshot file made where one is wanted.
fn settle(folder: Folder, options: LogOptions) -> Result<(Arc<Folder>, SnapshotFile, Position), StorageError> {
    let store = SledStore::new(folder.index());
    let Opened { folder, shared, log, keeper, .. } = Opened::open(folder, &store, options)?;
    let files = &**folder.files();
    if keeper.due.is_now() || snapshot::list(files, &folder.snapshots())?.is_empty() {
        keeper.make(|| true)?;
        keeper.tidy()?;
    }
    drop((keeper, log));
    shared.table.sync()?;
    folder.set_stopped()?;
    let newest = snapshot::list(files, &folder.snapshots())?.into_iter().next();
    let newest = newest.ok_or_else(|| StorageError::corrupt("a snapshot file that was just made is gone"))?;
    Ok((folder, newest, shared.active.published()))
}

#[cfg(test)]
mod tests;
