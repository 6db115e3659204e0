//! A small data folder on a real disk, for tests of what is done with one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forecourt_base::{Scalar, SeededRandom};

use crate::files::RealFiles;
use crate::folder::Folder;
use crate::log_engine::Opened;
use crate::sled_store::SledStore;
use crate::store::StoredTable;
use crate::{Bytes, Direction, Engine, IndexEntry, KeyRange, LogEngine, LogOptions, Mode, Space, Transaction};

/// Small segments; snapshot files are made when they are asked for.
pub(crate) fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 8_192,
        prepare_ahead: false,
        random: Arc::new(SeededRandom::new(1)),
        snapshot_log_bytes: u64::MAX,
        snapshot_block_rows: 16,
        snapshot_pause: Duration::ZERO,
        disk_reserve_bytes: 0,
        ..LogOptions::default()
    }
}

pub(crate) fn space() -> Space {
    Space::new(None, None, "@test", "records", 1).unwrap()
}

pub(crate) async fn open(path: &Path) -> Arc<dyn Engine> {
    LogEngine::open(path, Arc::new(RealFiles), options()).await.unwrap()
}

/// Puts a record that is indexed; a large one has chunks.
pub(crate) async fn put(engine: &Arc<dyn Engine>, key: &str, value: &str) {
    let mut tx = Transaction::begin(engine, None, Mode::ReadWrite).unwrap();
    let entry = IndexEntry { index: "length".into(), values: vec![Scalar::Int(value.len() as i64)] };
    tx.put(&space(), key.as_bytes(), value.as_bytes().to_vec(), vec![entry]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Makes a snapshot file of a closed folder.
pub(crate) fn snapshot(path: &Path) {
    let folder = Folder::open(path, Arc::new(RealFiles)).unwrap();
    let store = SledStore::new(folder.index());
    let Opened { folder, shared, keeper, .. } = Opened::open(folder, &store, options()).unwrap();
    keeper.make(|| true).unwrap().unwrap();
    keeper.tidy().unwrap();
    shared.table.sync().unwrap();
    folder.set_stopped().unwrap();
}

/// Makes `count` commits in a folder and closes it.
pub(crate) async fn fill(path: &Path, count: usize) {
    let engine = open(path).await;
    for number in 0..count {
        let value = if number % 50 == 7 { "large".repeat(8_000) } else { format!("value {number}") };
        put(&engine, &format!("key{}", number % 40), &value).await;
    }
    engine.close().await.unwrap();
}

/// Every record.
pub(crate) async fn contents(engine: &Arc<dyn Engine>) -> Vec<(Bytes, Bytes)> {
    let mut tx = Transaction::begin(engine, None, Mode::ReadOnly).unwrap();
    let rows = tx.scan(&space(), &KeyRange::all(), Direction::Forward, usize::MAX).await.unwrap();
    rows.items.into_iter().map(|row| (row.key, row.value)).collect()
}
