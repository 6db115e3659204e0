mod crash;
mod format;
mod index;
mod sim;
mod snapshots;

use std::collections::BTreeMap;
use std::path::PathBuf;

use forecourt_base::SeededRandom;

use super::*;
use crate::files::RealFiles;
use crate::files::sim::{Ends, SimFiles};
use crate::{Bytes, IndexEntry, KeyRange, Mode, Space, Transaction};

/// Small segments, made when they are needed, so that each operation on the disk is in a fixed order.
fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 2_048,
        prepare_ahead: false,
        random: Arc::new(SeededRandom::new(1)),
        ..LogOptions::default()
    }
}

fn space() -> Space {
    Space::new(None, None, "@test", "records", 1).unwrap()
}

/// A folder for sled, and files for all else.
struct Machine {
    folder: tempfile::TempDir,
    files: SimFiles,
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), files: SimFiles::new(seed) }
    }

    async fn open(&self) -> Result<Arc<dyn Engine>, StorageError> {
        LogEngine::open(self.folder.path(), Arc::new(self.files.clone()), options()).await
    }

    fn segment(&self, number: u64) -> PathBuf {
        self.folder.path().join("log").join(format!("{number:016x}.log"))
    }
}

async fn put(engine: &Arc<dyn Engine>, key: &str, value: &str) -> Result<Position, StorageError> {
    let mut tx = Transaction::begin(engine, None, Mode::ReadWrite)?;
    let entry = IndexEntry { index: "key".into(), values: vec![] };
    tx.put(&space(), key.as_bytes(), value.as_bytes().to_vec(), vec![entry]).await?;
    tx.commit().await
}

async fn get(engine: &Arc<dyn Engine>, key: &str) -> Option<Bytes> {
    let mut tx = Transaction::begin(engine, None, Mode::ReadOnly).unwrap();
    tx.get(&space(), key.as_bytes()).await.unwrap()
}

#[tokio::test]
async fn commits_are_found_again_after_a_stop_a_kill_and_a_loss_of_power() {
    let machine = Machine::new(1);
    let large = "x".repeat(100_000);
    for round in 0_u64..6 {
        let engine = machine.open().await.unwrap();
        assert_eq!(engine.stable_position(), round * 2);
        for before in 0..round {
            assert_eq!(get(&engine, &format!("large{before}")).await.unwrap(), large);
            assert_eq!(get(&engine, &format!("small{before}")).await.unwrap(), "value");
        }
        assert_eq!(put(&engine, &format!("large{round}"), &large).await.unwrap(), round * 2 + 1);
        assert_eq!(put(&engine, &format!("small{round}"), "value").await.unwrap(), round * 2 + 2);
        match round % 3 {
            0 => engine.close().await.unwrap(),
            1 => machine.files.restart(Ends::Killed),
            _ => machine.files.restart(Ends::PowerLost),
        }
    }
}

#[tokio::test]
async fn a_sync_that_fails_poisons_the_engine_until_it_is_opened_again() {
    let machine = Machine::new(2);
    let engine = machine.open().await.unwrap();
    put(&engine, "a", "1").await.unwrap();
    machine.files.fail_sync(true);
    assert!(matches!(put(&engine, "b", "2").await, Err(StorageError::OutcomeUnknown)));
    machine.files.fail_sync(false);
    assert!(matches!(put(&engine, "c", "3").await, Err(StorageError::Poisoned)));
    assert_eq!((get(&engine, "a").await.unwrap(), get(&engine, "b").await), (Bytes::from("1"), None));
    assert!(matches!(engine.close().await, Err(StorageError::Poisoned)));
    drop(engine);
    let engine = machine.open().await.unwrap();
    assert!(get(&engine, "c").await.is_none());
    put(&engine, "d", "4").await.unwrap();
    assert_eq!(
        (get(&engine, "a").await.unwrap(), get(&engine, "d").await.unwrap()),
        (Bytes::from("1"), Bytes::from("4"))
    );
}

#[tokio::test]
async fn a_damaged_frame_that_others_follow_is_refused() {
    for in_later_segment in [false, true] {
        let machine = Machine::new(3);
        let engine = machine.open().await.unwrap();
        for n in 0..if in_later_segment { 40 } else { 3 } {
            put(&engine, &format!("key{n}"), "value").await.unwrap();
        }
        drop(engine);
        assert_eq!(machine.files.list(&machine.folder.path().join("log")).unwrap().len() > 1, in_later_segment);
        machine.files.damage(&machine.segment(0), segment_head() + 50);
        machine.files.restart(Ends::PowerLost);
        assert!(matches!(machine.open().await, Err(StorageError::Corrupt { .. })), "{in_later_segment}");
    }
}

fn segment_head() -> usize {
    crate::log::segment::HEAD_BYTES
}

#[tokio::test]
async fn a_damaged_last_frame_is_taken_for_torn() {
    let machine = Machine::new(4);
    let engine = machine.open().await.unwrap();
    put(&engine, "a", "1").await.unwrap();
    let whole = machine.files.bytes(&machine.segment(0));
    put(&engine, "b", "2").await.unwrap();
    drop(engine);
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    machine.files.damage(&machine.segment(0), end + 40);
    machine.files.restart(Ends::PowerLost);
    let engine = machine.open().await.unwrap();
    assert_eq!((get(&engine, "a").await.unwrap(), get(&engine, "b").await), (Bytes::from("1"), None));
    assert_eq!(machine.files.bytes(&machine.segment(0)), whole, "the tail is cut");
}

