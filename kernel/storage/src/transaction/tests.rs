use forecourt_base::Scalar;
use forecourt_base::limits::{RECORD_INDEX_ENTRIES, STORAGE_CHUNK_BYTES, STORAGE_VALUE_BYTES};

use super::*;
use crate::{Direction, IndexRange, KeyRange, MemoryEngine};

fn space() -> Space {
    Space::new(None, None, "@test", "records", 1).unwrap()
}

fn begin(engine: &Arc<dyn Engine>) -> Transaction {
    Transaction::begin(engine, None, Mode::ReadWrite).unwrap()
}

fn entry(n: i64) -> IndexEntry {
    IndexEntry { index: "n".into(), values: vec![Scalar::Int(n)] }
}

async fn with(records: &[(&str, &str)]) -> Arc<dyn Engine> {
    let engine = MemoryEngine::new();
    let mut tx = begin(&engine);
    for (key, value) in records {
        tx.put(&space(), key.as_bytes(), value.as_bytes().to_vec(), vec![]).await.unwrap();
    }
    tx.commit().await.unwrap();
    engine
}

/// Runs `f` against two transactions that began together; whether the second could still commit after the first had.
macro_rules! second_commits {
    ($engine:expr, $first:expr, $second:expr) => {{
        let engine = $engine;
        let (mut one, mut two) = (begin(&engine), begin(&engine));
        $first(&mut one).await.unwrap();
        $second(&mut two).await.unwrap();
        one.commit().await.unwrap();
        match two.commit().await {
            Ok(_) => true,
            Err(StorageError::Conflict) => false,
            Err(error) => panic!("{error}"),
        }
    }};
}

#[tokio::test]
async fn lost_updates_write_skew_and_phantoms_are_refused() {
    let s = &space();
    let update = async |tx: &mut Transaction| {
        tx.get(s, b"a").await?;
        tx.put(s, b"a", "2", vec![]).await
    };
    assert!(!second_commits!(with(&[("a", "1")]).await, update, update), "lost update");
    let a_when_b = async |tx: &mut Transaction| {
        tx.get(s, b"b").await?;
        tx.put(s, b"a", "2", vec![]).await
    };
    let b_when_a = async |tx: &mut Transaction| {
        tx.get(s, b"a").await?;
        tx.put(s, b"b", "2", vec![]).await
    };
    assert!(!second_commits!(MemoryEngine::new(), a_when_b, b_when_a), "write skew over absent records");
    let count = async |tx: &mut Transaction, mine: &[u8]| {
        let rows = tx.scan(s, &KeyRange::all(), Direction::Forward, 10).await?;
        tx.put(s, mine, rows.items.len().to_string(), vec![]).await
    };
    assert!(
        !second_commits!(MemoryEngine::new(), async |tx| count(tx, b"a").await, async |tx| count(tx, b"b").await),
        "phantom"
    );
    let indexed = async |tx: &mut Transaction, mine: &[u8]| {
        let rows = tx.query(s, "n", &IndexRange::equal(vec![Scalar::Int(1)]), Direction::Forward, 10, None).await?;
        tx.put(s, mine, rows.items.len().to_string(), vec![entry(1)]).await
    };
    assert!(
        !second_commits!(MemoryEngine::new(), async |tx| indexed(tx, b"a").await, async |tx| indexed(tx, b"b").await),
        "phantom in an index"
    );
}

