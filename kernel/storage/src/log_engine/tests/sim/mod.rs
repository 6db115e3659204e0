//! The engine without threads, on a simulated disk, with a table that survives what a test says: each operation on the disk is in a fixed order, so that the
//! machine can be stopped, and the disk fail, at every one of them.

mod blobs;
mod damage;
mod faults;
mod points;

use std::path::Path;
use std::sync::Mutex;

use futures::FutureExt;

use super::*;
use crate::committer::{Journal, Request};
use crate::engine::{Change, Encoded, ReadSet, RecordChange};
use crate::envelope;
use crate::folder::Folder;
use crate::health::Condition;
use crate::log::Log;
use crate::log_engine::opened::Opened;
use crate::shared::Table;
use crate::snapshot::Keeper;
use crate::store::{Store, StoredTable};

/// The seed of all that is drawn: `FORECOURT_SEED`, or always the same.
fn seed() -> u64 {
    std::env::var("FORECOURT_SEED").map_or(20_261_124, |seed| seed.parse().expect("FORECOURT_SEED is a number"))
}

type RowMap = BTreeMap<Bytes, Bytes>;

#[derive(Debug, Default, Clone)]
struct Rows {
    map: RowMap,
    applied: Position,
    /// The disk, and its changes before the table was last emptied and last changed.
    disk: Option<SimFiles>,
    emptied_at: Option<u64>,
    changed_at: u64,
}

/// A table in memory.
#[derive(Debug, Default, Clone)]
struct SimTable(Arc<Mutex<Rows>>);

impl SimTable {
    fn with(rows: Rows) -> Self {
        Self(Arc::new(Mutex::new(rows)))
    }

    /// What a loss of power may leave of an index: nothing that anyone may believe.
    fn garbage() -> Self {
        Self::with(Rows {
            map: BTreeMap::from([("\x01junk".into(), "junk".into())]),
            applied: 1 << 40,
            ..Rows::default()
        })
    }

    fn rows(&self) -> Rows {
        self.0.lock().unwrap().clone()
    }
}

impl Table for SimTable {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        Ok(self.0.lock().unwrap().map.get(key).cloned())
    }

    fn range(
        &self,
        range: &crate::RowRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<crate::RawRow>, StorageError> {
        assert_eq!(direction, Direction::Forward);
        let rows = self.0.lock().unwrap();
        let found = rows.map.range(range.from.clone()..range.to.clone()).take(limit);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, position: Position, changes: &BTreeMap<Bytes, Option<Bytes>>) -> Result<(), StorageError> {
        let mut rows = self.0.lock().unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => rows.map.insert(key.clone(), value.clone()),
                None => rows.map.remove(key),
            };
        }
        rows.applied = position;
        rows.changed_at = rows.disk.as_ref().map_or(0, SimFiles::operations);
        Ok(())
    }
}

impl StoredTable for SimTable {
    fn applied(&self) -> Result<Position, StorageError> {
        Ok(self.0.lock().unwrap().applied)
    }

    fn flush(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn is_damaged(&self) -> bool {
        false
    }
}

/// Where a table in memory lies.
struct SimStore(SimTable);

impl Store for SimStore {
    type Table = SimTable;

    fn open(&self) -> Result<SimTable, StorageError> {
        Ok(self.0.clone())
    }

    fn remove(&self) -> Result<(), StorageError> {
        let mut rows = self.0.0.lock().unwrap();
        let disk = rows.disk.take();
        *rows = Rows { emptied_at: disk.as_ref().map(SimFiles::operations), disk, ..Rows::default() };
        Ok(())
    }
}

/// Records to write, or to delete.
type Writes = Vec<(u8, Option<String>)>;

/// An opened folder at work.
struct Rig {
    shared: Arc<Shared<SimTable>>,
    committer: Committer<SimTable, Log>,
    condition: Arc<Condition>,
    keeper: Keeper<SimTable>,
}

fn data() -> &'static Path {
    Path::new("/data")
}

impl Rig {
    fn open(files: &SimFiles, table: SimTable) -> Result<Self, StorageError> {
        {
            let mut rows = table.0.lock().unwrap();
            (rows.disk, rows.emptied_at) = (Some(files.clone()), None);
        }
        let store = SimStore(table);
        let folder = Folder::open(data(), Arc::new(files.clone()))?;
        let options = LogOptions { snapshot_block_rows: 5, ..options() };
        let Opened { shared, log, condition, keeper, .. } = Opened::open(folder, &store, options)?;
        let committer = Committer::new(Arc::clone(&shared), log);
        Ok(Self { shared, committer, condition, keeper })
    }

    fn position(&self) -> Position {
        self.shared.active.published()
    }

    fn rows(&self) -> Rows {
        self.shared.table.rows()
    }

    fn commit(&mut self, transactions: &[Writes]) -> Vec<Result<Position, StorageError>> {
        commit(&self.shared, &mut self.committer, transactions)
    }

    /// Makes a snapshot file, with `between` after each of its blocks, and removes what is needless.
    fn snapshot(&mut self, mut between: impl FnMut(&mut Self)) -> Result<(), StorageError> {
        // The keeper shares nothing with the committer but what is made to be shared.
        let keeper = self.keeper.share();
        let made = keeper.make(|| {
            between(self);
            true
        })?;
        assert!(made.is_some());
        keeper.tidy()
    }
}

/// Commits the transactions in one batch. What each was answered.
fn commit<J: Journal>(
    shared: &Shared<SimTable>,
    committer: &mut Committer<SimTable, J>,
    transactions: &[Writes],
) -> Vec<Result<Position, StorageError>> {
    let (mut queue, mut answers) = (VecDeque::new(), Vec::new());
    for writes in transactions {
        let records = writes.iter().map(|(key, value)| record(*key, value.as_deref())).collect();
        let (snapshot, reads) = (shared.snapshot().unwrap(), ReadSet::default());
        let commit = Commit { snapshot, group: None, exclusive: None, reads, records, stamped: vec![] };
        let (answer, answered) = oneshot::channel();
        let permit = Locks::default().permit(None, None).now_or_never().unwrap();
        queue.push_back(Request { commit, permit, answer });
        answers.push(answered);
    }
    while !queue.is_empty() {
        committer.run(&mut queue);
    }
    answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect()
}

/// A record with an index entry; large ones have chunks.
fn record(key: u8, value: Option<&str>) -> RecordChange {
    let row = space().record(&[key]).unwrap();
    let entry = crate::index::encode_entry(&IndexEntry { index: "key".into(), values: vec![] });
    let change = value.map_or(Change::Delete, |value| {
        let entries = vec![entry];
        let (row, chunks) = envelope::encode(&Bytes::copy_from_slice(value.as_bytes()), &entries);
        Change::Put(Encoded { row, chunks, entries })
    });
    RecordChange { row, prefix_len: space().prefix_len(), change }
}
