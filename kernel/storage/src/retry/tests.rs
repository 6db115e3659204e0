use std::sync::atomic::{AtomicUsize, Ordering};

use forecourt_base::SeededRandom;

use super::*;
use crate::{Absent, MemoryEngine, Space};

fn space() -> Space {
    Space::new(None, None, "@test", "records", 1).unwrap()
}

#[test]
fn waits_double_with_jitter_until_it_is_time_to_exclude_others() {
    let random = SeededRandom::new(1);
    assert_eq!(backoff_ms(0, &random), Some(0));
    for attempt in 1..COMMIT_RETRIES {
        let base = 1 << (attempt - 1);
        for _ in 0..50 {
            let wait = backoff_ms(attempt, &random).unwrap();
            assert!(wait >= base / 2 && wait <= base / 2 + base, "{attempt}: {wait}");
        }
    }
    assert_eq!(backoff_ms(COMMIT_RETRIES, &random), None);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_always_meets_others_succeeds_at_last_alone() {
    let engine = MemoryEngine::new();
    let runs = AtomicUsize::new(0);
    let random = SeededRandom::new(1);
    let result = transact::<_, StorageError>(&engine, None, &random, async |tx| {
        tx.get(&space(), b"a").await?;
        let run = runs.fetch_add(1, Ordering::SeqCst);
        // Another commits in between, until others are kept out.
        let mut other = Transaction::begin(&engine, None, Mode::ReadWrite)?;
        other.put(&space(), b"a", run.to_string(), vec![]).await?;
        let other = tokio::time::timeout(Duration::from_millis(1), other.commit()).await;
        assert_eq!(other.is_err(), run == COMMIT_RETRIES);
        tx.put(&space(), b"b", run.to_string(), vec![]).await?;
        Ok(run)
    });
    assert_eq!(result.await.unwrap(), COMMIT_RETRIES);
    let mut tx = Transaction::begin(&engine, None, Mode::ReadOnly).unwrap();
    assert_eq!(tx.get(&space(), b"b").await.unwrap().unwrap(), COMMIT_RETRIES.to_string());
}

#[tokio::test]
async fn an_error_leaves_nothing_and_is_not_tried_again() {
    let engine = MemoryEngine::new();
    let mut runs = 0;
    let result: Result<(), StorageError> = transact(&engine, None, &SeededRandom::new(1), async |tx| {
        runs += 1;
        tx.put(&space(), b"a", "1", vec![]).await?;
        Err(StorageError::NotFound)
    })
    .await;
    assert!(matches!(result, Err(StorageError::NotFound)));
    assert_eq!((runs, engine.stable_position()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_count_right() {
    let engine = MemoryEngine::new();
    let tasks = (0..8_u64).map(|seed| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let random = SeededRandom::new(seed);
            for _ in 0..50 {
                transact::<_, StorageError>(&engine, None, &random, async |tx| {
                    let count = tx.get_json::<u64>(&space(), b"read").await?.unwrap_or(0);
                    tx.put_json(&space(), b"read", &(count + 1), vec![]).await?;
                    tx.add(&space(), b"added", "n", 1, Absent::Create).await
                })
                .await
                .unwrap();
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let mut tx = Transaction::begin(&engine, None, Mode::ReadOnly).unwrap();
    assert_eq!(tx.get_json::<u64>(&space(), b"read").await.unwrap(), Some(400));
    assert_eq!(tx.get(&space(), b"added").await.unwrap().unwrap(), "{\"n\":400}");
}
