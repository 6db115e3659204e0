//! The machine stops at random operations on its disk, again and again. Each transaction writes the same mark to several records and a stamped record that
//! names them, so that what is found after a restart tells which transactions there are, and whether they are whole.

use proptest::prelude::*;

use super::*;
use crate::serial::cases;
use crate::{Absent, Row};

/// A transaction: the records it writes.
type Keys = Vec<u8>;

#[derive(Debug, Clone)]
struct Round {
    /// Each inner list is committed at once.
    commits: Vec<Vec<Keys>>,
    stop_in: u64,
    ends: Ends,
    /// After a kill: whether the index is found as it was at the round's beginning, as far as it had come to the disk.
    index_behind: bool,
    /// Whether the machine is stopped while it opens the folder again, too.
    stop_opening_in: Option<u64>,
}

#[derive(Debug, Default)]
struct Known {
    /// Marks of commits that were answered, by position.
    acknowledged: BTreeMap<Position, u64>,
    /// Marks of transactions whose outcome is open.
    open: Vec<u64>,
    keys: BTreeMap<u64, Keys>,
}

fn stamps() -> Space {
    Space::new(None, None, "@test", "stamps", 1).unwrap()
}

async fn commit(engine: &Arc<dyn Engine>, mark: u64, keys: &Keys) -> Result<Position, StorageError> {
    let mut tx = Transaction::begin(engine, None, Mode::ReadWrite)?;
    for key in keys {
        let entry = IndexEntry { index: "mark".into(), values: vec![forecourt_base::Scalar::Int(mark.cast_signed())] };
        tx.put(&space(), &[*key], mark.to_string(), vec![entry]).await?;
    }
    tx.add(&space(), b"sum", "n", 1, Absent::Create).await?;
    tx.put_stamped(&stamps(), b"s", mark.to_string()).await?;
    tx.commit().await
}

fn number(bytes: &[u8]) -> u64 {
    std::str::from_utf8(bytes).unwrap().parse().unwrap()
}

/// Holds what is in the folder against what is known.
async fn check(engine: &Arc<dyn Engine>, known: &mut Known) {
    let mut tx = Transaction::begin(engine, None, Mode::ReadOnly).unwrap();
    let rows = tx.scan(&stamps(), &KeyRange::all(), Direction::Forward, usize::MAX).await.unwrap();
    let position = |row: &Row| Position::from_be_bytes(row.key[1..9].try_into().unwrap());
    let found: BTreeMap<Position, u64> = rows.items.iter().map(|row| (position(row), number(&row.value))).collect();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), (1..=engine.stable_position()).collect::<Vec<_>>());
    for (position, mark) in &known.acknowledged {
        assert_eq!(found.get(position), Some(mark), "acknowledged at {position}");
    }
    for (position, mark) in &found {
        assert!(known.acknowledged.contains_key(position) || known.open.contains(mark), "{mark} was refused");
    }
    let mut records = BTreeMap::new();
    for mark in found.values() {
        for key in &known.keys[mark] {
            records.insert(vec![*key], *mark);
        }
    }
    let count = tx.get(&space(), b"sum").await.unwrap().map(|bytes| bytes.to_vec());
    assert_eq!(count, (!found.is_empty()).then(|| format!("{{\"n\":{}}}", found.len()).into_bytes()));
    let rows = tx.scan(&space(), &KeyRange::all(), Direction::Forward, usize::MAX).await.unwrap();
    let scanned: BTreeMap<_, _> =
        rows.items.iter().filter(|row| row.key != "sum").map(|row| (row.key.to_vec(), number(&row.value))).collect();
    assert_eq!(scanned, records, "no transaction is there in part");
    let rows =
        tx.query(&space(), "mark", &crate::IndexRange::all(), Direction::Forward, usize::MAX, None).await.unwrap();
    let indexed: BTreeMap<_, _> = rows.items.iter().map(|row| (row.key.to_vec(), number(&row.value))).collect();
    assert_eq!((indexed, rows.items.len()), (records.clone(), records.len()), "the index is that of the records");
    // What was shown once stays.
    known.acknowledged = found;
    known.open.clear();
}

pub(super) fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

async fn run(seed: u64, rounds: &[Round]) {
    let machine = Machine::new(seed);
    let (index, before) = (machine.folder.path().join("index"), machine.folder.path().join("before"));
    let mut known = Known::default();
    let mut mark = 0;
    for round in rounds {
        std::fs::create_dir_all(&index).unwrap();
        copy(&index, &before);
        if let Some(operations) = round.stop_opening_in {
            machine.files.stop_in(operations);
            drop(machine.open().await);
            machine.files.restart(round.ends);
        }
        let engine = machine.open().await.unwrap();
        check(&engine, &mut known).await;
        machine.files.stop_in(round.stop_in);
        for at_once in &round.commits {
            let marks: Vec<u64> = (mark..).take(at_once.len()).collect();
            mark += at_once.len() as u64;
            known.keys.extend(marks.iter().copied().zip(at_once.iter().cloned()));
            let commits = marks.iter().zip(at_once).map(|(mark, keys)| commit(&engine, *mark, keys));
            for (mark, result) in marks.iter().zip(futures::future::join_all(commits).await) {
                match result {
                    Ok(position) => assert_eq!(known.acknowledged.insert(position, *mark), None),
                    Err(StorageError::OutcomeUnknown) => known.open.push(*mark),
                    Err(error) => {
                        assert!(machine.files.stopped() && matches!(error, StorageError::Poisoned), "{error}")
                    }
                }
            }
        }
        drop(engine);
        machine.files.restart(round.ends);
        if round.ends == Ends::Killed && round.index_behind && round.stop_opening_in.is_none() {
            copy(&before, &index);
        }
    }
    check(&machine.open().await.unwrap(), &mut known).await;
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let keys = prop::collection::btree_set(0_u8..12, 1..6).prop_map(|keys| keys.into_iter().collect::<Keys>());
    let commits = prop::collection::vec(prop::collection::vec(keys, 1..4), 1..8);
    let ends = prop_oneof![1 => Just(Ends::Killed), 2 => Just(Ends::PowerLost)];
    let round = (commits, 1_u64..24, ends, any::<bool>(), prop::option::weighted(0.3, 1_u64..24));
    let round = round.prop_map(|(commits, stop_in, ends, index_behind, stop_opening_in)| Round {
        commits,
        stop_in,
        ends,
        index_behind,
        stop_opening_in,
    });
    prop::collection::vec(round, 8..12)
}

#[test]
fn whatever_point_the_machine_stops_at_nothing_acknowledged_is_lost_and_nothing_is_there_in_part() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // Each case takes long, so a failing one is made only a little simpler.
    let config = ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(cases(30)) };
    proptest!(config, |(seed in any::<u64>(), rounds in rounds())| {
        runtime.block_on(run(seed, &rounds));
    });
}
