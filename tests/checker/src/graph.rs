//! Which transaction must come before which, and why.

use crate::{Element, Key};

/// Why one comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// ww: its append lies before the other's in a list.
    Append,
    /// wr: the other has read what it appended.
    Read,
    /// rw: it has read a list before the other appended to it.
    Missed,
    /// rw over a predicate: it has read a range in which the other's list did not exist yet.
    MissedInRange,
    /// It had ended when the other began.
    Time,
}

impl Kind {
    pub(crate) fn is_missed(self) -> bool {
        matches!(self, Self::Missed | Self::MissedInRange)
    }
}

/// An order between two nodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) to: u32,
    pub(crate) kind: Kind,
    /// The list by which it is known.
    pub(crate) key: Key,
    /// What was appended, read or missed.
    pub(crate) element: Element,
}

/// Transactions by their number, and behind them instants: real time is a chain of instants, so that it takes no edge for every two transactions.
#[derive(Debug)]
pub(crate) struct Graph {
    out: Vec<Vec<Edge>>,
    transactions: usize,
    edges: usize,
}

impl Graph {
    pub(crate) fn new(transactions: usize) -> Self {
        Self { out: vec![Vec::new(); transactions], transactions, edges: 0 }
    }

    pub(crate) fn add(&mut self, from: u32, edge: Edge) {
        if from != edge.to {
            self.edges += usize::from(edge.kind != Kind::Time);
            self.out[from as usize].push(edge);
        }
    }

    pub(crate) fn add_time(&mut self, from: u32, to: u32) {
        self.add(from, Edge { to, kind: Kind::Time, key: 0, element: 0 });
    }

    /// A new node for an instant.
    pub(crate) fn add_instant(&mut self) -> u32 {
        self.out.push(Vec::new());
        node(self.out.len() - 1)
    }

    pub(crate) fn is_instant(&self, of: u32) -> bool {
        of as usize >= self.transactions
    }

    pub(crate) fn out(&self, of: u32) -> &[Edge] {
        &self.out[of as usize]
    }

    pub(crate) fn nodes(&self) -> usize {
        self.out.len()
    }

    /// The number of edges, those of time apart.
    pub(crate) fn edges(&self) -> usize {
        self.edges
    }
}

/// A node's number.
pub(crate) fn node(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
