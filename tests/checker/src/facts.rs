//! What the reads agree on: who appended what, in which order, and who counts. Contradictions among them are anomalies by themselves.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::graph::node;
use crate::{Anomaly, Element, History, Key, Name, Operation, Outcome, Transaction};

/// No more anomalies than this are told.
pub(crate) const TOLD: usize = 10;

/// Who appended an element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer {
    pub(crate) transaction: u32,
    /// Whether it was the last that the transaction appended to this key.
    is_last: bool,
}

/// A list read by a transaction, without what the transaction had itself appended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) key: Key,
    pub(crate) list: &'a [Element],
}

/// A range in which lists were absent.
#[derive(Debug, Clone)]
pub(crate) struct Absent {
    pub(crate) from: Key,
    pub(crate) to: Key,
    /// The keys that were there, in order.
    pub(crate) found: Vec<Key>,
}

/// What one transaction has read.
#[derive(Debug, Default)]
pub(crate) struct Reads<'a> {
    pub(crate) seen: Vec<Seen<'a>>,
    pub(crate) absent: Vec<Absent>,
}

pub(crate) struct Facts<'a> {
    pub(crate) history: &'a History,
    counts: Vec<bool>,
    writers: HashMap<(Key, Element), Writer>,
    /// What each transaction that counts has read; of others nothing.
    pub(crate) reads: Vec<Reads<'a>>,
    /// The elements of each list in their order.
    pub(crate) orders: BTreeMap<Key, &'a [Element]>,
}

impl<'a> Facts<'a> {
    /// Gathers what can be known.
    ///
    /// # Errors
    /// Contradictions.
    pub(crate) fn gather(history: &'a History) -> Result<Self, Vec<Anomaly>> {
        let writers = writers(history).map_err(|anomaly| vec![anomaly])?;
        let mut facts = Self {
            history,
            counts: counts(history, &writers),
            writers,
            reads: Vec::with_capacity(history.transactions.len()),
            orders: BTreeMap::new(),
        };
        let mut wrong = Vec::new();
        for (transaction, counts) in history.transactions.iter().zip(&facts.counts) {
            facts.reads.push(if *counts { reads(transaction, &mut wrong) } else { Reads::default() });
        }
        facts.find_orders();
        facts.check_orders(&mut wrong);
        facts.check_reads(&mut wrong);
        facts.check_last(&mut wrong);
        wrong.sort_by_key(|anomaly| anomaly.name);
        wrong.truncate(TOLD);
        if wrong.is_empty() { Ok(facts) } else { Err(wrong) }
    }

    pub(crate) fn counts(&self, transaction: u32) -> bool {
        self.counts[transaction as usize]
    }

    pub(crate) fn counted(&self) -> impl Iterator<Item = &'a Transaction> {
        self.history.transactions.iter().zip(&self.counts).filter(|(_, counts)| **counts).map(|(one, _)| one)
    }

    pub(crate) fn transaction(&self, transaction: u32) -> &'a Transaction {
        &self.history.transactions[transaction as usize]
    }

    pub(crate) fn writer(&self, key: Key, element: Element) -> Option<Writer> {
        self.writers.get(&(key, element)).copied()
    }

    /// The longest list that anybody has read tells the order, if the others agree.
    fn find_orders(&mut self) {
        let last = self.history.last.iter().map(|(key, list)| (*key, list.as_slice()));
        let seen = self.reads.iter().flat_map(|reads| &reads.seen).map(|seen| (seen.key, seen.list));
        for (key, list) in last.chain(seen) {
            let order = self.orders.entry(key).or_default();
            if list.len() > order.len() {
                *order = list;
            }
        }
        self.orders.retain(|_, order| !order.is_empty());
    }

    fn check_orders(&self, wrong: &mut Vec<Anomaly>) {
        for (key, order) in &self.orders {
            let mut elements = HashSet::with_capacity(order.len());
            for element in *order {
                let anomaly = match self.writer(*key, *element) {
                    None => Some((Name::FromNowhere, format!("nobody appended {element}, which is in"))),
                    Some(writer) if !self.counts(writer.transaction) => {
                        let id = self.transaction(writer.transaction).id;
                        Some((Name::AbortedRead, format!("T{id} was aborted, but what it appended, {element}, is in")))
                    }
                    Some(_) if !elements.insert(*element) => Some((Name::Duplicate, format!("{element} is twice in"))),
                    Some(_) => None,
                };
                if let Some((name, text)) = anomaly {
                    wrong.push(Anomaly::new(
                        name,
                        format!("{text} key {key} {order:?}, read by {}", self.reader(*key, *element)),
                    ));
                }
            }
        }
    }

    /// Somebody who has read the element.
    fn reader(&self, key: Key, element: Element) -> String {
        let has = |reads: &Reads<'_>| reads.seen.iter().any(|seen| seen.key == key && seen.list.contains(&element));
        let reader = self.reads.iter().position(has);
        reader.map_or("the last read of all".to_owned(), |at| format!("T{}", self.transaction(node(at)).id))
    }

    fn check_reads(&self, wrong: &mut Vec<Anomaly>) {
        for (transaction, reads) in self.history.transactions.iter().zip(&self.reads) {
            for Seen { key, list } in &reads.seen {
                let Some(last) = list.last() else { continue };
                let order = self.orders.get(key).copied().unwrap_or_default();
                if !order.starts_with(list) {
                    let text = format!("T{} read key {key} as {list:?}, another as {order:?}", transaction.id);
                    wrong.push(Anomaly::new(Name::IncompatibleOrder, text));
                } else if let Some(Writer { transaction: writer, is_last: false }) = self.writer(*key, *last) {
                    let writer = self.transaction(writer).id;
                    let text = format!(
                        "T{} read key {key} as {list:?}, but {last} is not the last that T{writer} appended there",
                        transaction.id
                    );
                    wrong.push(Anomaly::new(Name::IntermediateRead, text));
                }
            }
        }
    }

    fn check_last(&self, wrong: &mut Vec<Anomaly>) {
        for (key, order) in &self.orders {
            let last = self.history.last.get(key).map(Vec::as_slice).unwrap_or_default();
            if last != *order {
                let text = format!("key {key} was read as {order:?}, but in the end is {last:?}");
                let name = if order.starts_with(last) { Name::LostAppend } else { Name::IncompatibleOrder };
                wrong.push(Anomaly::new(name, text));
            }
        }
        let kept: HashSet<(Key, Element)> =
            self.history.last.iter().flat_map(|(key, list)| list.iter().map(|element| (*key, *element))).collect();
        for (transaction, key, element) in appends(self.history) {
            if transaction.outcome == Outcome::Committed && !kept.contains(&(key, element)) {
                let text =
                    format!("T{} was committed, but what it appended to key {key}, {element}, is gone", transaction.id);
                wrong.push(Anomaly::new(Name::LostAppend, text));
            }
        }
    }
}