#[tokio::test]
async fn an_index_ahead_of_its_log_is_refused() {
    let machine = Machine::new(5);
    let engine = machine.open().await.unwrap();
    put(&engine, "a", "1").await.unwrap();
    engine.close().await.unwrap();
    drop(engine);
    machine.files.damage(&machine.segment(0), segment_head() + 50);
    assert!(matches!(machine.open().await, Err(StorageError::Corrupt { .. })));
}

#[tokio::test]
async fn a_full_disk_refuses_commits_and_takes_them_again_when_there_is_room() {
    let machine = Machine::new(6);
    let engine = machine.open().await.unwrap();
    put(&engine, "before", "1").await.unwrap();
    machine.files.fill(true);
    let large = "x".repeat(4_000);
    assert!(matches!(put(&engine, "large", &large).await, Err(StorageError::DiskFull)));
    assert!(matches!(put(&engine, "large", &large).await, Err(StorageError::DiskFull)));
    assert_eq!(get(&engine, "before").await.unwrap(), "1");
    machine.files.fill(false);
    assert_eq!(put(&engine, "large", &large).await.unwrap(), 2);
    drop(engine);
    machine.files.restart(Ends::PowerLost);
    let engine = machine.open().await.unwrap();
    assert_eq!((engine.stable_position(), get(&engine, "large").await.unwrap()), (2, Bytes::from(large)));
}

#[tokio::test]
async fn an_index_that_does_not_open_is_made_anew() {
    let machine = Machine::new(7);
    let engine = machine.open().await.unwrap();
    put(&engine, "a", "1").await.unwrap();
    engine.close().await.unwrap();
    drop(engine);
    let index = machine.folder.path().join("index");
    std::fs::write(index.join("conf"), b"not sled's").unwrap();
    let engine = machine.open().await.unwrap();
    assert_eq!(get(&engine, "a").await.unwrap(), "1");
    let mut tx = Transaction::begin(&engine, None, Mode::ReadOnly).unwrap();
    let rows = tx.query(&space(), "key", &crate::IndexRange::all(), Direction::Forward, 10, None).await.unwrap();
    assert_eq!(rows.items.len(), 1);
}

#[tokio::test]
async fn an_index_is_used_as_it_is_only_when_it_can_be_trusted() {
    let machine = Machine::new(8);
    for (ends, closed, trusted) in [
        (Ends::Killed, false, true),
        (Ends::PowerLost, false, false),
        (Ends::PowerLost, true, true),
        (Ends::Killed, true, true),
    ] {
        let engine = machine.open().await.unwrap();
        put(&engine, "a", "1").await.unwrap();
        if closed {
            engine.close().await.unwrap();
        }
        drop(engine);
        machine.files.restart(ends);
        // A file that making the index anew would have removed.
        let witness = machine.folder.path().join("index/witness");
        std::fs::write(&witness, b"").unwrap();
        drop(machine.open().await.unwrap());
        assert_eq!(witness.exists(), trusted, "{ends:?} {closed}");
    }
}

#[tokio::test]
async fn a_closed_engine_refuses() {
    let machine = Machine::new(9);
    let engine = machine.open().await.unwrap();
    let mut open = Transaction::begin(&engine, None, Mode::ReadWrite).unwrap();
    open.put(&space(), b"a", "1", vec![]).await.unwrap();
    engine.close().await.unwrap();
    assert!(matches!(open.commit().await, Err(StorageError::Closed)));
    assert!(matches!(Transaction::begin(&engine, None, Mode::ReadOnly), Err(StorageError::Closed)));
}

#[tokio::test]
async fn real_folders_are_for_one_kernel_of_their_format_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let open = async || LogEngine::open(&path, Arc::new(RealFiles), LogOptions::default()).await;
    let engine = open().await.unwrap();
    assert!(matches!(open().await, Err(StorageError::InUse { .. })));
    assert!(put(&engine, "a", &"x".repeat(3 << 20)).await.is_ok(), "a frame larger than the first segment");
    put(&engine, "b", "1").await.unwrap();
    engine.close().await.unwrap();
    drop(engine);
    let engine = open().await.unwrap();
    assert_eq!((get(&engine, "a").await.unwrap().len(), get(&engine, "b").await.unwrap()), (3 << 20, Bytes::from("1")));
    drop(engine);
    std::fs::write(path.join("format"), "forecourt storage 2\n").unwrap();
    let error = open().await.unwrap_err();
    assert!(matches!(error, StorageError::NewerFormat { found: 2, known: 1, .. }), "{error}");
    std::fs::write(path.join("format"), "something else").unwrap();
    assert!(matches!(open().await, Err(StorageError::NotADataFolder { .. })));
    std::fs::remove_file(path.join("format")).unwrap();
    assert!(matches!(open().await, Err(StorageError::NotADataFolder { .. })));
}
