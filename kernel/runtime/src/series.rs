//! Number series: `ids.number` from blocks that are reserved durably outside the transaction, so that a series is no hot key.

use std::collections::HashMap;
use std::sync::Arc;

use forecourt_base::{Random, Scope, limits};
use forecourt_storage::{Absent, Attempts, Engine, Space, StorageError};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// One series of one plugin in one scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SeriesKey {
    pub(crate) scope: Scope,
    pub(crate) plugin: String,
    pub(crate) series: String,
}

impl SeriesKey {
    fn storage_key(&self) -> Vec<u8> {
        format!("{}\u{1}{}\u{1}{}", self.scope, self.plugin, self.series).into_bytes()
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Reserved {
    end: i64,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    next: u64,
    end: u64,
}

/// The blocks this kernel has reserved and not yet used up.
#[derive(Debug)]
pub(crate) struct Series {
    engine: Arc<dyn Engine>,
    random: Arc<dyn Random>,
    blocks: Mutex<HashMap<SeriesKey, Arc<Mutex<Block>>>>,
}

impl Series {
    pub(crate) fn new(engine: Arc<dyn Engine>, random: Arc<dyn Random>) -> Self {
        Self { engine, random, blocks: Mutex::new(HashMap::new()) }
    }

    /// The next number of a series. Another block is reserved and durable before its first number is given.
    pub(crate) async fn next(&self, key: &SeriesKey) -> Result<u64, StorageError> {
        let block = {
            let mut blocks = self.blocks.lock().await;
            if blocks.len() >= limits::SERIES_HELD {
                // What is left of the blocks is lost: gaps are allowed.
                blocks.clear();
            }
            Arc::clone(blocks.entry(key.clone()).or_insert_with(|| Arc::new(Mutex::new(Block { next: 0, end: 0 }))))
        };
        let mut block = block.lock().await;
        if block.next == block.end {
            *block = self.reserve(key).await?;
        }
        let number = block.next;
        block.next += 1;
        Ok(number)
    }

    // The counter lives in the deployment's space: the call that waits may hold its group's exclusive permit.
    async fn reserve(&self, key: &SeriesKey) -> Result<Block, StorageError> {
        let space = Space::new(None, None, "@series", "blocks", 0)?;
        let storage_key = key.storage_key();
        let size = i64::try_from(limits::ID_BLOCK).unwrap_or(i64::MAX);
        let mut attempts = Attempts::new(&self.engine, None, &*self.random);
        let end = loop {
            let mut transaction = attempts.begin().await?;
            let reserved = async {
                transaction.add(&space, &storage_key, "end", size, Absent::Create).await?;
                transaction.get_json(&space, &storage_key).await
            };
            let reserved: Result<Option<Reserved>, StorageError> = reserved.await;
            if let Some(reserved) = attempts.end(transaction, reserved).await? {
                break reserved.unwrap_or_default().end;
            }
        };
        let end = u64::try_from(end).unwrap_or(0);
        Ok(Block { next: end - limits::ID_BLOCK + 1, end: end + 1 })
    }
}

/// The numbers one root call was given, so that another attempt gets the same.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    given: HashMap<SeriesKey, Vec<u64>>,
    used: HashMap<SeriesKey, usize>,
}

impl Numbers {
    /// Begins another attempt.
    pub(crate) fn rewind(&mut self) {
        self.used.clear();
    }

    /// How many series were drawn from.
    pub(crate) fn series(&self) -> usize {
        self.given.len()
    }

    pub(crate) fn has(&self, key: &SeriesKey) -> bool {
        self.given.contains_key(key)
    }

    pub(crate) async fn next(&mut self, series: &Series, key: SeriesKey) -> Result<u64, StorageError> {
        let given = self.given.entry(key.clone()).or_default();
        let used = self.used.entry(key.clone()).or_insert(0);
        let number = match given.get(*used) {
            Some(number) => *number,
            None => {
                let number = series.next(&key).await?;
                given.push(number);
                number
            }
        };
        *used += 1;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecourt_base::{GroupId, SeededRandom};
    use forecourt_storage::MemoryEngine;

    fn key(series: &str) -> SeriesKey {
        let scope = Scope::group(GroupId::new("demo").unwrap());
        SeriesKey { scope, plugin: "repair".to_owned(), series: series.to_owned() }
    }

    #[tokio::test]
    async fn numbers_rise_from_one_and_survive_a_restart_without_repeating() {
        let engine = MemoryEngine::new();
        let series = Series::new(Arc::clone(&engine), Arc::new(SeededRandom::new(1)));
        for expected in 1..=limits::ID_BLOCK + 2 {
            assert_eq!(series.next(&key("ro")).await.unwrap(), expected);
        }
        let restarted = Series::new(engine, Arc::new(SeededRandom::new(1)));
        assert_eq!(restarted.next(&key("ro")).await.unwrap(), 2 * limits::ID_BLOCK + 1);
        assert_eq!(restarted.next(&key("other")).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn another_attempt_gets_the_same_numbers() {
        let series = Series::new(MemoryEngine::new(), Arc::new(SeededRandom::new(1)));
        let mut numbers = Numbers::default();
        let first = (numbers.next(&series, key("a")).await.unwrap(), numbers.next(&series, key("a")).await.unwrap());
        numbers.rewind();
        let second = (numbers.next(&series, key("a")).await.unwrap(), numbers.next(&series, key("a")).await.unwrap());
        assert_eq!(first, second);
        assert_eq!(numbers.next(&series, key("a")).await.unwrap(), 3);
    }
}
