//! sled's own failures: its files are deleted, cut short, zeroed and changed, the disk under it is full. What was committed is there all the same, or it is
//! said what to do.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::Health;
use crate::fixture;

/// What happens to one of sled's files.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Deleted,
    Empty,
    Halved,
    Zeroed,
    /// A bit is changed in this part of a hundred of the file.
    Changed(usize),
}

const HARMS: [Harm; 9] = [
    Harm::Deleted,
    Harm::Empty,
    Harm::Halved,
    Harm::Zeroed,
    Harm::Changed(0),
    Harm::Changed(3),
    Harm::Changed(30),
    Harm::Changed(60),
    Harm::Changed(95),
];

impl Harm {
    fn apply(self, path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        match self {
            Self::Deleted => return std::fs::remove_file(path).unwrap(),
            Self::Empty => bytes.clear(),
            Self::Halved => bytes.truncate(bytes.len() / 2),
            Self::Zeroed => bytes.fill(0),
            Self::Changed(part) => {
                let at = bytes.len() * part / 100;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 0x20;
                }
            }
        }
        std::fs::write(path, bytes).unwrap();
    }
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// All that is stored, or the index's own words.
async fn contents(engine: &Arc<dyn Engine>) -> Result<Vec<crate::Row>, StorageError> {
    let mut tx = Transaction::begin(engine, None, Mode::ReadOnly)?;
    let rows = tx.scan(&space(), &KeyRange::all(), Direction::Forward, usize::MAX).await?;
    tx.query(&space(), "key", &crate::IndexRange::all(), Direction::Forward, usize::MAX, None).await?;
    Ok(rows.items)
}

#[tokio::test]
async fn whatever_becomes_of_sleds_files_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (path, before) = (folder.path().join("data"), folder.path().join("before"));
    let open = async || LogEngine::open(&path, Arc::new(RealFiles), fixture::options()).await;
    let engine = open().await.unwrap();
    for n in 0..300 {
        put(&engine, &format!("key{:03}", n % 200), &format!("{n}{}", "x".repeat(n * 7 % 3_000))).await.unwrap();
    }
    engine.close().await.unwrap();
    drop(engine);
    fixture::snapshot(&path);
    let engine = open().await.unwrap();
    put(&engine, "last", "one").await.unwrap();
    let expected = contents(&engine).await.unwrap();
    engine.close().await.unwrap();
    drop(engine);
    super::crash::copy(&path, &before);
    let names: Vec<PathBuf> =
        files_below(&before.join("index")).iter().map(|file| file.strip_prefix(&before).unwrap().to_owned()).collect();
    assert!(names.len() >= 3, "{names:?}");
    let (mut used, mut anew, mut later) = (0, 0, 0);
    for name in &names {
        for harm in HARMS {
            super::crash::copy(&before, &path);
            harm.apply(&path.join(name));
            // A file that making the index anew removes.
            std::fs::write(path.join("index/witness"), b"").unwrap();
            let mut engine = open().await.unwrap_or_else(|error| panic!("{} {harm:?}: {error}", name.display()));
            if path.join("index/witness").exists() {
                used += 1;
            } else {
                anew += 1;
            }
            let mut found = contents(&engine).await;
            // Damage that is met only when it is read: it is told, and the next start mends it, whether by then something was committed or the engine closed.
            for closed in [true, false] {
                let Err(error) = &found else { break };
                assert!(matches!(error, StorageError::Index(_)), "{} {harm:?}: {error}", name.display());
                later += 1;
                if closed {
                    let _ = engine.close().await;
                } else {
                    let _ = put(&engine, "other", "value").await;
                }
                drop(engine);
                assert_eq!(std::fs::read_to_string(path.join("state")).unwrap(), "rebuilding\n", "{closed}");
                engine = open().await.unwrap();
                let mended = contents(&engine).await;
                assert!(mended.is_ok(), "{} {harm:?} {closed}: {mended:?}", name.display());
                found = mended;
                if closed {
                    drop(engine);
                    super::crash::copy(&before, &path);
                    harm.apply(&path.join(name));
                    engine = open().await.unwrap();
                    found = contents(&engine).await;
                }
            }
            let found = found.unwrap_or_else(|error| panic!("{} {harm:?}: {error}", name.display()));
            let found: Vec<_> = found.into_iter().filter(|row| row.key != "other").collect();
            assert!(found == expected, "{} {harm:?}: rows are missing or other", name.display());
            put(&engine, "other", "value").await.unwrap();
            drop(engine);
        }
    }
    println!("{used} used as they were, {anew} made anew at once, {later} made anew when the damage was met");
    assert!(anew > 5 && used > 0 && later > 0);
}

