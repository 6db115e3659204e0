//! Proves (serial-order) and (one-state): several transactions take turns in an order drawn at random; whatever each read must be what it would have read had
//! the committed ones run one after another in the order of their positions. Transactions that did not commit are held to the state they began at.

mod model;
mod step;

use std::sync::Arc;

use forecourt_base::{OsRandom, Random};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::files::RealFiles;
use crate::serial::model::Model;
use crate::serial::step::{Act, Place, Seen, Step, act, steps};
use crate::{Engine, LogEngine, LogOptions, MemoryEngine, Mode, Position, StorageError, Transaction};

const SLOTS: usize = 4;

/// A transaction under way and what it has seen.
struct Open {
    transaction: Transaction,
    history: Vec<(Act, Seen)>,
}

/// What a transaction saw, and where in the order it belongs.
struct Done {
    /// The position at which it wrote, or whose state it read.
    position: Position,
    end: End,
    history: Vec<(Act, Seen)>,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Wrote,
    /// It wrote nothing, but storage vouched for what it saw.
    Read,
    /// It was given up, or refused. What it read is of one state all the same.
    Left,
}

struct Run<'a> {
    engine: &'a Arc<dyn Engine>,
    place: Place,
    open: [Option<Open>; SLOTS],
    done: Vec<Done>,
}

impl Run<'_> {
    async fn step(&mut self, step: &Step) {
        match step {
            Step::Begin(slot, mode) => {
                self.end(*slot);
                let transaction = Transaction::begin(self.engine, None, *mode).unwrap();
                self.open[*slot] = Some(Open { transaction, history: Vec::new() });
            }
            Step::Act(slot, wanted) => {
                let open = self.open[*slot].get_or_insert_with(|| Open {
                    transaction: Transaction::begin(self.engine, None, Mode::ReadWrite).unwrap(),
                    history: Vec::new(),
                });
                match act(&mut open.transaction, &self.place, wanted).await {
                    Ok(seen) => open.history.push((wanted.clone(), seen)),
                    Err(StorageError::Conflict | StorageError::ReadOnly) => {}
                    Err(error) => panic!("{wanted:?}: {error}"),
                }
            }
            Step::Commit(slots) => {
                let open: Vec<Open> = slots.iter().filter_map(|slot| self.open[*slot].take()).collect();
                let (transactions, kept): (Vec<_>, Vec<_>) = open
                    .into_iter()
                    .map(|open| ((open.transaction.position(), open.transaction), open.history))
                    .unzip();
                let commits =
                    transactions.into_iter().map(async |(began, transaction)| (began, transaction.commit().await));
                for ((began, result), history) in futures::future::join_all(commits).await.into_iter().zip(kept) {
                    let (position, end) = match result {
                        Ok(position) if position > began => (position, End::Wrote),
                        Ok(position) => (position, End::Read),
                        Err(StorageError::Conflict) => (began, End::Left),
                        Err(error) => panic!("{error}"),
                    };
                    self.done.push(Done { position, end, history });
                }
            }
            Step::Finish(slot) => {
                if let Some(Open { transaction, history }) = self.open[*slot].take() {
                    let position = transaction.position();
                    let end = if transaction.finish_without_effects().await.is_ok() { End::Read } else { End::Left };
                    self.done.push(Done { position, end, history });
                }
            }
            Step::Drop(slot) => self.end(*slot),
        }
    }

    fn end(&mut self, slot: usize) {
        if let Some(Open { transaction, history }) = self.open[slot].take() {
            self.done.push(Done { position: transaction.position(), end: End::Left, history });
        }
    }
}

/// Runs the steps on the engine in a place of its own, then one after another on the model.
async fn check(engine: &Arc<dyn Engine>, steps: &[Step]) -> TestCaseResult {
    let generation = u32::try_from(OsRandom.next_u64() >> 32).unwrap();
    let mut run = Run { engine, place: Place::new(generation), open: Default::default(), done: Vec::new() };
    for step in steps {
        run.step(step).await;
    }
    for slot in 0..SLOTS {
        run.end(slot);
    }
    let mut last = Transaction::begin(engine, None, Mode::ReadOnly).unwrap();
    let mut history = Vec::new();
    for act_ in Act::everything() {
        history.push((act_.clone(), act(&mut last, &run.place, &act_).await.unwrap()));
    }
    let mut done = run.done;
    done.push(Done { position: last.position(), end: End::Read, history });
    // Whoever read at a position saw what was written there.
    done.sort_by_key(|done| (done.position, done.end));
    let mut model = Model::default();
    for Done { position, end, history } in done {
        let mut one = model.begin();
        for (act, seen) in &history {
            let expected = one.act(act);
            // An addition looks at the newest record, so until storage vouches for it, it may have found what its state lacks.
            if end == End::Left && act.adds() && *seen != expected {
                break;
            }
            prop_assert_eq!(seen, &expected, "{:?} at {} ({:?}) in {:#?}", act, position, end, &history);
        }
        if end == End::Wrote {
            model = one.commit(position);
        }
    }
    Ok(())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn transactions_in_memory_are_as_if_one_after_another() {
    let (runtime, engine) = (runtime(), MemoryEngine::new());
    proptest!(ProptestConfig::with_cases(cases(1_500)), |(steps in steps())| {
        runtime.block_on(check(&engine, &steps))?;
    });
}

#[test]
fn transactions_on_disk_are_as_if_one_after_another() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let options = LogOptions { segment_bytes: 1 << 16, ..LogOptions::default() };
    let engine = runtime.block_on(LogEngine::open(folder.path(), Arc::new(RealFiles), options)).unwrap();
    proptest!(ProptestConfig::with_cases(cases(100)), |(steps in steps())| {
        runtime.block_on(check(&engine, &steps))?;
    });
}

/// The number of cases, or what `PROPTEST_CASES` says.
pub(crate) fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
