//! Files in memory that lose power, are killed, fail to sync and fill up when a test says so.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use forecourt_base::{Random, SeededRandom};

use super::{File, FileLock, Files};

/// Whole sectors are written or not; of a write that was not synced, any of them.
const SECTOR_BYTES: usize = 512;

/// How a machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The process is killed: what was written stays, synced or not.
    Killed,
    /// The power fails: what was synced stays, of the rest anything.
    PowerLost,
}

#[derive(Debug, Default, Clone)]
struct Node {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Clone)]
enum Naming {
    Set(PathBuf, usize),
    Gone(PathBuf),
}

impl Naming {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Set(path, _) | Self::Gone(path) => path.parent(),
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Set(path, node) => names.insert(path, node),
            Self::Gone(path) => names.remove(&path),
        };
    }
}

#[derive(Debug)]
struct Disk {
    nodes: Vec<Node>,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<Naming>,
    operations: u64,
    stop_at: Option<u64>,
    fail_sync: bool,
    full: bool,
    locked: bool,
    boot: u64,
    random: SeededRandom,
}

/// Files in memory.
#[derive(Debug, Clone)]
pub(crate) struct SimFiles(Arc<Mutex<Disk>>);

impl SimFiles {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Disk {
            nodes: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            operations: 0,
            stop_at: None,
            fail_sync: false,
            full: false,
            locked: false,
            boot: 1,
            random: SeededRandom::new(seed),
        })))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    /// The machine stops in the middle of the `operations`-th change from now.
    pub(crate) fn stop_in(&self, operations: u64) {
        let mut disk = self.disk();
        disk.stop_at = Some(disk.operations + operations);
    }

    pub(crate) fn fail_sync(&self, fail: bool) {
        self.disk().fail_sync = fail;
    }

    pub(crate) fn fill(&self, full: bool) {
        self.disk().full = full;
    }

    /// Whether the machine has stopped.
    pub(crate) fn stopped(&self) -> bool {
        self.disk().stopped()
    }

    /// Ends the machine and starts it again.
    pub(crate) fn restart(&self, ends: Ends) {
        let mut disk = self.disk();
        let disk = &mut *disk;
        disk.stop_at = None;
        disk.locked = false;
        if ends == Ends::Killed {
            return;
        }
        disk.boot += 1;
        for node in &mut disk.nodes {
            for (at, bytes) in node.unsynced.drain(..) {
                for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                    if disk.random.next_u64().is_multiple_of(2) {
                        put(&mut node.synced, at + index * SECTOR_BYTES, sector);
                    }
                }
            }
            node.now = node.synced.clone();
        }
        let kept = disk.random.next_u64() as usize % (disk.unsynced_names.len() + 1);
        for naming in disk.unsynced_names.drain(..).take(kept) {
            naming.apply(&mut disk.synced_names);
        }
        disk.names = disk.synced_names.clone();
    }

    /// Changes a byte of a file behind everyone's back.
    pub(crate) fn damage(&self, path: &Path, at: usize) {
        let mut disk = self.disk();
        let node = disk.names[path];
        disk.nodes[node].now[at] ^= 0x10;
        disk.nodes[node].synced[at] ^= 0x10;
    }

    /// A file's bytes.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let disk = self.disk();
        disk.nodes[disk.names[path]].now.clone()
    }
}

fn put(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if to.len() < at + bytes.len() {
        to.resize(at + bytes.len(), 0);
    }
    to[at..at + bytes.len()].copy_from_slice(bytes);
}

fn gone() -> io::Error {
    io::Error::other("the machine has stopped")
}

impl Disk {
    fn stopped(&self) -> bool {
        self.stop_at.is_some_and(|at| self.operations >= at)
    }

    fn check(&self) -> io::Result<()> {
        if self.stopped() { Err(gone()) } else { Ok(()) }
    }

    /// Counts a change; whether the machine stops in the middle of it.
    fn change(&mut self) -> io::Result<bool> {
        self.check()?;
        self.operations += 1;
        Ok(self.stopped())
    }

    fn node(&self, path: &Path) -> io::Result<usize> {
        self.check()?;
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn name(&mut self, naming: Naming) {
        naming.clone().apply(&mut self.names);
        self.unsynced_names.push(naming);
    }
}

#[derive(Debug)]
struct SimFile {
    files: SimFiles,
    node: usize,
}

impl File for SimFile {
    fn size(&self) -> io::Result<u64> {
        let disk = self.files.disk();
        disk.check()?;
        Ok(disk.nodes[self.node].now.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.files.disk();
        disk.check()?;
        let rest = disk.nodes[self.node].now.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = self.files.disk();
        let stops = disk.change()?;
        let full = disk.full;
        let at = offset as usize;
        let kept = if stops { disk.random.next_u64() as usize % (bytes.len() + 1) } else { bytes.len() };
        let node = &mut disk.nodes[self.node];
        let room = if full { node.now.len().saturating_sub(at) } else { usize::MAX };
        let written = &bytes[..kept.min(room)];
        put(&mut node.now, at, written);
        node.unsynced.push((at, written.to_vec()));
        match (stops, written.len() < bytes.len()) {
            (true, _) => Err(gone()),
            (false, true) => Err(io::ErrorKind::StorageFull.into()),
            (false, false) => Ok(()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.files.disk();
        if disk.change()? {
            return Err(gone());
        }
        if disk.fail_sync {
            return Err(io::Error::other("the disk does not sync"));
        }
        let node = &mut disk.nodes[self.node];
        node.synced = node.now.clone();
        node.unsynced.clear();
        Ok(())
    }
}

#[derive(Debug)]
struct SimLock(SimFiles);

impl FileLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.disk().locked = false;
    }
}

impl Files for SimFiles {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        self.disk().check()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk();
        if disk.change()? {
            return Err(gone());
        }
        if disk.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let node = disk.nodes.len();
        disk.nodes.push(Node::default());
        disk.name(Naming::Set(path.to_owned(), node));
        Ok(Box::new(SimFile { files: self.clone(), node }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let node = self.disk().node(path)?;
        Ok(Box::new(SimFile { files: self.clone(), node }))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let disk = self.disk();
        disk.check()?;
        let within = disk.names.keys().filter(|name| name.parent() == Some(path));
        Ok(within.filter_map(|name| Some(name.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let node = disk.node(from)?;
        if disk.change()? {
            return Err(gone());
        }
        disk.name(Naming::Set(to.to_owned(), node));
        disk.name(Naming::Gone(from.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.node(path)?;
        if disk.change()? {
            return Err(gone());
        }
        disk.name(Naming::Gone(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.change()? {
            return Err(gone());
        }
        let (synced, rest) =
            std::mem::take(&mut disk.unsynced_names).into_iter().partition(|naming| naming.folder() == Some(path));
        disk.unsynced_names = rest;
        let synced: Vec<Naming> = synced;
        for naming in synced {
            naming.apply(&mut disk.synced_names);
        }
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        let mut disk = self.disk();
        disk.check()?;
        if std::mem::replace(&mut disk.locked, true) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimLock(self.clone()))))
    }

    fn boot_id(&self) -> Option<String> {
        Some(self.disk().boot.to_string())
    }
}
