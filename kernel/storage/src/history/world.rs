//! What clients share: an engine, where lists lie in it, and what was observed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use forecourt_checker::{Element, History, Key, Operation, Outcome};

use crate::history::client::{Client, How};
use crate::{Engine, Mode, Space};

/// Keys from here on have a stamped record for each element; the others one record each, in either of two homes.
pub(super) const STAMPED: Key = 1 << 32;
/// The counters, whose sum is always zero.
pub(super) const COUNTERS: u64 = 4;

pub(super) struct World {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) homes: [Space; 2],
    pub(super) stamped: Space,
    pub(super) counters: Space,
    /// What committed transfers have left in each counter.
    pub(super) sums: Mutex<[i64; COUNTERS as usize]>,
    clock: AtomicU64,
    ids: AtomicU64,
    done: Mutex<Vec<forecourt_checker::Transaction>>,
}

impl World {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        let space = |name| Space::new(None, None, "@test", name, 1).unwrap();
        Self {
            engine,
            homes: [space("one"), space("two")],
            stamped: space("stamped"),
            counters: space("counters"),
            sums: Mutex::default(),
            clock: AtomicU64::new(0),
            ids: AtomicU64::new(0),
            done: Mutex::default(),
        }
    }

    /// An instant: later than every one that was taken before.
    pub(super) fn instant(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn done(&self, transaction: forecourt_checker::Transaction) {
        self.done.lock().unwrap().push(transaction);
    }

    /// All that was observed, and what is there now that all have ended.
    pub(super) async fn finish(&self) -> History {
        let mut last = Client::begin(self, Mode::ReadOnly);
        let sums = last.counters().await.unwrap();
        assert_eq!(sums, *self.sums.lock().unwrap(), "what transfers added is all there, and no more");
        for from in [0, STAMPED] {
            last.range(from, from + STAMPED, &How::all()).await.unwrap();
        }
        let mut lists: BTreeMap<Key, Vec<Element>> = BTreeMap::new();
        for operation in last.operations() {
            let Operation::Range { found, .. } = operation else { panic!("{operation:?}") };
            lists.extend(found.iter().cloned());
        }
        last.leave(Outcome::Committed);
        History { transactions: std::mem::take(&mut *self.done.lock().unwrap()), last: lists }
    }
}
