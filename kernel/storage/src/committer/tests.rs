use std::sync::{Mutex, OnceLock};

use forecourt_base::limits::STORAGE_VALUE_BYTES;

use super::*;
use crate::engine::{Change, ReadSet, RecordChange};
use crate::keys::{Direction, RowRange};
use crate::{
    Absent, RawRow,
    add::{Addend, Adds},
    envelope,
    locks::Locks,
};

#[derive(Default)]
struct Rows {
    rows: Mutex<BTreeMap<Bytes, Bytes>>,
    /// Runs when the rows have changed and their position is not published yet.
    applied: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Table for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        Ok(self.rows.lock().unwrap().get(key).cloned())
    }

    fn range(&self, _: &RowRange, _: Direction, _: usize) -> Result<Vec<RawRow>, StorageError> {
        Ok(Vec::new())
    }

    fn apply(&self, _: Position, rows: &BTreeMap<Bytes, Option<Bytes>>) -> Result<(), StorageError> {
        self.rows.lock().unwrap().extend(rows.iter().map(|(key, value)| (key.clone(), value.clone().unwrap())));
        if let Some(applied) = self.applied.get() {
            applied();
        }
        Ok(())
    }
}

/// Answers what it is told to, and keeps the sizes of the batches.
struct Told(Option<StorageError>, Arc<Mutex<Vec<usize>>>);

impl Journal for Told {
    fn append(&mut self, batch: &Batch) -> Result<(), StorageError> {
        self.1.lock().unwrap().push(batch.transactions.len());
        self.0.take().map_or(Ok(()), Err)
    }
}

struct Test {
    shared: Arc<Shared<Rows>>,
    committer: Committer<Rows, Told>,
    batches: Arc<Mutex<Vec<usize>>>,
    queue: VecDeque<Request>,
    answers: Vec<oneshot::Receiver<Result<Position, StorageError>>>,
}

impl Test {
    fn new(error: Option<StorageError>) -> Self {
        let (shared, batches) = (Arc::new(Shared::new(Rows::default(), 0)), Arc::default());
        let committer = Committer::new(Arc::clone(&shared), Told(error, Arc::clone(&batches)));
        Self { shared, committer, batches, queue: VecDeque::new(), answers: Vec::new() }
    }

    async fn queue(&mut self, reads: &[&'static str], change: Change) {
        let reads =
            ReadSet { keys: reads.iter().map(|key| Bytes::from_static(key.as_bytes())).collect(), ranges: vec![] };
        let records = vec![RecordChange { row: Bytes::from_static(b"row"), prefix_len: 0, change }];
        let snapshot = self.shared.snapshot().unwrap();
        let commit = Commit { snapshot, group: None, exclusive: None, reads, records, stamped: vec![] };
        let (answer, answered) = oneshot::channel();
        self.queue.push_back(Request { commit, permit: Locks::default().permit(None, None).await, answer });
        self.answers.push(answered);
    }

    async fn add(&mut self, reads: &[&'static str]) {
        self.queue(reads, Change::Add(Adds::new(Absent::Create, &Addend::new("n", 1)))).await;
    }

    /// Runs until the queue is empty; what was answered, `?` for a conflict and `!` for any other error.
    fn run(&mut self) -> String {
        while !self.queue.is_empty() {
            self.committer.run(&mut self.queue);
        }
        let answers = self.answers.drain(..).map(|mut answer| match answer.try_recv().unwrap() {
            Ok(position) => position.to_string(),
            Err(StorageError::Conflict) => "?".to_owned(),
            Err(error) => format!("!{error:?}"),
        });
        answers.collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn transactions_of_one_batch_are_held_against_one_another() {
    let mut test = Test::new(None);
    test.add(&["other"]).await;
    test.add(&[]).await;
    test.add(&["row"]).await;
    test.add(&[]).await;
    assert_eq!(test.run(), "1 2 ? 3");
    assert_eq!(*test.batches.lock().unwrap(), [3]);
    let row = test.shared.newest(b"row").unwrap().unwrap();
    assert_eq!(envelope::decode(&row).unwrap().payload, envelope::Payload::Inline("{\"n\":3}".into()));
    assert_eq!(test.shared.recent().len(), 0, "nobody reads at an older position");
}

#[tokio::test]
async fn changes_are_remembered_for_as_long_as_someone_reads() {
    let mut test = Test::new(None);
    let reader = test.shared.snapshot().unwrap();
    test.add(&[]).await;
    test.run();
    let read = test.shared.get(&reader, b"row").unwrap();
    assert_eq!((read.value, read.changed_since), (None, true), "the row came after the reader");
    assert_eq!(test.shared.recent().len(), 1);
    drop(reader);
    test.add(&[]).await;
    test.run();
    assert_eq!(test.shared.recent().len(), 0);
}

#[tokio::test]
async fn readers_see_what_was_even_while_the_table_changes() {
    let mut test = Test::new(None);
    test.add(&[]).await;
    test.run();
    let (reader, shared) = (test.shared.snapshot().unwrap(), Arc::downgrade(&test.shared));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let look = move || {
        let shared = shared.upgrade().unwrap();
        for snapshot in [&reader, &shared.snapshot().unwrap()] {
            let row = shared.get(snapshot, b"row").unwrap().value.unwrap();
            keep.lock().unwrap().push((snapshot.position(), envelope::decode(&row).unwrap().payload));
        }
    };
    assert!(test.shared.table.applied.set(Box::new(look)).is_ok());
    test.add(&[]).await;
    test.add(&[]).await;
    test.run();
    test.add(&[]).await;
    test.run();
    let one = envelope::Payload::Inline("{\"n\":1}".into());
    let three = envelope::Payload::Inline("{\"n\":3}".into());
    assert_eq!(*seen.lock().unwrap(), [(1, one.clone()), (1, one.clone()), (1, one), (3, three)]);
}

#[tokio::test]
async fn what_does_not_fit_into_a_frame_goes_into_the_next() {
    let mut test = Test::new(None);
    for _ in 0..3 {
        let (row, chunks) = envelope::encode(&vec![0; STORAGE_VALUE_BYTES].into(), &[]);
        test.queue(&[], Change::Put(crate::engine::Encoded { row, chunks, entries: vec![] })).await;
    }
    assert_eq!(test.run(), "1 2 3");
    assert_eq!(*test.batches.lock().unwrap(), [1, 1, 1]);
}

#[tokio::test]
async fn a_full_disk_is_told_and_passes_while_any_other_failure_stays() {
    let mut test = Test::new(Some(StorageError::DiskFull));
    test.add(&[]).await;
    assert_eq!(test.run(), "!DiskFull");
    test.add(&[]).await;
    assert_eq!(test.run(), "1", "the position was not used up");
    let mut test = Test::new(Some(StorageError::Index("broken".to_owned())));
    test.add(&[]).await;
    test.add(&[]).await;
    assert_eq!(test.run(), "!OutcomeUnknown !OutcomeUnknown");
    test.add(&[]).await;
    assert_eq!(test.run(), "!Poisoned");
    assert!(test.shared.newest(b"row").unwrap().is_none());
}
