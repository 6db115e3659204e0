use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;

use super::*;
use crate::committer::{Batch, Journal, RowWrite};
use crate::files::RealFiles;
use crate::fixture::{contents, fill, open, options, snapshot, space};
use crate::log_engine::Opened;
use crate::{IndexEntry, envelope, index};

fn look(path: &Path) -> Verified {
    verify(path, Arc::new(RealFiles), &Told::nobody(), &mut |_| {}).unwrap()
}

/// What is found, one finding a line.
fn findings(path: &Path) -> String {
    look(path).findings.iter().map(|finding| format!("{finding}\n")).collect()
}

fn file(path: &Path, folder: &str, number: usize) -> PathBuf {
    path.join(folder).join(&RealFiles.list(&path.join(folder)).unwrap()[number])
}

/// Changes the byte at `at`.
fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_whole_folder_is_found_whole_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 60).await;
    snapshot(folder.path());
    fill(folder.path(), 60).await;
    let mut seen = Vec::new();
    let report =
        verify(folder.path(), Arc::new(RealFiles), &Told::nobody(), &mut |record| seen.push(record.clone())).unwrap();
    assert_eq!((report.is_whole(), &*report.notes), (true, &[][..]), "{report:?}");
    assert_eq!((report.position, report.records, report.entries), (120, 40, 40));
    assert!(report.segments > 2 && report.snapshots == 1 && report.chunks > 0 && report.frames == 120, "{report:?}");
    assert_eq!(report.compared, report.records + report.entries + report.chunks);
    assert_eq!(std::fs::read_to_string(folder.path().join("state")).unwrap(), "stopped\n");
    assert!(!folder.path().join("verify").exists());
    let engine = open(folder.path()).await;
    let seen: Vec<(Bytes, Bytes)> = seen.into_iter().map(|record| (record.key, record.value)).collect();
    assert_eq!(seen, contents(&engine).await, "every record was shown");
    let refused = verify(folder.path(), Arc::new(RealFiles), &Told::nobody(), &mut |_| {});
    assert!(matches!(refused, Err(StorageError::InUse { .. })));
}

#[tokio::test]
async fn what_was_killed_is_held_against_what_the_log_had_then() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await;
    crate::fixture::put(&engine, "a", "1").await;
    drop(engine);
    let report = look(folder.path());
    assert!(report.is_whole(), "{report:?}");
    let missing = tempfile::tempdir().unwrap();
    let refused = verify(missing.path(), Arc::new(RealFiles), &Told::nobody(), &mut |_| {});
    assert!(matches!(refused, Err(StorageError::NotADataFolder { .. })));
    assert_eq!(std::fs::read_dir(missing.path()).unwrap().count(), 0, "nothing is made");
}

#[tokio::test]
async fn damage_to_the_log_and_to_snapshot_files_is_found() {
    for (folder_name, number, at, words) in [
        ("log", 1, 100, "lacks position"),
        ("log", 0, 100, "holds no whole frame"),
        ("log", 0, 3, "the head of log segment"),
        ("snapshots", 0, 100, "block 0 at byte 32 is damaged: the next older file"),
        ("snapshots", 1, 9, "its head is damaged: the next older file"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            fill(folder.path(), 60).await;
            snapshot(folder.path());
        }
        fill(folder.path(), 60).await;
        flip(&file(folder.path(), folder_name, number), at);
        let found = findings(folder.path());
        assert!(found.contains(words), "{folder_name} {at}: {found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[tokio::test]
async fn an_index_that_differs_from_the_log_is_found_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 60).await;
    let table = SledStore::new(folder.path().join("index")).open().unwrap();
    let row = |key: &str| space().record(key.as_bytes()).unwrap();
    let other = table.get(&row("key3")).unwrap();
    let changes = BTreeMap::from([(row("key1"), None), (row("key2"), other.clone()), (row("nobody"), other)]);
    table.apply(60, &changes).unwrap();
    table.sync().unwrap();
    drop(table);
    let found = findings(folder.path());
    for words in [
        "the index lacks record `key1` of @test records in -/-: remove the folder `index`",
        "the index has another value of record `key2` of @test records in -/- than the log: remove",
        "the index has record `nobody` of @test records in -/-, which the log has not: remove",
    ] {
        assert!(found.contains(words), "{found}");
    }
    assert_eq!(found.lines().count(), 3, "{found}");
}

#[tokio::test]
async fn records_entries_and_chunks_that_do_not_belong_together_are_found() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 3).await;
    {
        // Rows that no transaction would leave.
        let opened = Folder::open(folder.path(), Arc::new(RealFiles)).unwrap();
        let store = SledStore::new(opened.index());
        let Opened { folder, shared, mut log, .. } = Opened::open(opened, &store, options()).unwrap();
        let row = |key: &str| space().record(key.as_bytes()).unwrap();
        let prefix_len = space().prefix_len();
        let encoded = |name: &str| index::encode_entry(&IndexEntry { index: name.into(), values: vec![] });
        let (unindexed, _) = envelope::encode(&"value".into(), &[encoded("missing")]);
        let (unchunked, _) = envelope::encode(&vec![b'x'; 100_000].into(), &[]);
        let rows = [
            (row("unindexed"), unindexed),
            (row("unchunked"), unchunked),
            (index::entry_row(&row("key1"), prefix_len, &encoded("left")).unwrap(), Bytes::new()),
            (crate::keys::chunk_row(&row("key1"), prefix_len, 0), "chunk".into()),
            (Bytes::from_static(b"\x02no key of ours"), "row".into()),
            (row("formless"), "\x07".into()),
        ];
        let mut batch = Batch::new(4);
        batch
            .transactions
            .push(rows.iter().cloned().map(|(key, value)| RowWrite { key, value: Some(value) }).collect());
        log.append(&batch).unwrap();
        shared.table.apply(4, &rows.into_iter().map(|(key, value)| (key, Some(value))).collect()).unwrap();
        shared.table.sync().unwrap();
        folder.set_stopped().unwrap();
    }
    let found = findings(folder.path());
    for words in [
        "record `unindexed` of @test records in -/-: its index entry `missing\\x00\\x01\\x00` is missing: restore",
        "record `unchunked` of @test records in -/-: its chunk 0 is missing: restore",
        "index entry `left\\x00\\x01\\x00key1` of @test records in -/-: no record has it: restore",
        "no record has it",
        "a row's key has no known form",
        "record `formless` of @test records in -/-: its row has no known form",
    ] {
        assert!(found.contains(words), "{words} in {found}");
    }
    assert_eq!(found.lines().count(), 6, "{found}");
}

#[tokio::test]
async fn an_index_that_does_not_open_or_is_ahead_is_found() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 3).await;
    let table = SledStore::new(folder.path().join("index")).open().unwrap();
    table.apply(9, &BTreeMap::new()).unwrap();
    table.sync().unwrap();
    drop(table);
    let found = findings(folder.path());
    assert!(found.contains("the index is at position 9, but the log ends at 3: restore a backup"), "{found}");
    std::fs::write(folder.path().join("index/conf"), b"not sled's").unwrap();
    let found = findings(folder.path());
    assert!(found.contains("cannot be read") && found.contains("remove the folder `index`"), "{found}");
}