fn appends(history: &History) -> impl Iterator<Item = (&Transaction, Key, Element)> {
    history.transactions.iter().flat_map(|transaction| {
        transaction.operations.iter().filter_map(move |operation| match operation {
            Operation::Append { key, element } => Some((transaction, *key, *element)),
            Operation::Read { .. } | Operation::Range { .. } => None,
        })
    })
}

fn writers(history: &History) -> Result<HashMap<(Key, Element), Writer>, Anomaly> {
    let mut writers = HashMap::new();
    for (transaction, number) in history.transactions.iter().zip(0..) {
        let mut newest: HashMap<Key, Element> = HashMap::new();
        for operation in &transaction.operations {
            let Operation::Append { key, element } = operation else { continue };
            if writers.insert((*key, *element), Writer { transaction: number, is_last: true }).is_some() {
                return Err(Anomaly::new(Name::Malformed, format!("{element} is appended to key {key} twice")));
            }
            if let Some(before) = newest.insert(*key, *element)
                && let Some(writer) = writers.get_mut(&(*key, before))
            {
                writer.is_last = false;
            }
        }
    }
    Ok(writers)
}

/// Who counts: the committed, and those of unknown outcome of which something was seen.
fn counts(history: &History, writers: &HashMap<(Key, Element), Writer>) -> Vec<bool> {
    let is = |outcome| move |transaction: &Transaction| transaction.outcome == outcome;
    let mut counts: Vec<bool> = history.transactions.iter().map(is(Outcome::Committed)).collect();
    if !history.transactions.iter().any(is(Outcome::Unknown)) {
        return counts;
    }
    let mut see = |key: Key, list: &[Element]| {
        for writer in list.iter().filter_map(|element| writers.get(&(key, *element))) {
            let writer = writer.transaction as usize;
            counts[writer] |= history.transactions[writer].outcome == Outcome::Unknown;
        }
    };
    history.last.iter().for_each(|(key, list)| see(*key, list));
    for operation in
        history.transactions.iter().filter(|one| is(Outcome::Committed)(one)).flat_map(|one| &one.operations)
    {
        match operation {
            Operation::Read { key, list } => see(*key, list),
            Operation::Range { found, .. } => found.iter().for_each(|(key, list)| see(*key, list)),
            Operation::Append { .. } => {}
        }
    }
    counts
}

fn reads<'a>(transaction: &'a Transaction, wrong: &mut Vec<Anomaly>) -> Reads<'a> {
    let mut own: BTreeMap<Key, Vec<Element>> = BTreeMap::new();
    let mut reads = Reads::default();
    for operation in &transaction.operations {
        match operation {
            Operation::Append { key, element } => own.entry(*key).or_default().push(*element),
            Operation::Read { key, list } => reads.seen.extend(without_own(transaction, &own, *key, list, wrong)),
            Operation::Range { from, to, found } => {
                for (key, list) in found {
                    reads.seen.extend(without_own(transaction, &own, *key, list, wrong));
                }
                let mut keys: Vec<Key> = found.iter().map(|(key, _)| *key).collect();
                keys.sort_unstable();
                let range = if from < to { *from..*to } else { 0..0 };
                for key in own.range(range).map(|(key, _)| *key).filter(|key| keys.binary_search(key).is_err()) {
                    without_own(transaction, &own, key, &[], wrong);
                }
                reads.absent.push(Absent { from: *from, to: *to, found: keys });
            }
        }
    }
    reads
}

/// What was there beside the transaction's own appends, which must be the end of what it reads.
fn without_own<'a>(
    transaction: &Transaction,
    own: &BTreeMap<Key, Vec<Element>>,
    key: Key,
    list: &'a [Element],
    wrong: &mut Vec<Anomaly>,
) -> Option<Seen<'a>> {
    let own = own.get(&key).map(Vec::as_slice).unwrap_or_default();
    let seen = list.strip_suffix(own).map(|list| Seen { key, list });
    if seen.is_none() {
        let text = format!("T{} had appended {own:?} to key {key} and then read it as {list:?}", transaction.id);
        wrong.push(Anomaly::new(Name::OwnAppendMissing, text));
    }
    seen
}
