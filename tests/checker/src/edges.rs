//! From what was read to the graph of orders.

use crate::facts::{Facts, Seen};
use crate::graph::{Edge, Graph, Kind, node};
use crate::{Element, Key, Outcome};

/// The graph of all orders that follow from the facts.
pub(crate) fn graph(facts: &Facts<'_>) -> Graph {
    let mut graph = Graph::new(facts.history.transactions.len());
    for (key, order) in &facts.orders {
        for pair in order.windows(2) {
            appended(facts, &mut graph, *key, pair[0], pair[1]);
        }
    }
    for (reads, reader) in facts.reads.iter().zip(0..) {
        for seen in &reads.seen {
            read(facts, &mut graph, reader, seen);
        }
        for absent in reads.absent.iter().filter(|absent| absent.from < absent.to) {
            for (key, order) in facts.orders.range(absent.from..absent.to) {
                if absent.found.binary_search(key).is_err() {
                    missed(facts, &mut graph, reader, Kind::MissedInRange, *key, order.first());
                }
            }
        }
    }
    real_time(facts, &mut graph);
    graph
}

fn appended(facts: &Facts<'_>, graph: &mut Graph, key: Key, first: Element, second: Element) {
    if let (Some(from), Some(to)) = (facts.writer(key, first), facts.writer(key, second)) {
        graph.add(from.transaction, Edge { to: to.transaction, kind: Kind::Append, key, element: second });
    }
}

fn read(facts: &Facts<'_>, graph: &mut Graph, reader: u32, seen: &Seen<'_>) {
    if let Some(last) = seen.list.last()
        && let Some(writer) = facts.writer(seen.key, *last)
    {
        graph.add(writer.transaction, Edge { to: reader, kind: Kind::Read, key: seen.key, element: *last });
    }
    let next = facts.orders.get(&seen.key).and_then(|order| order.get(seen.list.len()));
    missed(facts, graph, reader, Kind::Missed, seen.key, next);
}

/// The reader comes before whoever appended what it would have seen next.
fn missed(facts: &Facts<'_>, graph: &mut Graph, reader: u32, kind: Kind, key: Key, next: Option<&Element>) {
    if let Some(element) = next
        && let Some(writer) = facts.writer(key, *element)
    {
        graph.add(reader, Edge { to: writer.transaction, kind, key, element: *element });
    }
}

/// Whoever ended before another began comes before it: by way of the instants at which transactions ended, each of which leads to the next.
fn real_time(facts: &Facts<'_>, graph: &mut Graph) {
    let counted = || (0..facts.history.transactions.len()).map(node).filter(|number| facts.counts(*number));
    let mut ends: Vec<(u64, u32)> = counted()
        .filter(|number| facts.transaction(*number).outcome == Outcome::Committed)
        .map(|number| (facts.transaction(number).ended, number))
        .collect();
    ends.sort_unstable();
    let mut instants = Vec::with_capacity(ends.len());
    for (_, number) in &ends {
        let instant = graph.add_instant();
        graph.add_time(*number, instant);
        if let Some(before) = instants.last() {
            graph.add_time(*before, instant);
        }
        instants.push(instant);
    }
    for number in counted() {
        let began = facts.transaction(number).began;
        let ended_before = ends.partition_point(|(ended, _)| *ended < began);
        if let Some(instant) = ended_before.checked_sub(1) {
            graph.add_time(instants[instant], number);
        }
    }
}