#[tokio::test]
async fn what_does_not_touch_does_not_conflict() {
    let s = &space();
    let put = async |tx: &mut Transaction| tx.put(s, b"a", "1", vec![entry(1)]).await;
    assert!(second_commits!(MemoryEngine::new(), put, put), "writes that read nothing");
    let add = async |tx: &mut Transaction| tx.add(s, b"a", "n", 1, Absent::Create).await;
    assert!(second_commits!(MemoryEngine::new(), add, add), "additions");
    let stamp = async |tx: &mut Transaction| tx.put_stamped(s, b"p", "1").await;
    assert!(second_commits!(MemoryEngine::new(), stamp, stamp), "stamped records");
    // The scan stops at `b`, so what comes behind it is not read.
    let first_row = async |tx: &mut Transaction| {
        tx.scan(s, &KeyRange::all(), Direction::Forward, 1).await?;
        tx.put(s, b"x", "1", vec![]).await
    };
    let put_c = async |tx: &mut Transaction| tx.put(s, b"c", "1", vec![]).await;
    assert!(second_commits!(with(&[("a", "1"), ("b", "1")]).await, put_c, first_row));
    let put_aa = async |tx: &mut Transaction| tx.put(s, b"aa", "1", vec![]).await;
    assert!(!second_commits!(with(&[("a", "1"), ("b", "1")]).await, put_aa, first_row));
    let read_then_add = async |tx: &mut Transaction| {
        tx.get(s, b"a").await?;
        tx.put(s, b"x", "1", vec![]).await
    };
    assert!(!second_commits!(MemoryEngine::new(), add, read_then_add), "a read of what is added to");
}

#[tokio::test]
async fn additions_are_to_the_newest_value() {
    let engine = with(&[("a", "{\"n\":1}")]).await;
    let s = &space();
    let (mut one, mut two) = (begin(&engine), begin(&engine));
    one.add(s, b"a", "n", 2, Absent::Refuse).await.unwrap();
    two.add(s, b"a", "n", 3, Absent::Refuse).await.unwrap();
    assert_eq!(two.get(s, b"a").await.unwrap().unwrap(), "{\"n\":4}", "its own addition is seen");
    let mut three = begin(&engine);
    three.add(s, b"a", "n", 10, Absent::Refuse).await.unwrap();
    one.commit().await.unwrap();
    three.commit().await.unwrap();
    assert!(matches!(two.commit().await, Err(StorageError::Conflict)), "it has read what it adds to");
    assert_eq!(begin(&engine).get(s, b"a").await.unwrap().unwrap(), "{\"n\":13}");
}

#[tokio::test]
async fn a_read_of_what_has_changed_is_refused_at_once_and_so_is_all_that_follows() {
    let engine = with(&[("a", "1"), ("b", "1")]).await;
    let mut old = begin(&engine);
    old.put(&space(), b"own", "1", vec![]).await.unwrap();
    assert_eq!(old.get(&space(), b"a").await.unwrap().unwrap(), "1");
    let mut tx = begin(&engine);
    tx.put(&space(), b"b", "2", vec![]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(old.get(&space(), b"b").await, Err(StorageError::Conflict)));
    assert!(old.conflicted());
    for key in [b"a".as_slice(), b"own"] {
        assert!(matches!(old.get(&space(), key).await, Err(StorageError::Conflict)));
    }
    assert!(matches!(old.put(&space(), b"a", "1", vec![]).await, Err(StorageError::Conflict)));
    assert!(matches!(old.scan(&space(), &KeyRange::all(), Direction::Forward, 1).await, Err(StorageError::Conflict)));
    assert!(matches!(old.finish_without_effects().await, Err(StorageError::Conflict)));
}

#[tokio::test]
async fn a_range_stops_where_the_transaction_has_read_what_it_may() {
    let engine = MemoryEngine::new();
    let s = &space();
    let large = "x".repeat(2 * STORAGE_CHUNK_BYTES);
    let mut tx = begin(&engine);
    for (n, key) in (0..).zip(["a", "b", "c", "d"]) {
        tx.put(s, key.as_bytes(), large.clone(), vec![entry(n)]).await.unwrap();
    }
    tx.commit().await.unwrap();
    let bounded = |records: usize| {
        let mut tx = begin(&engine);
        tx.bound_reads(records * large.len());
        tx
    };
    let all = IndexRange { equal: vec![], lower: std::ops::Bound::Unbounded, upper: std::ops::Bound::Unbounded };
    let mut tx = bounded(4);
    assert_eq!(tx.scan(s, &KeyRange::all(), Direction::Forward, 10).await.unwrap().items.len(), 4);
    for query in [false, true] {
        let mut tx = bounded(1);
        let read = match query {
            false => tx.scan(s, &KeyRange::all(), Direction::Forward, 10).await,
            true => tx.query(s, "n", &all, Direction::Forward, 10, None).await,
        };
        assert!(matches!(read, Err(StorageError::TooMuchRead { bytes_max }) if bytes_max == large.len()), "{read:?}");
        assert_eq!(tx.usage().rows_read, 2, "what lies behind is not gathered");
    }
}

