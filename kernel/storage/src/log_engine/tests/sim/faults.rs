//! Every change of the disk fails once, in a run of its own: the change alone, or all after it too until the machine is started again.

use super::points::writes;
use super::*;
use crate::Health;
use crate::files::sim::Fault;

const BATCHES: usize = 30;

/// What a run with one fault came to.
#[derive(Debug, Default)]
struct Told {
    unknown: u64,
    poisoned: u64,
    full: u64,
    no_snapshot: u64,
    not_opened: u64,
}

/// Which states a reader may find.
#[derive(Default)]
struct Known {
    /// The rows at the last position that was acknowledged.
    acknowledged: (Position, RowMap),
    /// Those after the frame whose outcome is unknown.
    open: Option<(Position, RowMap)>,
}

/// Applies the writes to `rows` as raw rows, by a table in memory.
fn with(rows: &RowMap, position: Position, batch: &[Writes]) -> RowMap {
    let table = SimTable::with(Rows { map: rows.clone(), applied: position, ..Rows::default() });
    let shared = Arc::new(Shared::new(table, position));
    let mut committer = Committer::new(Arc::clone(&shared), crate::memory::NoJournal);
    let _ = commit(&shared, &mut committer, batch);
    shared.table.rows().map
}

/// Commits on a disk whose `change`-th change fails. Whether there was such a change.
fn run(change: u64, fault: Fault, told: &mut Told) -> bool {
    let label = || format!("FORECOURT_SEED={} fault {fault:?} at change {change}", seed());
    let (random, files) = (SeededRandom::new(seed()), SimFiles::new(change));
    files.fail_in(change, fault);
    let table = SimTable::default();
    let mut rig = match Rig::open(&files, table.clone()) {
        Ok(rig) => rig,
        Err(_) => {
            told.not_opened += 1;
            Rig::open(&files, table.clone()).unwrap_or_else(|error| panic!("{}: {error}", label()))
        }
    };
    let mut known = Known::default();
    for mark in 0..BATCHES {
        let batch: Vec<Writes> = (0..=mark % 3).map(|_| writes(&random, mark)).collect();
        attempt(&files, &mut rig, &batch, &mut known, told, &label);
        if mark % 7 == 6 && rig.snapshot(|_| {}).is_err() {
            // It harms no commit, and is made the next time.
            told.no_snapshot += 1;
            if known.open.is_none() {
                assert_eq!(rig.condition.health(), Health::Ok, "{}", label());
                attempt(
                    &files,
                    &mut rig,
                    &[vec![(1, Some("after a snapshot that failed".to_owned()))]],
                    &mut known,
                    told,
                    &label,
                );
                rig.snapshot(|_| {}).unwrap_or_else(|error| panic!("{}: {error}", label()));
            }
        }
    }
    let reached = files.operations() >= change;
    drop(rig);
    for (ends, table) in [(Ends::Killed, table), (Ends::PowerLost, SimTable::garbage())] {
        let files = files.fork(change);
        files.restart(ends);
        let mut rig = Rig::open(&files, table).unwrap_or_else(|error| panic!("{} {ends:?}: {error}", label()));
        let found = (rig.position(), rig.rows().map);
        let is_open = known.open.as_ref() == Some(&found);
        assert!(found == known.acknowledged || is_open, "{} {ends:?}: at {}", label(), found.0);
        assert_eq!(rig.condition.health(), Health::Ok);
        assert!(rig.commit(&[vec![(9, None)]])[0].is_ok(), "{} {ends:?}", label());
    }
    reached
}

/// Commits a batch and learns from what it is answered.
fn attempt(
    files: &SimFiles,
    rig: &mut Rig,
    batch: &[Writes],
    known: &mut Known,
    told: &mut Told,
    label: &dyn Fn() -> String,
) {
    let (before, rows) = known.acknowledged.clone();
    let after = with(&rows, before, batch);
    for answer in rig.commit(batch) {
        match answer {
            Ok(position) => {
                assert!(known.open.is_none(), "{}: a commit after a failure", label());
                known.acknowledged = (position, after.clone());
            }
            Err(StorageError::OutcomeUnknown) => {
                told.unknown += 1;
                assert!(matches!(rig.condition.health(), Health::Poisoned { .. }), "{}", label());
                known.open.get_or_insert((before + batch.len() as u64, after.clone()));
            }
            Err(StorageError::Poisoned) if known.open.is_some() => told.poisoned += 1,
            Err(StorageError::DiskFull) => {
                told.full += 1;
                let files = files.fork(before);
                files.restart(Ends::Killed);
                let found = Rig::open(&files, SimTable::with(Rows { disk: None, ..rig.rows() })).unwrap();
                assert_eq!((found.position(), found.rows().map), known.acknowledged, "{}: refused", label());
            }
            Err(error) => panic!("{}: {error}", label()),
        }
    }
    assert_eq!(rig.rows().map, known.acknowledged.1, "{}: readers see what was acknowledged alone", label());
}

#[test]
fn whichever_operation_fails_nothing_acknowledged_is_lost_and_the_next_start_mends_it() {
    let mut told = Told::default();
    let mut faults = 0;
    for fault in [Fault::Error, Fault::Full] {
        let before = faults;
        while run(faults - before + 1, fault, &mut told) {
            faults += 1;
        }
    }
    println!("{faults} faults: {told:?}");
    let Told { unknown, poisoned, full, no_snapshot, not_opened } = told;
    assert!(faults > 400, "{faults}");
    assert!([unknown, poisoned, full, no_snapshot, not_opened].iter().all(|times| *times > 5), "the runs say little");
}
