//! The machine stops at every change of the disk that a long run makes, commits, snapshot files, trimming and rolling included, by a kill and by losses of
//! power that keep different parts of what was not synced; and at every change that the recovery from each of these makes.

use forecourt_base::Random;

use super::*;

/// How often the machine must have been stopped.
const POINTS: u64 = 100_000;
/// Losses of power at each change of the run.
const LOSSES: u64 = 2;
const BATCHES: usize = 54;
/// Runs at once.
const THREADS: usize = 2;

/// The rows at each position at which a batch ended.
#[derive(Default)]
struct States(BTreeMap<Position, RowMap>);

/// A disk as the machine left it.
struct Left<'a> {
    files: SimFiles,
    /// What a kill leaves of the index.
    table: Rows,
    acknowledged: Position,
    states: &'a States,
    label: String,
}

#[derive(Default)]
struct Count {
    points: u64,
    rebuilt: u64,
    killed: u64,
    /// Recoveries with a log that was trimmed.
    trimmed: u64,
}

impl Left<'_> {
    /// Ends the machine here, starts it again, and holds what it finds against what must be there. The disk at each change of the recovery.
    fn recover(&self, ends: Ends, chance: u64, count: &mut Count) -> (Vec<SimFiles>, Rows) {
        let label = || format!("{} {ends:?} chance {chance}", self.label);
        let files = self.files.fork(chance);
        files.restart(ends);
        let table = match ends {
            Ends::Killed => SimTable::with(Rows { disk: None, ..self.table.clone() }),
            Ends::PowerLost => SimTable::garbage(),
        };
        files.record();
        let mut rig = Rig::open(&files, table).unwrap_or_else(|error| panic!("{}: {error}", label()));
        let images = files.images();
        let (last, found) = (rig.position(), rig.rows());
        assert!(last >= self.acknowledged, "{}: at {last}, but {} was acknowledged", label(), self.acknowledged);
        let expected = self.states.0.get(&last).unwrap_or_else(|| panic!("{}: half a batch, at {last}", label()));
        assert_eq!(&found.map, expected, "{} at {last}", label());
        assert_eq!(found.applied, last, "{}", label());
        count.points += 1;
        count.rebuilt += u64::from(found.emptied_at.is_some());
        count.killed += u64::from(ends == Ends::Killed);
        let log = files.list(&data().join("log")).unwrap();
        count.trimmed += u64::from(log.iter().all(|name| *name != format!("{:016x}.log", 0)));
        if chance.is_multiple_of(2) {
            return (images, found);
        }
        // The engine goes on, and keeps what it now acknowledges.
        let after = rig.commit(&[vec![(200, Some("after".to_owned()))]]);
        assert!(matches!(after[..], [Ok(position)] if position == last + 1), "{}: {after:?}", label());
        let rows = rig.rows().map;
        drop(rig);
        files.restart(Ends::PowerLost);
        let rig = Rig::open(&files, SimTable::garbage()).unwrap_or_else(|error| panic!("{}: {error}", label()));
        assert_eq!((rig.position(), rig.rows().map), (last + 1, rows), "{} and again", label());
        (images, found)
    }

    /// Stops the machine here in several ways, and again at each change of the recoveries.
    fn recover_all(&self, random: &SeededRandom, count: &mut Count) {
        // Of what sled had not written, a kill may leave nothing, and then the log may begin behind the index.
        let behind = Left { files: self.files.clone(), table: Rows::default(), label: self.label.clone(), ..*self };
        behind.recover_each(Ends::Killed, random, count);
        for ends in std::iter::once(Ends::Killed).chain((0..LOSSES).map(|_| Ends::PowerLost)) {
            self.recover_each(ends, random, count);
        }
    }

    fn recover_each(&self, ends: Ends, random: &SeededRandom, count: &mut Count) {
        let (images, found) = self.recover(ends, random.next_u64(), count);
        for (number, files) in images.into_iter().enumerate() {
            let label = format!("{}, {ends:?}, recovery at change {number}", self.label);
            let table = if found.emptied_at.is_none_or(|at| files.operations() <= at) {
                self.table.clone()
            } else if files.operations() <= found.changed_at {
                // It was being made.
                SimTable::garbage().rows()
            } else {
                found.clone()
            };
            let left = Left { files, table, acknowledged: self.acknowledged, states: self.states, label };
            let again = if random.next_u64().is_multiple_of(3) { Ends::Killed } else { Ends::PowerLost };
            left.recover(again, random.next_u64(), count);
        }
    }
}