#[tokio::test]
async fn a_savepoint_takes_writes_back_but_neither_reads_nor_usage() {
    let engine = with(&[("a", "1"), ("gone", "1")]).await;
    let s = &space();
    let mut tx = begin(&engine);
    tx.put(s, b"kept", "1", vec![]).await.unwrap();
    let savepoint = tx.savepoint();
    tx.get(s, b"a").await.unwrap();
    tx.put(s, b"kept", "2", vec![]).await.unwrap();
    tx.delete(s, b"gone").await.unwrap();
    tx.put_stamped(s, b"stamp", "1").await.unwrap();
    let usage = tx.usage();
    assert_eq!((usage.writes, usage.rows_read, usage.bytes_read), (4, 1, 1));
    tx.rollback_to(&savepoint);
    assert_eq!(tx.usage(), usage);
    let written: Vec<_> = tx.written().map(|written| (written.key.to_vec(), written.value)).collect();
    assert_eq!(written, [(b"kept".to_vec(), WrittenValue::Put(&Bytes::from("1")))]);
    let mut other = begin(&engine);
    other.put(s, b"a", "2", vec![]).await.unwrap();
    other.commit().await.unwrap();
    assert!(matches!(tx.commit().await, Err(StorageError::Conflict)), "the read of `a` stays");
}

#[tokio::test]
async fn an_addition_that_found_its_record_stands_by_that_when_rolled_back() {
    let engine = with(&[("a", "{}")]).await;
    let s = &space();
    for finishes in [false, true] {
        let mut tx = begin(&engine);
        let savepoint = tx.savepoint();
        tx.add(s, b"a", "n", 1, Absent::Refuse).await.unwrap();
        if !finishes {
            tx.rollback_to(&savepoint);
        }
        let mut other = begin(&engine);
        other.put(s, b"a", "{}", vec![]).await.unwrap();
        other.commit().await.unwrap();
        let result = if finishes { tx.finish_without_effects().await } else { tx.commit().await.map(|_| ()) };
        assert!(matches!(result, Err(StorageError::Conflict)));
    }
}

#[tokio::test]
async fn sums_that_overflow_are_refused_at_the_commit() {
    let engine = with(&[("a", "{\"n\":\"9223372036854775807\"}")]).await;
    let mut tx = begin(&engine);
    tx.add(&space(), b"a", "n", 1, Absent::Refuse).await.unwrap();
    assert!(matches!(tx.commit().await, Err(StorageError::AddOverflow { field }) if field == "n"));
    let mut tx = begin(&engine);
    assert!(matches!(tx.add(&space(), b"b", "n", 1, Absent::Refuse).await, Err(StorageError::NotFound)));
}

#[tokio::test]
async fn what_is_written_is_bounded_and_a_read_only_transaction_writes_nothing() {
    let engine = MemoryEngine::new();
    let s = &space();
    let mut tx = begin(&engine);
    let large = vec![0; STORAGE_VALUE_BYTES + 1];
    assert!(matches!(tx.put(s, b"a", large.clone(), vec![]).await, Err(StorageError::ValueTooLarge { .. })));
    assert!(matches!(tx.put_stamped(s, b"a", large).await, Err(StorageError::ValueTooLarge { .. })));
    let entries = (0..=RECORD_INDEX_ENTRIES as i64).map(entry).collect();
    assert!(matches!(tx.put(s, b"a", "1", entries).await, Err(StorageError::TooManyEntries { entries: 65, .. })));
    let long = vec![7; RECORD_KEY_BYTES - STAMP_BYTES + 1];
    assert!(matches!(tx.put_stamped(s, &long, "1").await, Err(StorageError::KeyTooLong { .. })));
    for key in [vec![], vec![7; RECORD_KEY_BYTES + 1]] {
        assert!(tx.get(s, &key).await.is_err() && tx.put(s, &key, "1", vec![]).await.is_err());
        assert!(tx.delete(s, &key).await.is_err() && tx.add(s, &key, "n", 1, Absent::Create).await.is_err());
    }
    assert_eq!((tx.written().count(), tx.usage()), (0, Usage::default()));
    let mut tx = Transaction::begin(&engine, None, Mode::ReadOnly).unwrap();
    assert!(matches!(tx.put(s, b"a", "1", vec![]).await, Err(StorageError::ReadOnly)));
    assert!(matches!(tx.delete(s, b"a").await, Err(StorageError::ReadOnly)));
    assert!(matches!(tx.add(s, b"a", "n", 1, Absent::Create).await, Err(StorageError::ReadOnly)));
    assert!(matches!(tx.put_stamped(s, b"a", "1").await, Err(StorageError::ReadOnly)));
    assert_eq!(tx.commit().await.unwrap(), 0, "nothing was written, so no position is taken");
}

