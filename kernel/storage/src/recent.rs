//! The rows that changed while someone is reading.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::engine::Position;
use crate::keys::RowRange;

/// For each row committed after the oldest snapshot, the position of its newest commit.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    positions: BTreeMap<Bytes, Position>,
    order: VecDeque<(Position, Vec<Bytes>)>,
}

impl Recent {
    /// Remembers that the commit at `position`, the newest, changed `rows`.
    pub(crate) fn insert(&mut self, position: Position, rows: Vec<Bytes>) {
        for row in &rows {
            self.positions.insert(row.clone(), position);
        }
        self.order.push_back((position, rows));
    }

    /// Whether the row changed after `position`.
    pub(crate) fn changed(&self, row: &[u8], position: Position) -> bool {
        self.positions.get(row).is_some_and(|newest| *newest > position)
    }

    /// Whether any row of the range changed after `position`.
    pub(crate) fn changed_within(&self, range: &RowRange, position: Position) -> bool {
        !range.is_empty()
            && self.positions.range(range.from.clone()..range.to.clone()).any(|(_, newest)| *newest > position)
    }

    /// Forgets what nobody asks for: changes up to `oldest`.
    pub(crate) fn forget(&mut self, oldest: Position) {
        while self.order.front().is_some_and(|(position, _)| *position <= oldest) {
            let Some((position, rows)) = self.order.pop_front() else { return };
            for row in rows {
                if self.positions.get(&row) == Some(&position) {
                    self.positions.remove(&row);
                }
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.positions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_known_until_they_are_forgotten() {
        let row = |text: &'static str| Bytes::from_static(text.as_bytes());
        let range = |from, to| RowRange { from: row(from), to: row(to) };
        let mut recent = Recent::default();
        recent.insert(4, vec![row("a"), row("c")]);
        recent.insert(5, vec![row("c")]);
        assert!(recent.changed(b"a", 3) && !recent.changed(b"a", 4) && recent.changed(b"c", 4));
        assert!(recent.changed_within(&range("b", "d"), 4) && !recent.changed_within(&range("a", "c"), 4));
        assert!(!recent.changed_within(&range("d", "a"), 0), "an inverted range holds nothing");
        recent.forget(4);
        assert!(!recent.changed(b"a", 3) && recent.changed(b"c", 4));
        recent.forget(5);
        assert_eq!(recent.len(), 0);
    }
}
