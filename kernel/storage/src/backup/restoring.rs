//! Bringing a backup back.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::StorageError;
use crate::backup::Layout;
use crate::backup::copying::{Copier, sync_dirs};
use crate::backup::manifest::{Entry, Manifest};
use crate::engine::Position;
use crate::files::Files;
use crate::folder::{self, LOG_FOLDER, SNAPSHOT_FOLDER};
use crate::log::chain::Chain;
use crate::opening::Told;
use crate::snapshot::{self, read_rows};

/// The storage that is being restored, beside the one in use.
const SUFFIX_UNFINISHED: &str = "restoring";
/// The storage that was in use before.
const SUFFIX_OLD: &str = "before-restore";

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The position of the last commit in it.
    pub position: Position,
    /// Its files.
    pub files: usize,
    /// Where the storage that was there before lies now.
    pub old: Option<PathBuf>,
}

/// Puts the backup in `source` in the place of the stopped data folder `data`, made where it is missing. Every checksum is verified before anything is
/// changed. With `force` a storage that is there already is moved aside, else it is refused.
///
/// # Errors
/// [`StorageError::BadBackup`], [`StorageError::NotEmpty`], [`StorageError::InUse`] for the data folder, errors of the disk.
pub fn restore(
    source: &Path,
    data: &Path,
    layout: Layout<'_>,
    force: bool,
    files: &Arc<dyn Files>,
    told: &Told,
) -> Result<Restored, StorageError> {
    let files = &**files;
    let io = |error| StorageError::io(data, error);
    let manifest = Manifest::read(files, source)?;
    let storage = data.join(layout.storage);
    let is_there = files.list(&storage).is_ok_and(|names| !names.is_empty());
    if is_there && !force {
        return Err(StorageError::NotEmpty {
            folder: storage.display().to_string(),
            advice: "restore into another data folder, or use force to move this one aside",
        });
    }
    let _lock = is_there.then(|| folder::lock(&storage, files)).transpose()?;
    let unfinished = data.join(format!("{}.{SUFFIX_UNFINISHED}", layout.storage));
    files.create_dir(data).map_err(io)?;
    files.remove_dir_all(&unfinished).map_err(io)?;
    let paths: Vec<PathBuf> = manifest.files.iter().map(|entry| PathBuf::from(&entry.path)).collect();
    let (inner, beside): (Vec<&Entry>, Vec<&Entry>) =
        manifest.files.iter().partition(|entry| Path::new(&entry.path).starts_with(layout.storage));
    for made in [LOG_FOLDER, SNAPSHOT_FOLDER] {
        files.create_dir(&unfinished.join(made)).map_err(io)?;
    }
    let mut copier = Copier::new(files, told, source, &paths)?;
    let mut renamed: Vec<PathBuf> = Vec::new();
    for entry in inner {
        let path = Path::new(&entry.path);
        let new = path.strip_prefix(layout.storage).unwrap_or(path);
        let parent = new.parent().unwrap_or(new);
        if renamed.last().is_none_or(|last| last.parent() != Some(parent)) {
            files.create_dir(&unfinished.join(parent)).map_err(io)?;
        }
        check(source, entry, &copier.copy(source, &unfinished, path, Some(new))?)?;
        renamed.push(new.to_owned());
    }
    sync_dirs(files, &unfinished, &renamed)?;
    check_whole(files, source, &unfinished, manifest.position)?;
    for entry in beside {
        let path = Path::new(&entry.path);
        let new = PathBuf::from(format!("{}.{SUFFIX_UNFINISHED}", entry.path));
        check(source, entry, &copier.copy(source, data, path, Some(&new))?)?;
        files.rename(&data.join(new), &data.join(path)).map_err(io)?;
    }
    let old = put_in_place(files, data, &storage, &unfinished, is_there)?;
    Ok(Restored { position: manifest.position, files: paths.len(), old })
}

fn bad(source: &Path, detail: String) -> StorageError {
    StorageError::BadBackup { folder: source.display().to_string(), detail }
}

fn check(source: &Path, wanted: &Entry, found: &Entry) -> Result<(), StorageError> {
    if wanted.bytes != found.bytes {
        let detail = format!("`{}` has {} bytes, not the {} of its manifest", wanted.path, found.bytes, wanted.bytes);
        return Err(bad(source, detail));
    }
    if wanted.sha256 != found.sha256 {
        return Err(bad(source, format!("`{}` is damaged: its checksum is not that of its manifest", wanted.path)));
    }
    Ok(())
}

/// Whether what was copied can be opened: a snapshot file, every row of it, and the log from there to the last position.
fn check_whole(files: &dyn Files, source: &Path, storage: &Path, position: Position) -> Result<(), StorageError> {
    let damaged = |error| match error {
        StorageError::Corrupt { detail } => bad(source, detail),
        other => other,
    };
    let newest = snapshot::list(files, &storage.join(SNAPSHOT_FOLDER))?.into_iter().next();
    let newest = newest.ok_or_else(|| bad(source, "it has no snapshot file".to_owned()))?;
    let foot = read_rows(files, &newest.path, newest.start, |_, _| Ok(())).map_err(damaged)?;
    let chain = Chain::open(files, &storage.join(LOG_FOLDER)).map_err(damaged)?;
    let last = chain.walk(newest.start, |_, _| Ok(())).map_err(damaged)?.last;
    if last != position || last < foot.end {
        return Err(bad(source, format!("its log ends at position {last}, not at {position}")));
    }
    Ok(())
}

/// INVARIANT (old-or-new): one operation of the file system changes the storage.
fn put_in_place(
    files: &dyn Files,
    data: &Path,
    storage: &Path,
    unfinished: &Path,
    is_there: bool,
) -> Result<Option<PathBuf>, StorageError> {
    let io = |error| StorageError::io(data, error);
    if !is_there {
        files.rename(unfinished, storage).map_err(io)?;
        files.sync_dir(data).map_err(io)?;
        return Ok(None);
    }
    files.exchange(unfinished, storage).map_err(|error| match error.kind() {
        io::ErrorKind::Unsupported => StorageError::NotEmpty {
            folder: storage.display().to_string(),
            advice: "this file system cannot exchange folders: move it away by hand, then restore again",
        },
        _ => io(error),
    })?;
    files.sync_dir(data).map_err(io)?;
    let names = files.list(data).map_err(io)?;
    let name = storage.file_name().unwrap_or_default().to_string_lossy();
    let free = (1_u32..).map(|number| format!("{name}.{SUFFIX_OLD}-{number}")).find(|name| !names.contains(name));
    let old = data.join(free.unwrap_or_default());
    files.rename(unfinished, &old).map_err(io)?;
    files.sync_dir(data).map_err(io)?;
    Ok(Some(old))
}
