//! Finding cycles, naming them, and telling them to people.

use std::fmt::Write as _;

use crate::anomaly::{Anomaly, Name};
use crate::facts::{Facts, TOLD};
use crate::graph::{Edge, Graph, Kind, node};
use crate::search::{Path, View, components, shortest_cycle, shortest_cycle_through};
use crate::{Operation, Transaction};

/// Transactions whose operations are told in full.
const TOLD_TRANSACTIONS: usize = 8;

/// The anomalies that are cycles, one for each component of the graph: without real time if there are any, else with it.
pub(crate) fn find(facts: &Facts<'_>, graph: &Graph) -> Vec<Anomaly> {
    for real_time in [false, true] {
        let whole = vec![0; graph.nodes()];
        let view = View { graph, within: &whole };
        let nodes = 0..node(graph.nodes());
        let found = components(&view, nodes, |_, edge| real_time || edge.kind != Kind::Time);
        if found.is_empty() {
            continue;
        }
        let mut within = whole.clone();
        for (component, number) in found.iter().zip(1..) {
            for member in component {
                within[*member as usize] = number;
            }
        }
        let judge = Judge { facts, view: View { graph, within: &within }, real_time };
        return found.iter().take(TOLD).filter_map(|component| judge.anomaly(component)).collect();
    }
    Vec::new()
}

struct Judge<'a> {
    facts: &'a Facts<'a>,
    view: View<'a>,
    real_time: bool,
}

impl Judge<'_> {
    /// The most elementary anomaly of a component.
    fn anomaly(&self, component: &[u32]) -> Option<Anomaly> {
        let timely = |edge: &Edge| self.real_time || edge.kind != Kind::Time;
        let elementary = |edge: &Edge| match edge.kind {
            Kind::Append => true,
            Kind::Time => self.real_time,
            Kind::Read | Kind::Missed | Kind::MissedInRange => false,
        };
        let flows = |edge: &Edge| timely(edge) && !edge.kind.is_missed();
        let (name, path) = if let Some(path) = self.cycle(component, elementary) {
            (Name::DirtyWrite, path)
        } else if let Some(path) = self.cycle(component, flows) {
            (Name::CircularInformation, path)
        } else if let Some(path) =
            shortest_cycle_through(&self.view, component, |edge| edge.kind.is_missed(), |_, edge| flows(edge))
        {
            (Name::ReadSkew, path)
        } else {
            let path = shortest_cycle(&self.view, component, |_, edge| timely(edge))?;
            (self.skew(component, &path, timely), path)
        };
        Some(Anomaly { name, real_time: self.real_time, text: self.tell(&path) })
    }

    fn cycle(&self, component: &[u32], allowed: impl Fn(&Edge) -> bool) -> Option<Path> {
        let found = components(&self.view, component.iter().copied(), |_, edge| allowed(edge));
        found.iter().filter_map(|part| shortest_cycle(&self.view, part, |_, edge| allowed(edge))).min_by_key(Vec::len)
    }

    /// What a cycle is called in which at least two have missed something.
    fn skew(&self, component: &[u32], path: &Path, timely: impl Fn(&Edge) -> bool) -> Name {
        let only_reads = |node: u32| !self.view.graph.is_instant(node) && !appends(self.facts.transaction(node));
        let without_readers = |node: u32, edge: &Edge| timely(edge) && !only_reads(node) && !only_reads(edge.to);
        if components(&self.view, component.iter().copied(), without_readers).is_empty() {
            Name::ReadOnly
        } else if path.iter().any(|(_, edge)| edge.kind == Kind::MissedInRange) {
            Name::Phantom
        } else {
            Name::WriteSkew
        }
    }

    fn tell(&self, path: &Path) -> String {
        let transaction = |number: u32| self.facts.transaction(number);
        let at = path.iter().position(|(node, _)| !self.view.graph.is_instant(*node)).unwrap_or(0);
        let round = || path.iter().cycle().skip(at).take(path.len());
        let mut text = String::new();
        let members: Vec<&Transaction> = round()
            .filter(|(node, _)| !self.view.graph.is_instant(*node))
            .map(|(node, _)| transaction(*node))
            .collect();
        let _ = write!(text, "{} transactions in a circle", members.len());
        let mut ended = None;
        for (from, edge) in round() {
            match (self.view.graph.is_instant(*from), self.view.graph.is_instant(edge.to)) {
                (false, true) => ended = Some(transaction(*from).id),
                (true, true) => {}
                (true, false) => {
                    let (from, to) = (ended.unwrap_or_default(), transaction(edge.to).id);
                    let _ = write!(text, "\n  T{from} had ended before T{to} began");
                }
                (false, false) => {
                    let _ = write!(text, "\n  {}", sentence(transaction(*from).id, transaction(edge.to).id, edge));
                }
            }
        }
        for member in members.iter().take(TOLD_TRANSACTIONS) {
            let Transaction { id, outcome, began, ended, operations } = member;
            let _ = write!(text, "\n  T{id} ({outcome:?}, {began} to {ended}):");
            operations.iter().for_each(|operation| text.push_str(&told(operation)));
        }
        text
    }
}

fn appends(transaction: &Transaction) -> bool {
    transaction.operations.iter().any(|operation| matches!(operation, Operation::Append { .. }))
}

fn sentence(from: u64, to: u64, edge: &Edge) -> String {
    let Edge { kind, key, element, .. } = edge;
    match kind {
        Kind::Append => format!("T{from} appended to key {key} before T{to} appended {element}"),
        Kind::Read => format!("T{from} appended {element} to key {key}, and T{to} read it"),
        Kind::Missed => format!("T{from} read key {key} without {element}, which T{to} appended"),
        Kind::MissedInRange => {
            format!("T{from} read a range without key {key}, to which T{to} appended {element} first")
        }
        Kind::Time => format!("T{from} had ended before T{to} began"),
    }
}

fn told(operation: &Operation) -> String {
    match operation {
        Operation::Read { key, list } => format!(" read {key} {list:?};"),
        Operation::Range { from, to, found } => format!(" range {from}..{to} {found:?};"),
        Operation::Append { key, element } => format!(" append {key} {element};"),
    }
}
