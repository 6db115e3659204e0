use super::*;

fn row(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn range(from: &'static str, to: &'static str) -> RowRange {
    RowRange { from: row(from), to: row(to) }
}

fn undo(changes: &[(&'static str, Option<&'static str>)]) -> Vec<Undo> {
    changes.iter().map(|(key, before)| (row(key), before.map(row))).collect()
}

/// At 4 `a` and `c` are inserted, at 5 `b` is deleted and `c` updated, at 6 `c` is deleted.
fn recent() -> Recent {
    let mut recent = Recent::default();
    recent.insert(4, undo(&[("a", None), ("c", None)]));
    recent.insert(5, undo(&[("b", Some("b3")), ("c", Some("c4"))]));
    recent.insert(6, undo(&[("c", Some("c5"))]));
    recent
}

#[test]
fn a_row_is_what_it_was_before_the_first_change_after_a_position() {
    let recent = recent();
    let before = |key: &str, position| recent.before(key.as_bytes(), position).unwrap().cloned();
    assert_eq!(
        [before("c", 3), before("c", 4), before("c", 5)],
        [Some(None), Some(Some(row("c4"))), Some(Some(row("c5")))]
    );
    assert_eq!([before("c", 6), before("b", 5), before("d", 0)], [None, None, None]);
    assert!(recent.changed(b"b", 4) && !recent.changed(b"b", 5));
    assert!(recent.changed_within(&range("b", "d"), 5) && !recent.changed_within(&range("a", "c"), 5));
    assert!(!recent.changed_within(&range("d", "a"), 0), "an inverted range holds nothing");
}

#[test]
fn a_range_is_restored_in_both_directions() {
    let recent = recent();
    let now = [(row("a"), row("a4")), (row("d"), row("d1"))];
    let back: Vec<RawRow> = now.iter().rev().cloned().collect();
    let restored = |position, direction, limit| {
        let now = if direction == Direction::Forward { &now[..] } else { &back[..] };
        let rows = recent.restored(&range("a", "z"), direction, position, now, limit).unwrap();
        rows.map(|rows| rows.iter().map(|(_, value)| String::from_utf8(value.to_vec()).unwrap()).collect::<Vec<_>>())
    };
    let expected = |rows: &[&str]| Some(rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>());
    assert_eq!(restored(3, Direction::Forward, 9), expected(&["b3", "d1"]));
    assert_eq!(restored(4, Direction::Forward, 9), expected(&["a4", "b3", "c4", "d1"]));
    assert_eq!(restored(4, Direction::Forward, 2), expected(&["a4", "b3"]));
    assert_eq!(restored(5, Direction::Backward, 9), expected(&["d1", "c5", "a4"]));
    assert_eq!(restored(4, Direction::Backward, 3), expected(&["d1", "c4", "b3"]));
    assert_eq!(restored(6, Direction::Forward, 9), None);
}

#[test]
fn changes_are_known_until_they_are_forgotten() {
    let mut recent = recent();
    recent.forget(4);
    assert_eq!(recent.len(), 3);
    assert_eq!(recent.before(b"c", 4).unwrap(), Some(&Some(row("c4"))));
    assert!(matches!(recent.before(b"d", 3), Err(StorageError::Conflict)), "what changed up to 4 is forgotten");
    recent.forget(6);
    assert_eq!((recent.len(), recent.bytes, recent.rows.len(), recent.order.len()), (0, 0, 0, 0));
    assert!(recent.changed(b"d", 5) && recent.changed_within(&range("a", "b"), 5) && !recent.changed(b"d", 6));
}

#[test]
fn the_budget_drops_the_oldest_changes_and_moves_the_horizon() {
    let each = 1 + 2 + CHANGE_OVERHEAD_BYTES;
    let mut recent = Recent::with_budget(each * 2);
    for position in 1..=3 {
        recent.insert(position, undo(&[("a", Some("v1"))]));
        assert!(recent.bytes <= recent.bytes_max);
    }
    assert!(matches!(recent.before(b"a", 0), Err(StorageError::Conflict)));
    assert!(matches!(recent.restored(&range("x", "y"), Direction::Forward, 0, &[], 1), Err(StorageError::Conflict)));
    assert!(recent.changed(b"other", 0), "a commit that read before the horizon is refused");
    assert_eq!(recent.before(b"a", 1).unwrap(), Some(&Some(row("v1"))));
    assert!(!recent.changed(b"other", 1));
}

#[test]
fn what_a_long_reader_held_goes_in_pieces() {
    let mut recent = Recent::default();
    let many = FORGET_ROWS * 3;
    for position in 1..=many as u64 {
        recent.insert(position, vec![(Bytes::copy_from_slice(&position.to_be_bytes()), None)]);
    }
    recent.forget(many as u64);
    assert_eq!(recent.len(), many - FORGET_ROWS);
    recent.forget(many as u64);
    recent.forget(many as u64);
    assert_eq!((recent.len(), recent.bytes), (0, 0));
}
