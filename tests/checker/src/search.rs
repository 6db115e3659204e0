//! Looking for cycles, without recursion: a history may be longer than a stack is deep.

use std::collections::{HashMap, VecDeque};

use crate::graph::{Edge, Graph};

/// Marks a node that was not visited.
const NEW: u32 = u32::MAX;

/// Nodes visited while the shortest cycle is sought. In large components it is sought from some of the nodes alone, and is then the shortest through these.
const VISITS: usize = 500_000;

fn starts(nodes: &[u32]) -> usize {
    (VISITS / nodes.len().max(1)).max(1)
}

/// Nodes and edges under consideration.
pub(crate) struct View<'a> {
    pub(crate) graph: &'a Graph,
    /// By node, its component; only edges within one are followed.
    pub(crate) within: &'a [u32],
}

impl View<'_> {
    fn follows(&self, from: u32, edge: &Edge) -> bool {
        self.within[from as usize] == self.within[edge.to as usize]
    }
}

/// A way through the graph: each step with the node it begins at.
pub(crate) type Path = Vec<(u32, Edge)>;

struct Visit {
    node: u32,
    next: usize,
}

/// The components of at least two nodes that are connected both ways by edges that are allowed (Tarjan's algorithm).
pub(crate) fn components(
    view: &View<'_>,
    nodes: impl Iterator<Item = u32>,
    allowed: impl Fn(u32, &Edge) -> bool,
) -> Vec<Vec<u32>> {
    let count = view.graph.nodes();
    let (mut index, mut low, mut on_stack) = (vec![NEW; count], vec![NEW; count], vec![false; count]);
    let (mut stack, mut visits, mut found, mut next_index) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for root in nodes {
        if index[root as usize] != NEW {
            continue;
        }
        visits.push(Visit { node: root, next: 0 });
        while let Some(visit) = visits.last_mut() {
            let node = visit.node as usize;
            if visit.next == 0 {
                (index[node], low[node], on_stack[node]) = (next_index, next_index, true);
                next_index += 1;
                stack.push(visit.node);
            }
            if let Some(edge) = view.graph.out(visit.node).get(visit.next) {
                visit.next += 1;
                if !view.follows(visit.node, edge) || !allowed(visit.node, edge) {
                    continue;
                }
                let to = edge.to as usize;
                if index[to] == NEW {
                    visits.push(Visit { node: edge.to, next: 0 });
                } else if on_stack[to] {
                    low[node] = low[node].min(index[to]);
                }
                continue;
            }
            visits.pop();
            if let Some(parent) = visits.last() {
                let parent = parent.node as usize;
                low[parent] = low[parent].min(low[node]);
            }
            if low[node] == index[node] {
                let mut component = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member as usize] = false;
                    component.push(member);
                    if member as usize == node {
                        break;
                    }
                }
                if component.len() > 1 {
                    found.push(component);
                }
            }
        }
    }
    found
}

/// The shortest way from one node to another over edges that are allowed, of fewer than `below` steps. Steps from instant to instant count nothing.
fn shortest_path(
    view: &View<'_>,
    from: u32,
    to: u32,
    below: usize,
    allowed: &impl Fn(u32, &Edge) -> bool,
) -> Option<(usize, Path)> {
    let mut reached: HashMap<u32, (usize, Option<(u32, Edge)>)> = HashMap::from([(from, (0, None))]);
    let mut queue = VecDeque::from([(0, from)]);
    while let Some((steps, node)) = queue.pop_front() {
        if node == to && steps > 0 {
            break;
        }
        if steps > reached[&node].0 || steps >= below {
            continue;
        }
        for edge in view.graph.out(node) {
            if !view.follows(node, edge) || !allowed(node, edge) {
                continue;
            }
            let steps = steps + usize::from(!view.graph.is_instant(node));
            let shorter = reached.get(&edge.to).is_none_or(|(known, _)| steps < *known);
            // The way back to where it began is wanted though that was reached with no steps at all.
            if shorter || (edge.to == to && to == from && reached[&to].1.is_none()) {
                reached.insert(edge.to, (steps, Some((node, *edge))));
                if view.graph.is_instant(node) {
                    queue.push_front((steps, edge.to))
                } else {
                    queue.push_back((steps, edge.to))
                }
            }
        }
    }
    let (steps, _) = *reached.get(&to)?;
    let mut path = Vec::new();
    let mut at = to;
    while let Some((before, edge)) = reached.get(&at)?.1 {
        path.push((before, edge));
        at = before;
        if at == from {
            break;
        }
    }
    path.reverse();
    (!path.is_empty() && steps < below).then_some((steps, path))
}

/// The shortest cycle among the nodes over edges that are allowed.
pub(crate) fn shortest_cycle(view: &View<'_>, nodes: &[u32], allowed: impl Fn(u32, &Edge) -> bool) -> Option<Path> {
    let mut best: Option<(usize, Path)> = None;
    for node in nodes.iter().filter(|node| !view.graph.is_instant(**node)).take(starts(nodes)) {
        let below = best.as_ref().map_or(usize::MAX, |(steps, _)| *steps);
        best = shortest_path(view, *node, *node, below, &allowed).or(best);
    }
    best.map(|(_, path)| path)
}

/// The shortest cycle of one edge that is `first` and others that are allowed.
pub(crate) fn shortest_cycle_through(
    view: &View<'_>,
    nodes: &[u32],
    first: impl Fn(&Edge) -> bool,
    allowed: impl Fn(u32, &Edge) -> bool,
) -> Option<Path> {
    let mut best: Option<(usize, Path)> = None;
    let edges = nodes.iter().flat_map(|node| view.graph.out(*node).iter().map(|edge| (*node, *edge)));
    for (node, edge) in edges.filter(|(node, edge)| first(edge) && view.follows(*node, edge)).take(starts(nodes)) {
        let below = best.as_ref().map_or(usize::MAX, |(steps, _)| *steps);
        if let Some((steps, path)) = shortest_path(view, edge.to, node, below, &allowed) {
            best = Some((steps, std::iter::once((node, edge)).chain(path).collect()));
        }
    }
    best.map(|(_, path)| path)
}
