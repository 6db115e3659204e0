//! The index: sled, used for what it does well, and believed nothing that the log does not say too.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use crate::StorageError;
use crate::engine::{Position, RawRow};
use crate::keys::{Direction, RowRange};
use crate::shared::Table;
use crate::store::{Store, StoredTable};

/// sled overruns what it is told, so it is told little.
const CACHE_BYTES: u64 = 16 << 20;
/// Holds the position up to which commits were applied. No row's key begins with a zero.
const APPLIED: &[u8] = b"\0applied";

pub(crate) struct SledTable {
    /// There until it is dropped.
    db: Option<sled::Db>,
    path: PathBuf,
    /// Whether it failed once: what it holds since is not known.
    failed: AtomicBool,
}

fn failed(error: &sled::Error) -> StorageError {
    match error {
        sled::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => StorageError::DiskFull,
        other => StorageError::Index(other.to_string()),
    }
}

fn shared(bytes: sled::IVec) -> Bytes {
    Bytes::from_owner(bytes)
}

impl SledTable {
    /// Opens the index, or makes an empty one.
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        let io = |error| StorageError::io(path, error);
        fs::create_dir_all(path).map_err(io)?;
        sweep(path).map_err(io)?;
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        // Of some damage sled does not report but panics.
        let db = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| StorageError::Index("sled panicked while it opened".to_owned()))?
            .map_err(|error| failed(&error))?;
        Ok(Self { db: Some(db), path: path.to_owned(), failed: AtomicBool::new(false) })
    }

    fn guarded<A>(&self, work: impl FnOnce(&sled::Db) -> Result<A, sled::Error>) -> Result<A, StorageError> {
        let db = self.db.as_ref().filter(|_| !self.is_damaged());
        let db = db.ok_or_else(|| StorageError::Index("it failed before".to_owned()))?;
        // Of some damage sled does not report but panics.
        let done = catch_unwind(AssertUnwindSafe(|| work(db)))
            .map_err(|_| StorageError::Index("sled panicked".to_owned()))
            .and_then(|done| done.map_err(|error| failed(&error)));
        if done.is_err() {
            self.failed.store(true, Ordering::Release);
        }
        done
    }
}

impl Drop for SledTable {
    /// sled writes what it has not written when it is dropped, and waits for that without end when it has failed before.
    fn drop(&mut self) {
        if self.is_damaged() {
            std::mem::forget(self.db.take());
        }
    }
}

/// The folder of a [`SledTable`].
#[derive(Debug)]
pub(crate) struct SledStore(PathBuf);

impl SledStore {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

impl Store for SledStore {
    type Table = SledTable;

    fn open(&self) -> Result<SledTable, StorageError> {
        SledTable::open(&self.0)
    }

    fn remove(&self) -> Result<(), StorageError> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StorageError::io(&self.0, error)),
            _ => Ok(()),
        }
    }
}

impl StoredTable for SledTable {
    fn applied(&self) -> Result<Position, StorageError> {
        let Some(bytes) = self.guarded(|db| db.get(APPLIED))? else { return Ok(0) };
        let bytes = <[u8; 8]>::try_from(&*bytes);
        bytes.map(u64::from_be_bytes).map_err(|_| StorageError::Index("it holds no position".to_owned()))
    }

    fn flush(&self) -> Result<(), StorageError> {
        self.guarded(|db| db.flush()).map(|_| ())
    }

    /// sled's own flush does not sync, so each of its files is synced here.
    fn sync(&self) -> Result<(), StorageError> {
        self.flush()?;
        sync_tree(&self.path).map_err(|error| StorageError::io(&self.path, error))
    }

    fn is_damaged(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

/// A kill while sled opens can leave a file that makes every later open fail.
fn sweep(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("snap.") && name.to_string_lossy().ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            match fs::File::open(entry.path()) {
                Ok(file) => file.sync_all()?,
                // sled removes its own old files in a thread of its own.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    fs::File::open(path)?.sync_all()
}

impl Table for SledTable {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        Ok(self.guarded(|db| db.get(key))?.map(shared))
    }

    fn range(&self, range: &RowRange, direction: Direction, limit: usize) -> Result<Vec<RawRow>, StorageError> {
        self.guarded(|db| {
            let rows = db.range::<&[u8], _>(&range.from[..]..&range.to[..]);
            let row =
                |row: sled::Result<(sled::IVec, sled::IVec)>| row.map(|(key, value)| (shared(key), shared(value)));
            match direction {
                Direction::Forward => rows.take(limit).map(row).collect(),
                Direction::Backward => rows.rev().take(limit).map(row).collect(),
            }
        })
    }

    /// No batch of sled's: it would seal its buffer and wake all its threads, twice, and hold readers up meanwhile. What the index has after a kill is a
    /// prefix of what was written to it, so a position that is there has its rows, and rows without theirs are only written again.
    fn apply(&self, position: Position, rows: &BTreeMap<Bytes, Option<Bytes>>) -> Result<(), StorageError> {
        self.guarded(|db| {
            for (key, value) in rows {
                match value {
                    Some(value) => db.insert(&key[..], &value[..])?,
                    None => db.remove(&key[..])?,
                };
            }
            db.insert(APPLIED, &position.to_be_bytes()).map(|_| ())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kill_left_while_sled_opened_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        drop(SledTable::open(folder.path()).unwrap());
        let left = folder.path().join("snap.00000000000000A0.generating");
        fs::write(&left, b"half").unwrap();
        let table = SledTable::open(folder.path()).unwrap();
        assert!(!left.exists());
        assert_eq!(table.applied().unwrap(), 0);
    }

    #[test]
    fn the_applied_position_comes_with_the_rows() {
        let folder = tempfile::tempdir().unwrap();
        let key = Bytes::from_static(b"\x01key");
        let table = SledTable::open(folder.path()).unwrap();
        table.apply(7, &BTreeMap::from([(key.clone(), Some(Bytes::from_static(b"value")))])).unwrap();
        table.sync().unwrap();
        drop(table);
        let table = SledTable::open(folder.path()).unwrap();
        assert_eq!(table.applied().unwrap(), 7);
        assert_eq!(table.get(&key).unwrap().unwrap(), "value");
    }
}
