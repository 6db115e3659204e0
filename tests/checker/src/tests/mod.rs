mod clean;
mod found;
mod many;

use std::collections::BTreeMap;

use crate::{Anomaly, Element, History, Key, Name, Operation, Outcome, Summary, Transaction, check};

fn read(key: Key, list: &[Element]) -> Operation {
    Operation::Read { key, list: list.to_vec() }
}

fn range(from: Key, to: Key, found: &[(Key, &[Element])]) -> Operation {
    Operation::Range { from, to, found: found.iter().map(|(key, list)| (*key, list.to_vec())).collect() }
}

fn append(key: Key, element: Element) -> Operation {
    Operation::Append { key, element }
}

/// A transaction that overlaps with all others.
fn tx(id: u64, operations: Vec<Operation>) -> Transaction {
    Transaction { id, outcome: Outcome::Committed, began: 0, ended: 1_000, operations }
}

fn at(began: u64, ended: u64, transaction: Transaction) -> Transaction {
    Transaction { began, ended, ..transaction }
}

fn ended(outcome: Outcome, transaction: Transaction) -> Transaction {
    Transaction { outcome, ..transaction }
}

fn judge(transactions: Vec<Transaction>, last: &[(Key, &[Element])]) -> Result<Summary, Vec<Anomaly>> {
    let last: BTreeMap<_, _> = last.iter().map(|(key, list)| (*key, list.to_vec())).collect();
    check(&History { transactions, last })
}

/// The first anomaly's name, and whether it is one only in real time.
fn named(transactions: Vec<Transaction>, last: &[(Key, &[Element])]) -> (Name, bool) {
    let anomalies = judge(transactions, last).unwrap_err();
    (anomalies[0].name, anomalies[0].real_time)
}
