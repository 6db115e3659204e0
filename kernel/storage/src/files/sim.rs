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

/// What one operation does instead of succeeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails; a write is done in part, a sync leaves the system in the belief that all is clean.
    Error,
    /// The disk has no room for it; a write is done in part, or but for what nobody would miss.
    Full,
}

/// Bytes are shared between a disk and its images until either writes.
#[derive(Debug, Default, Clone)]
struct Node {
    now: Arc<Vec<u8>>,
    synced: Arc<Vec<u8>>,
    unsynced: Vec<(usize, Arc<Vec<u8>>)>,
}

impl Node {
    /// A failed sync: of what was written any part is on disk, and the system does not write the rest again.
    fn lose(&mut self, random: &SeededRandom) {
        for (at, bytes) in std::mem::take(&mut self.unsynced) {
            for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                if random.next_u64().is_multiple_of(2) {
                    put(Arc::make_mut(&mut self.synced), at + index * SECTOR_BYTES, sector);
                }
            }
        }
    }

    fn sync(&mut self) {
        for (at, bytes) in std::mem::take(&mut self.unsynced) {
            put(Arc::make_mut(&mut self.synced), at, &bytes);
        }
    }
}

type Names = BTreeMap<PathBuf, usize>;

#[derive(Debug, Clone)]
enum Naming {
    Set(PathBuf, usize),
    Moved(PathBuf, PathBuf, usize),
    Gone(PathBuf),
}

impl Naming {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Set(path, _) | Self::Moved(_, path, _) | Self::Gone(path) => path.parent(),
        }
    }

    fn apply(self, names: &mut Arc<Names>) {
        let names = Arc::make_mut(names);
        match self {
            Self::Set(path, node) => drop(names.insert(path, node)),
            Self::Moved(from, to, node) => {
                names.remove(&from);
                names.insert(to, node);
            }
            Self::Gone(path) => drop(names.remove(&path)),
        }
    }
}

#[derive(Debug)]
struct Disk {
    nodes: Vec<Arc<Node>>,
    names: Arc<Names>,
    synced_names: Arc<Names>,
    unsynced_names: Vec<Naming>,
    operations: u64,
    stop_at: Option<u64>,
    fault: Option<(u64, Fault)>,
    fail_sync: bool,
    full: bool,
    locked: bool,
    boot: u64,
    random: SeededRandom,
    /// Copies of the disk in the middle and at the end of each change, when they are wanted.
    images: Option<Vec<SimFiles>>,
}

/// Files in memory.
#[derive(Debug, Clone)]
pub(crate) struct SimFiles(Arc<Mutex<Disk>>);

impl SimFiles {
    pub(crate) fn new(seed: u64) -> Self {
        Self::of(Disk {
            nodes: Vec::new(),
            names: Arc::default(),
            synced_names: Arc::default(),
            unsynced_names: Vec::new(),
            operations: 0,
            stop_at: None,
            fault: None,
            fail_sync: false,
            full: false,
            locked: false,
            boot: 1,
            random: SeededRandom::new(seed),
            images: None,
        })
    }

