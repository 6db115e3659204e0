//! Blobs: files of any size beside the rows, each named by the SHA-256 of its bytes and kept apart for every store.
//!
//! A blob never changes, so nothing of it goes through the log: its bytes are written under another name, synced, given their own name, and the folder is
//! synced before [`Received::keep`] returns. Whoever then commits a row that names the blob knows that it is there.
//!
//! INVARIANT (whole-blobs): what lies under a blob's name has every byte of it, and survives a loss of power once `keep` has returned. What lies under
//! `incoming` belongs to nobody after a restart. This module knows no rows: which blobs are wanted is for its users to say, and to tell apart under [`Blobs::lock`].

mod id;
mod incoming;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use forecourt_base::Scope;
use tokio::sync::MutexGuard;

pub use id::{BlobId, BlobIdError};
pub use incoming::{Incoming, Received};

use crate::StorageError;
use crate::files::{File, Files, RealFiles};

const INCOMING: &str = "incoming";
/// The folder of what belongs to a group as a whole; no store is named so.
const WHOLE_GROUP: &str = "@";
const FOLDERS: u16 = 256;

/// The blobs of a data folder.
pub struct Blobs {
    folder: PathBuf,
    files: Arc<dyn Files>,
    reserve: u64,
    next: AtomicU64,
    /// Folders that were synced into those above them since the start.
    made: Mutex<HashSet<PathBuf>>,
    locks: Vec<tokio::sync::Mutex<()>>,
    /// Whether the folder goes with this value.
    temporary: bool,
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blobs({})", self.folder.display())
    }
}

impl Blobs {
    /// Opens the blobs in `folder`, made where it is missing; what was being received when the last kernel ended is removed. Writing leaves `reserve` bytes
    /// of the disk free.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open(folder: &Path, files: Arc<dyn Files>, reserve: u64) -> Result<Self, StorageError> {
        let io = |error| StorageError::io(folder, error);
        let incoming = folder.join(INCOMING);
        files.create_dir(&incoming).map_err(io)?;
        for name in files.list(&incoming).map_err(io)? {
            files.remove(&incoming.join(name)).map_err(io)?;
        }
        files.sync_dir(folder).map_err(io)?;
        if let Some(above) = folder.parent() {
            files.sync_dir(above).map_err(io)?;
        }
        let locks = (0..FOLDERS).map(|_| tokio::sync::Mutex::new(())).collect();
        let (next, made) = (AtomicU64::new(0), Mutex::default());
        Ok(Self { folder: folder.to_owned(), files, reserve, next, made, locks, temporary: false })
    }

    /// Blobs in a new private folder of the system's for temporary files, which goes when they are dropped.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn temporary() -> Result<Self, StorageError> {
        use std::os::unix::fs::DirBuilderExt;
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let name = format!("forecourt-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let folder = std::env::temp_dir().join(name);
            match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => {
                    let mut blobs = Self::open(&folder, Arc::new(RealFiles), 0)?;
                    blobs.temporary = true;
                    return Ok(blobs);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StorageError::io(&folder, error)),
            }
        }
    }

    /// Begins to receive a blob.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`], errors of the disk.
    pub fn receive(self: &Arc<Self>) -> Result<Incoming, StorageError> {
        self.check_room(0)?;
        let path = self.folder.join(INCOMING).join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        Incoming::begin(Arc::clone(self), path)
    }

    /// Keeps others from placing or removing the blob until the guard is dropped: whoever removes one must know that no row is about to name it.
    pub async fn lock(&self, id: BlobId) -> Option<MutexGuard<'_, ()>> {
        match self.locks.get(usize::from(id.first())) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }

    /// Opens a blob of a store, or of a group as a whole; none where there is no such blob.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open_blob(&self, scope: &Scope, id: BlobId) -> Result<Option<Box<dyn File>>, StorageError> {
        let path = self.path(scope, id);
        match self.files.open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io(&path, error)),
        }
    }

    /// Removes a blob; it may be missing. The caller holds its lock.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove(&self, scope: &Scope, id: BlobId) -> Result<(), StorageError> {
        let path = self.path(scope, id);
        match self.files.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StorageError::io(&path, error)),
            _ => Ok(()),
        }
    }

    /// The blobs of a scope whose first byte is `first`, in order. What has another name is none, and is left alone.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn list(&self, scope: &Scope, first: u8) -> Result<Vec<BlobId>, StorageError> {
        let folder = self.of_scope(scope).join(format!("{first:02x}"));
        match self.files.list(&folder) {
            Ok(names) => Ok(names.iter().filter_map(|name| name.parse().ok()).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(StorageError::io(&folder, error)),
        }
    }

    fn of_scope(&self, scope: &Scope) -> PathBuf {
        let store = scope.store.as_ref().map_or(WHOLE_GROUP, |store| store.as_str());
        self.folder.join(scope.group.as_str()).join(store)
    }

    fn path(&self, scope: &Scope, id: BlobId) -> PathBuf {
        self.of_scope(scope).join(format!("{:02x}", id.first())).join(id.to_string())
    }

    /// Makes the folder in which a blob goes, and syncs it into those above it.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if self.made.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) {
            return Ok(());
        }
        self.files.create_dir(folder)?;
        for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(&self.folder)) {
            self.files.sync_dir(above)?;
        }
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        Ok(())
    }

    fn check_room(&self, more: u64) -> Result<(), StorageError> {
        match self.files.free_bytes(&self.folder) {
            Ok(free) if free < self.reserve.saturating_add(more) => Err(StorageError::DiskFull),
            Ok(_) => Ok(()),
            Err(error) => Err(StorageError::io(&self.folder, error)),
        }
    }
}

/// The paths of all blobs in `folder`, which may be missing, from it on; what is being received is none of them.
pub(crate) fn paths(files: &dyn Files, folder: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let names = |path: &Path| match files.list(&folder.join(path)) {
        Ok(names) => Ok(names),
        // A file among the folders is nobody's.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(StorageError::io(folder, error)),
    };
    let mut level: Vec<PathBuf> =
        names(Path::new(""))?.into_iter().filter(|name| name != INCOMING).map(PathBuf::from).collect();
    for _ in 0..3 {
        let mut below = Vec::new();
        for path in &level {
            below.extend(names(path)?.into_iter().map(|name| path.join(name)));
        }
        level = below;
    }
    let is_blob = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<BlobId>().ok()).is_some();
    level.retain(is_blob);
    Ok(level)
}

impl Drop for Blobs {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = self.files.remove_dir_all(&self.folder)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "a temporary folder was not removed");
        }
    }
}

#[cfg(test)]
mod tests;