#[tokio::test]
async fn large_records_come_and_go_with_their_chunks() {
    let engine = MemoryEngine::new();
    let s = &space();
    for size in [STORAGE_CHUNK_BYTES * 3 + 1, STORAGE_CHUNK_BYTES + 1, 5, STORAGE_CHUNK_BYTES * 2] {
        let value = vec![size as u8; size];
        let mut tx = begin(&engine);
        tx.put(s, b"a", value.clone(), vec![]).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = begin(&engine);
        assert_eq!(tx.get(s, b"a").await.unwrap().unwrap(), value);
    }
    let mut tx = begin(&engine);
    assert!(tx.delete(s, b"a").await.unwrap());
    tx.commit().await.unwrap();
    let snapshot = engine.snapshot().unwrap();
    let everything = crate::RowRange { from: Bytes::new(), to: Bytes::from_static(&[0xFF]) };
    assert_eq!(engine.range(&snapshot, &everything, Direction::Forward, 10).await.unwrap().value, []);
}

#[tokio::test]
async fn a_reader_keeps_its_state_until_more_has_changed_than_is_remembered() {
    let engine = with(&[("a", "1"), ("b", "1")]).await;
    let s = &space();
    let put_large = async || {
        let mut tx = begin(&engine);
        tx.put(s, b"a", vec![0; STORAGE_VALUE_BYTES], vec![entry(1)]).await.unwrap();
        tx.commit().await.unwrap();
    };
    let mut reader = Transaction::begin(&engine, None, Mode::ReadOnly).unwrap();
    let mut writer = begin(&engine);
    writer.get(s, b"b").await.unwrap();
    writer.put(s, b"x", "1", vec![]).await.unwrap();
    let mut blind = begin(&engine);
    blind.put(s, b"y", "1", vec![]).await.unwrap();
    put_large().await;
    put_large().await;
    assert_eq!(reader.get(s, b"a").await.unwrap().unwrap(), "1");
    let rows = reader.scan(s, &KeyRange::all(), Direction::Backward, 9).await.unwrap();
    assert_eq!(rows.items.iter().map(|row| &row.value).collect::<Vec<_>>(), ["1", "1"]);
    assert_eq!(
        reader.query(s, "n", &IndexRange::all(), Direction::Forward, 9, None).await.unwrap(),
        Default::default()
    );
    put_large().await;
    assert!(matches!(reader.get(s, b"b").await, Err(StorageError::Conflict)));
    assert!(matches!(reader.finish_without_effects().await, Err(StorageError::Conflict)));
    assert!(matches!(writer.commit().await, Err(StorageError::Conflict)), "nobody knows whether `b` changed");
    assert!(blind.commit().await.is_ok(), "it has read nothing that could have changed");
    assert_eq!(begin(&engine).get(s, b"b").await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn kernel_records_are_json() {
    let engine = MemoryEngine::new();
    let mut tx = begin(&engine);
    tx.put_json(&space(), b"a", &vec![1, 2], vec![]).await.unwrap();
    assert_eq!(tx.get_json::<Vec<i32>>(&space(), b"a").await.unwrap(), Some(vec![1, 2]));
    assert!(matches!(tx.get_json::<String>(&space(), b"a").await, Err(StorageError::Json(_))));
    assert_eq!(tx.get_json::<String>(&space(), b"b").await.unwrap(), None);
}