pub(super) fn writes(random: &SeededRandom, mark: usize) -> Writes {
    let mut writes: Writes = Vec::new();
    for _ in 0..=random.next_u64() % 3 {
        let key = u8::try_from(random.next_u64() % 24).unwrap();
        let value = match random.next_u64() % 8 {
            0 => None,
            1 => Some(format!("{mark}{}", "x".repeat(700))),
            _ => Some(format!("{mark}")),
        };
        if writes.iter().all(|(other, _)| *other != key) {
            writes.push((key, value));
        }
    }
    writes
}

/// What a run knows while it goes on.
struct Run {
    files: SimFiles,
    states: States,
    acknowledged: Position,
    /// The disk at each change, with what was acknowledged before it, and the index then.
    images: Vec<(SimFiles, Position, Rows)>,
    index: Rows,
}

impl Run {
    /// Commits a batch and keeps the disk at each of its changes.
    fn commit(&mut self, rig: &mut Rig, random: &SeededRandom, mark: usize) {
        self.keep();
        let large = mark % 17 == 16;
        let mut batch: Vec<Writes> = (0..=random.next_u64() % 3).map(|_| writes(random, mark)).collect();
        if large {
            batch.push(vec![(24, Some("y".repeat(3_000)))]);
        }
        let answers = rig.commit(&batch);
        self.keep();
        let last = *answers.last().unwrap().as_ref().unwrap();
        self.acknowledged = last;
        self.states.0.insert(last, rig.rows().map);
        if random.next_u64().is_multiple_of(3) {
            self.index = rig.rows();
        }
    }

    fn keep(&mut self) {
        let (known, index) = (self.acknowledged, self.index.clone());
        self.images.extend(self.files.images().into_iter().map(|files| (files, known, index.clone())));
    }
}

/// Commits on a simulated disk, with snapshot files during which commits go on; then stops the machine at each change that it made.
fn run(seed: u64) -> Count {
    let mut count = Count::default();
    let random = SeededRandom::new(seed);
    let files = SimFiles::new(seed);
    files.record();
    let mut rig = Rig::open(&files, SimTable::default()).unwrap();
    let states = States(BTreeMap::from([(0, RowMap::new())]));
    let mut run = Run { files, states, acknowledged: 0, images: Vec::new(), index: Rows::default() };
    for batch in 0..BATCHES {
        run.commit(&mut rig, &random, batch);
        if batch % 9 == 8 {
            rig.snapshot(|rig| run.commit(rig, &random, 1_000 + batch)).unwrap();
            run.keep();
        }
    }
    let label = |change: usize| format!("FORECOURT_SEED={} run {seed}, change {change}", super::seed());
    for (change, (files, acknowledged, table)) in run.images.into_iter().enumerate() {
        let left = Left { files, table, acknowledged, states: &run.states, label: label(change) };
        left.recover_all(&random, &mut count);
    }
    count
}

#[test]
fn wherever_the_machine_stops_what_was_acknowledged_is_there_and_nothing_by_halves() {
    let random = SeededRandom::new(seed());
    let (mut all, mut runs) = (Count::default(), 0);
    while all.points < POINTS {
        let counts = std::thread::scope(|scope| {
            let seeds: Vec<u64> = (0..THREADS).map(|_| random.next_u64()).collect();
            let threads: Vec<_> = seeds.into_iter().map(|seed| scope.spawn(move || run(seed))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<Count>>()
        });
        runs += counts.len();
        for count in counts {
            all.points += count.points;
            all.rebuilt += count.rebuilt;
            all.killed += count.killed;
            all.trimmed += count.trimmed;
        }
    }
    let Count { points, rebuilt, killed, trimmed } = all;
    println!(
        "{points} stops in {runs} runs: {killed} kills, {rebuilt} indexes made anew, {trimmed} from a trimmed log"
    );
    assert!(rebuilt > points / 10 && killed > points / 10 && trimmed > points / 10, "the runs say little");
}