    fn of(disk: Disk) -> Self {
        Self(Arc::new(Mutex::new(disk)))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    /// Another disk with the same on it, whose chances follow from `seed`.
    pub(crate) fn fork(&self, seed: u64) -> Self {
        Self::of(self.disk().copy(seed))
    }

    /// From now on the disk as each change leaves it, in its middle and at its end, is kept.
    pub(crate) fn record(&self) {
        self.disk().images = Some(Vec::new());
    }

    /// What was kept since the last time.
    pub(crate) fn images(&self) -> Vec<Self> {
        self.disk().images.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The changes so far.
    pub(crate) fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// The `operations`-th change from now, counted from 1, fails.
    pub(crate) fn fail_in(&self, operations: u64, fault: Fault) {
        let mut disk = self.disk();
        disk.fault = Some((disk.operations + operations, fault));
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
        disk.fault = None;
        disk.locked = false;
        if ends == Ends::Killed {
            return;
        }
        disk.boot += 1;
        for node in disk.nodes.iter_mut().filter(|node| !node.unsynced.is_empty() || node.now != node.synced) {
            let node = Arc::make_mut(node);
            let length = node.synced.len();
            node.lose(&disk.random);
            // Where a file grew, what was not written may be whatever lay there.
            if disk.random.next_u64().is_multiple_of(4) {
                for byte in Arc::make_mut(&mut node.synced).iter_mut().skip(length).filter(|byte| **byte == 0) {
                    *byte = 0xA5;
                }
            }
            node.now = Arc::clone(&node.synced);
        }
        // Names of one folder come to the disk in any order.
        for naming in disk.unsynced_names.drain(..) {
            if disk.random.next_u64().is_multiple_of(2) {
                naming.apply(&mut disk.synced_names);
            }
        }
        disk.names = Arc::clone(&disk.synced_names);
    }

    /// Changes a byte of a file behind everyone's back.
    pub(crate) fn damage(&self, path: &Path, at: usize) {
        let mut disk = self.disk();
        let node = disk.names[path];
        let node = Arc::make_mut(&mut disk.nodes[node]);
        Arc::make_mut(&mut node.now)[at] ^= 0x10;
        Arc::make_mut(&mut node.synced)[at] ^= 0x10;
    }

    /// A file's bytes.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let disk = self.disk();
        disk.nodes[disk.names[path]].now.to_vec()
    }
}

fn put(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if to.len() < at + bytes.len() {
        to.resize(at + bytes.len(), 0);
    }
    to[at..at + bytes.len()].copy_from_slice(bytes);
}

fn failed() -> io::Error {
    io::Error::other("the disk failed")
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

    fn copy(&self, seed: u64) -> Self {
        Self {
            nodes: self.nodes.clone(),
            names: Arc::clone(&self.names),
            synced_names: Arc::clone(&self.synced_names),
            unsynced_names: self.unsynced_names.clone(),
            operations: self.operations,
            stop_at: None,
            fault: None,
            fail_sync: false,
            full: self.full,
            locked: false,
            boot: self.boot,
            random: SeededRandom::new(seed),
            images: None,
        }
    }

    /// Counts a change; whether the machine stops in the middle of it, or what else becomes of it.
    fn change(&mut self) -> io::Result<(bool, Option<Fault>)> {
        self.check()?;
        self.operations += 1;
        Ok((self.stopped(), self.fault.filter(|(at, _)| *at == self.operations).map(|(_, fault)| fault)))
    }

    /// A change that happens as a whole or not at all.
    fn whole_change(&mut self) -> io::Result<()> {
        match self.change()? {
            (true, _) => Err(gone()),
            (false, Some(Fault::Full)) => Err(io::ErrorKind::StorageFull.into()),
            (false, Some(Fault::Error)) => Err(failed()),
            (false, None) => Ok(()),
        }
    }

    fn keep_image(&mut self) {
        let image = self.images.as_ref().map(|_| SimFiles::of(self.copy(self.operations)));
        if let (Some(images), Some(image)) = (&mut self.images, image) {
            images.push(image);
        }
    }

    fn write(&mut self, node: usize, at: usize, bytes: &[u8]) {
        let node = Arc::make_mut(&mut self.nodes[node]);
        put(Arc::make_mut(&mut node.now), at, bytes);
        node.unsynced.push((at, Arc::new(bytes.to_vec())));
    }

    fn node(&self, path: &Path) -> io::Result<usize> {
        self.check()?;
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn name(&mut self, naming: Naming) {
        naming.clone().apply(&mut self.names);
        self.unsynced_names.push(naming);
        self.keep_image();
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
        let (stops, fault) = disk.change()?;
        let at = offset as usize;
        let part = disk.random.next_u64() as usize % (bytes.len() + 1);
        let whole = fault.is_none() || fault == Some(Fault::Full) && disk.random.next_u64().is_multiple_of(2);
        let kept = if stops || !whole { part } else { bytes.len() };
        let room = if disk.full { disk.nodes[self.node].now.len().saturating_sub(at) } else { usize::MAX };
        let written = &bytes[..kept.min(room)];
        if part < written.len() && disk.images.is_some() {
            let mut image = disk.copy(disk.operations);
            image.write(self.node, at, &bytes[..part]);
            disk.images.get_or_insert_default().push(SimFiles::of(image));
        }
        disk.write(self.node, at, written);
        disk.keep_image();
        match (stops, fault) {
            (true, _) => Err(gone()),
            (false, Some(Fault::Error)) => Err(failed()),
            (false, None) if written.len() == bytes.len() => Ok(()),
            (false, _) => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.files.disk();
        let disk = &mut *disk;
        let (stops, fault) = disk.change()?;
        if stops {
            return Err(gone());
        }
        if disk.fail_sync || fault.is_some() {
            Arc::make_mut(&mut disk.nodes[self.node]).lose(&disk.random);
            return Err(if fault == Some(Fault::Full) { io::ErrorKind::StorageFull.into() } else { failed() });
        }
        Arc::make_mut(&mut disk.nodes[self.node]).sync();
        disk.keep_image();
        Ok(())
    }

    fn forget_cached(&self) {}
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
        disk.whole_change()?;
        if disk.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let node = disk.nodes.len();
        disk.nodes.push(Arc::default());
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
        disk.whole_change()?;
        disk.name(Naming::Moved(from.to_owned(), to.to_owned(), node));
        Ok(())
    }

    fn exchange(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.node(path)?;
        disk.whole_change()?;
        disk.name(Naming::Gone(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.whole_change()?;
        let all = std::mem::take(&mut disk.unsynced_names);
        let (synced, rest) = all.into_iter().partition(|naming| naming.folder() == Some(path));
        disk.unsynced_names = rest;
        let synced: Vec<Naming> = synced;
        for naming in synced {
            naming.apply(&mut disk.synced_names);
        }
        disk.keep_image();
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

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(if self.disk().full { 0 } else { u64::MAX })
    }

    fn boot_id(&self) -> Option<String> {
        Some(self.disk().boot.to_string())
    }
}
