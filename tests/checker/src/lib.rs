//! Judges from outside whether transactions were strictly serializable: as if run one after another, each at an instant between its beginning and its end.
//!
//! It is told what each transaction appended to lists and which lists it read, and knows nothing of the engine that ran them: no crate of the kernel is
//! named here. Because every element is appended once and lists only grow, what was read tells in which order the appends took place. From that follows which
//! transaction must come before which; a cycle among them is an order that cannot be. Adya's names are used for what is found, as the checker Elle does.
//!
//! The work grows with the length of what was read, and with the keys absent from the ranges read; it does not grow with the square of anything.
//!
//! It refuses to guess: where an answer was never received ([`Outcome::Unknown`]) the transaction counts when somebody saw what it appended, else not.
#![deny(missing_docs)]
#![expect(
    clippy::indexing_slicing,
    reason = "a part of the tests: nodes are numbered here and found by their numbers, and a panic fails the test that asked"
)]

mod anomaly;
mod cycles;
mod edges;
mod facts;
mod graph;
mod search;

use std::collections::BTreeMap;

pub use anomaly::{Anomaly, Name};

/// What a list is found under. Ranges are of keys in their order.
pub type Key = u64;

/// What is appended to a list. No element is appended to one key twice.
pub type Element = u64;

/// How a transaction ended, as far as whoever ran it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was told to be committed.
    Committed,
    /// It was told to have left nothing.
    Aborted,
    /// Nobody was told.
    Unknown,
}

/// What a transaction did, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// It read a list; an absent one is empty.
    Read {
        /// The list's key.
        key: Key,
        /// The elements, in their order. What the transaction itself appended before is among them.
        list: Vec<Element>,
    },
    /// It read all lists of a range of keys that are not empty.
    Range {
        /// The first key of the range.
        from: Key,
        /// The key before which the range ends.
        to: Key,
        /// What it found, in any order. Keys of the range that are not here had no list.
        found: Vec<(Key, Vec<Element>)>,
    },
    /// It appended an element, having read the list or not.
    Append {
        /// The list's key.
        key: Key,
        /// The element.
        element: Element,
    },
}

/// A transaction as whoever ran it saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// What it is called in the report.
    pub id: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// An instant before it began, on a clock that all share.
    pub began: u64,
    /// An instant after it ended; of no account where the outcome is unknown.
    pub ended: u64,
    /// What it did.
    pub operations: Vec<Operation>,
}

/// All that was observed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The transactions, in any order.
    pub transactions: Vec<Transaction>,
    /// All lists that are not empty, read when all transactions had ended.
    pub last: BTreeMap<Key, Vec<Element>>,
}

/// What a history without anomalies held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Transactions that count: committed, or seen though nobody was told.
    pub counted: usize,
    /// Those among them of which nobody was told.
    pub seen_unknown: usize,
    /// Elements in all lists at the end.
    pub elements: usize,
    /// Orders between two transactions that follow from what was read.
    pub edges: usize,
}

/// Judges a history.
///
/// # Errors
/// What is wrong, the most elementary first: when lists contradict one another, cycles are not looked for.
pub fn check(history: &History) -> Result<Summary, Vec<Anomaly>> {
    let facts = facts::Facts::gather(history)?;
    let graph = edges::graph(&facts);
    let found = cycles::find(&facts, &graph);
    if !found.is_empty() {
        return Err(found);
    }
    Ok(Summary {
        counted: facts.counted().count(),
        seen_unknown: facts.counted().filter(|tx| tx.outcome == Outcome::Unknown).count(),
        elements: history.last.values().map(Vec::len).sum(),
        edges: graph.edges(),
    })
}

#[cfg(test)]
mod tests;
