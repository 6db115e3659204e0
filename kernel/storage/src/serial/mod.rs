//! Proves (serial-order) and (one-state): several transactions take turns in an order drawn at random; whatever each read must be what it would have read had
//! the committed ones run one after another in the order of their positions. Transactions that did not commit are held to the state they began at. Those that
//! only read must never be refused, however much is committed while they look.

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

/// Places for transactions of either mode, which come and go.
const SLOTS: usize = 4;
/// Places behind them for transactions that only read, and stay.
const LOOKERS: usize = 2;
/// Tasks that commit at the same time as others look.
const TASKS: usize = 3;

/// A transaction under way and what it has seen.
struct Open {
    transaction: Transaction,
    history: Vec<(Act, Seen)>,
}

impl Open {
    fn begin(engine: &Arc<dyn Engine>, mode: Mode) -> Self {
        Self { transaction: Transaction::begin(engine, None, mode).unwrap(), history: Vec::new() }
    }
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
    place: &'a Place,
    open: [Option<Open>; SLOTS + LOOKERS],
    done: Vec<Done>,
}

impl<'a> Run<'a> {
    /// Runs all steps; what the transactions saw.
    async fn all(engine: &'a Arc<dyn Engine>, place: &'a Place, steps: &[Step]) -> Vec<Done> {
        let mut run = Self { engine, place, open: Default::default(), done: Vec::new() };
        for step in steps {
            run.step(step).await;
        }
        for slot in 0..run.open.len() {
            run.end(slot);
        }
        run.done
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Begin(slot, mode) => {
                self.end(*slot);
                self.open[*slot] = Some(Open::begin(self.engine, *mode));
            }
            Step::Act(slot, wanted) => {
                let mode = if *slot < SLOTS { Mode::ReadWrite } else { Mode::ReadOnly };
                let open = self.open[*slot].get_or_insert_with(|| Open::begin(self.engine, mode));
                let mode = open.transaction.mode();
                match act(&mut open.transaction, self.place, wanted).await {
                    Ok(seen) => open.history.push((wanted.clone(), seen)),
                    Err(StorageError::Conflict) if mode == Mode::ReadWrite => {}
                    Err(StorageError::ReadOnly) if mode == Mode::ReadOnly => {}
                    Err(error) => panic!("{wanted:?} ({mode:?}): {error}"),
                }
            }
            Step::Commit(slots) => {
                let open: Vec<Open> = slots.iter().filter_map(|slot| self.open[*slot].take()).collect();
                let (transactions, kept): (Vec<_>, Vec<_>) =
                    open.into_iter().map(|open| (open.transaction, open.history)).unzip();
                let commits = transactions.into_iter().map(async |tx| (tx.position(), tx.mode(), tx.commit().await));
                for ((began, mode, result), history) in futures::future::join_all(commits).await.into_iter().zip(kept) {
                    let (position, end) = match result {
                        Ok(position) if position > began => (position, End::Wrote),
                        Ok(position) => (position, End::Read),
                        Err(StorageError::Conflict) if mode == Mode::ReadWrite => (began, End::Left),
                        Err(error) => panic!("{mode:?}: {error}"),
                    };
                    self.done.push(Done { position, end, history });
                }
            }
            Step::Finish(slot) => {
                if let Some(Open { transaction, history }) = self.open[*slot].take() {
                    let (position, mode) = (transaction.position(), transaction.mode());
                    let end = match transaction.finish_without_effects().await {
                        Ok(()) => End::Read,
                        Err(StorageError::Conflict) if mode == Mode::ReadWrite => End::Left,
                        Err(error) => panic!("{mode:?}: {error}"),
                    };
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

/// A place that no other case uses.
fn new_place() -> Place {
    Place::new(u32::try_from(OsRandom.next_u64() >> 32).unwrap())
}

/// Runs the steps of each task, all tasks at once when there are several, and then judges what all saw.
fn check(engine: &Arc<dyn Engine>, tasks: &[Vec<Step>]) -> TestCaseResult {
    let place = new_place();
    let run = |steps: &[Step]| runtime().block_on(Run::all(engine, &place, steps));
    let mut done = match tasks {
        [steps] => run(steps),
        _ => std::thread::scope(|scope| {
            let threads: Vec<_> = tasks.iter().map(|steps| scope.spawn(|| run(steps))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        }),
    };
    done.push(runtime().block_on(async {
        let mut last = Open::begin(engine, Mode::ReadOnly);
        for wanted in Act::everything() {
            last.history.push((wanted.clone(), act(&mut last.transaction, &place, &wanted).await.unwrap()));
        }
        Done { position: last.transaction.position(), end: End::Read, history: last.history }
    }));
    judge(done)
}

/// Holds what was seen against the model, on which the transactions run one after another.
fn judge(mut done: Vec<Done>) -> TestCaseResult {
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

/// An engine on disk and the folder it lies in.
fn on_disk() -> (tempfile::TempDir, Arc<dyn Engine>) {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 1 << 16, ..LogOptions::default() };
    let engine = runtime().block_on(LogEngine::open(folder.path(), Arc::new(RealFiles), options)).unwrap();
    (folder, engine)
}

/// What happens at once happens differently each time, so a smaller case that fails too is not looked for.
fn at_once(default: u32) -> ProptestConfig {
    ProptestConfig { max_shrink_iters: 0, ..ProptestConfig::with_cases(cases(default)) }
}

fn tasks() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(steps(200), TASKS)
}

#[test]
fn transactions_in_memory_are_as_if_one_after_another() {
    let engine = MemoryEngine::new();
    proptest!(ProptestConfig::with_cases(cases(1_500)), |(steps in steps(80))| {
        check(&engine, &[steps])?;
    });
}

#[test]
fn transactions_on_disk_are_as_if_one_after_another() {
    let (_folder, engine) = on_disk();
    proptest!(ProptestConfig::with_cases(cases(100)), |(steps in steps(80))| {
        check(&engine, &[steps])?;
    });
}

#[test]
fn transactions_at_once_in_memory_are_as_if_one_after_another() {
    let engine = MemoryEngine::new();
    proptest!(at_once(300), |(tasks in tasks())| {
        check(&engine, &tasks)?;
    });
}

#[test]
fn transactions_at_once_on_disk_are_as_if_one_after_another() {
    let (_folder, engine) = on_disk();
    proptest!(at_once(30), |(tasks in tasks())| {
        check(&engine, &tasks)?;
    });
}

/// The number of cases, or what `PROPTEST_CASES` says.
pub(crate) fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
