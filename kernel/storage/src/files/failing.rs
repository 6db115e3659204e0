//! The operating system's files, of which one change fails, and all after it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{File, FileLock, Files, RealFiles};

/// Real files until a number of changes was made.
#[derive(Debug, Clone)]
pub(crate) struct FailingFiles(Arc<AtomicI64>);

#[derive(Debug)]
struct FailingFile(Box<dyn File>, FailingFiles);

impl FailingFiles {
    /// Files whose change number `change`, counted from 0, is the first that fails.
    pub(crate) fn at(change: i64) -> Self {
        Self(Arc::new(AtomicI64::new(change)))
    }

    /// Whether a change failed.
    pub(crate) fn failed(&self) -> bool {
        self.0.load(Ordering::SeqCst) < 0
    }

    fn change(&self) -> io::Result<()> {
        if self.0.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(io::Error::other("the disk failed"));
        }
        Ok(())
    }
}

impl File for FailingFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.1.change()?;
        self.0.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.change()?;
        self.0.sync_data()
    }

    fn forget_cached(&self) {
        self.0.forget_cached();
    }
}

impl Files for FailingFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        RealFiles.create_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.change()?;
        Ok(Box::new(FailingFile(RealFiles.create(path)?, self.clone())))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(FailingFile(RealFiles.open(path)?, self.clone())))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        RealFiles.list(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        RealFiles.rename(from, to)
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.change()?;
        RealFiles.exchange(one, other)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        RealFiles.remove_dir_all(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        RealFiles.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        RealFiles.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        RealFiles.lock(path)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        RealFiles.free_bytes(folder)
    }

    fn boot_id(&self) -> Option<String> {
        RealFiles.boot_id()
    }
}
