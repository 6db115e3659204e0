//! Long histories: neither a stack that overflows nor work that grows with the square.

use super::*;

const TRANSACTIONS: u64 = 10_000;
/// Transactions that work on the same lists before others are used.
const ROUND: u64 = 20;

/// Each reads a list and appends to it, in a chain as long as the history.
fn chain(count: u64) -> History {
    let (mut last, mut transactions) = (BTreeMap::<Key, Vec<Element>>::new(), Vec::new());
    for id in 0..count {
        let (key, before) = (id / ROUND, (id / ROUND).saturating_sub(1));
        let list = last.entry(key).or_default();
        let operations = vec![read(key, list), append(key, id)];
        list.push(id);
        let mut operations = operations;
        operations.push(read(before, &last[&before]));
        transactions.push(at(id * 10, id * 10 + 200, tx(id, operations)));
    }
    History { transactions, last }
}

#[test]
fn a_long_history_is_judged() {
    let summary = check(&chain(TRANSACTIONS)).unwrap();
    assert_eq!((summary.counted, summary.elements), (10_000, 10_000));
    assert!(summary.edges < 40_000, "{summary:?}");
}

#[test]
fn a_cycle_as_long_as_the_history_is_found() {
    let mut history = chain(TRANSACTIONS);
    // The first has seen what the last appended.
    let last = history.last[&(TRANSACTIONS / ROUND - 1)].clone();
    history.transactions[0].operations.push(read(TRANSACTIONS / ROUND - 1, &last));
    let anomalies = check(&history).unwrap_err();
    assert_eq!(anomalies[0].name, Name::CircularInformation);
}