/// A small file system in memory; none where mounting is not permitted.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(mib: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("NOT TESTED: a tmpfs cannot be mounted here (that takes root), so no full disk was tried");
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn on_tmpfs(reserve_mib: u64) -> LogOptions {
    LogOptions { segment_bytes: 1 << 20, disk_reserve_bytes: reserve_mib << 20, ..LogOptions::default() }
}

/// Puts records that do not compress until one is refused. The answer, and how many there are.
async fn fill_up(engine: &Arc<dyn Engine>, from: usize) -> (usize, StorageError) {
    for n in from..from + 10_000 {
        let mut bytes = vec![0; 30_000];
        forecourt_base::Random::fill(&SeededRandom::new(n as u64), &mut bytes);
        let mut tx = Transaction::begin(engine, None, Mode::ReadWrite).unwrap();
        tx.put(&space(), format!("{n:05}").as_bytes(), bytes, vec![]).await.unwrap();
        if let Err(error) = tx.commit().await {
            return (n, error);
        }
    }
    panic!("the disk is never full");
}

#[tokio::test]
async fn with_a_reserve_the_index_never_meets_a_full_disk() {
    let Some(disk) = Tmpfs::mount(48) else { return };
    let path = disk.0.path().join("data");
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 12 << 20]).unwrap();
    let engine = LogEngine::open(&path, Arc::new(RealFiles), on_tmpfs(8)).await.unwrap();
    let (count, error) = fill_up(&engine, 0).await;
    assert!(count > 50 && matches!(error, StorageError::DiskFull), "{count} {error}");
    assert!(matches!(engine.health(), Health::ReadOnly { .. }), "{:?}", engine.health());
    assert_eq!(contents(&engine).await.unwrap().len(), count, "reads go on");
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(engine.health(), Health::Ok);
    let (more, error) = fill_up(&engine, count).await;
    assert!(more > count && matches!(error, StorageError::DiskFull), "{count} {more} {error}");
    engine.close().await.unwrap();
    drop(engine);
    let engine = LogEngine::open(&path, Arc::new(RealFiles), on_tmpfs(8)).await.unwrap();
    assert_eq!(contents(&engine).await.unwrap().len(), more);
}

#[tokio::test]
async fn a_full_disk_under_the_index_loses_nothing_that_was_acknowledged() {
    let Some(disk) = Tmpfs::mount(24) else { return };
    let path = disk.0.path().join("data");
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 8 << 20]).unwrap();
    let engine = LogEngine::open(&path, Arc::new(RealFiles), on_tmpfs(0)).await.unwrap();
    let (count, error) = fill_up(&engine, 0).await;
    println!("after {count} commits: {error}; {:?}", engine.health());
    assert!(matches!(error, StorageError::DiskFull | StorageError::OutcomeUnknown), "{error}");
    let _ = engine.close().await;
    drop(engine);
    // It may not open while the disk is full, and then says so.
    if let Err(error) = LogEngine::open(&path, Arc::new(RealFiles), on_tmpfs(0)).await {
        assert!(matches!(error, StorageError::DiskFull), "{error}");
    }
    std::fs::remove_file(&ballast).unwrap();
    let engine = LogEngine::open(&path, Arc::new(RealFiles), on_tmpfs(0)).await.unwrap();
    let found = contents(&engine).await.unwrap().len();
    assert!(found == count || found == count + 1, "{count} acknowledged, {found} found");
    assert!(fill_up(&engine, found).await.0 > found, "and it goes on");
}
