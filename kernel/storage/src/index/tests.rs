use proptest::prelude::*;

use super::*;

fn space() -> Space {
    Space::new(None, None, "repair", "orders", 1).unwrap()
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::None),
        any::<bool>().prop_map(Scalar::Bool),
        prop_oneof![any::<i64>(), -2_i64..3, Just(i64::MIN), Just(i64::MAX)].prop_map(Scalar::Int),
        "[\0\u{1}\u{ff}a店]{0,4}".prop_map(Scalar::Text),
    ]
}

fn values() -> impl Strategy<Value = Vec<Scalar>> {
    prop::collection::vec(scalar(), 0..4)
}

fn bound() -> impl Strategy<Value = Bound<Scalar>> {
    prop_oneof![Just(Bound::Unbounded), scalar().prop_map(Bound::Included), scalar().prop_map(Bound::Excluded)]
}

fn row(values: &[Scalar], key: &[u8]) -> Bytes {
    let space = space();
    let entry = encode_entry(&IndexEntry { index: "i".into(), values: values.to_vec() });
    entry_row(&space.record(key).unwrap(), space.prefix_len(), &entry).unwrap()
}

proptest! {
    #[test]
    fn entries_are_ordered_as_their_values_then_their_keys(
        a in (values(), prop::collection::vec(any::<u8>(), 1..4)),
        b in (values(), prop::collection::vec(any::<u8>(), 1..4)),
    ) {
        prop_assert_eq!(a.cmp(&b), row(&a.0, &a.1).cmp(&row(&b.0, &b.1)));
    }

    #[test]
    fn the_record_is_found_in_its_entry(values in values(), key in prop::collection::vec(any::<u8>(), 1..6)) {
        let base = Entries::new(&space(), "i", &IndexRange::all(), Direction::Forward, None).unwrap().base_len;
        prop_assert_eq!(record_key(&row(&values, &key).slice(base..)).unwrap(), key);
    }

    #[test]
    fn an_entry_lies_in_a_range_when_its_values_do(
        entry in values(), equal in prop::collection::vec(scalar(), 0..2), follows in any::<bool>(), lower in bound(), upper in bound(),
    ) {
        // Values drawn freely seldom begin with what must be equal, so half of them are made to.
        let entry = if follows { [equal.clone(), entry].concat() } else { entry };
        let range = IndexRange { equal: equal.clone(), lower: lower.clone(), upper: upper.clone() };
        let Ok(Entries { rows, .. }) = Entries::new(&space(), "i", &range, Direction::Forward, None) else { return Ok(()) };
        let row = row(&entry, b"key");
        let unbounded = lower == Bound::Unbounded && upper == Bound::Unbounded;
        let next = entry.get(equal.len());
        // An entry that ends where the bounded field would be comes before every value of it.
        let fits = match next {
            _ if unbounded => true,
            Some(value) => std::ops::RangeBounds::<Scalar>::contains(&(lower, upper), value),
            None => lower == Bound::Unbounded,
        };
        prop_assert_eq!(entry.starts_with(&equal) && fits, rows.from <= row && row < rows.to);
    }

    #[test]
    fn a_prefix_of_text_is_a_range(text in "[a\u{D7FF}\u{E000}\u{10FFFF}店]{0,4}", prefix in "[a\u{D7FF}\u{E000}\u{10FFFF}店]{0,2}") {
        let range = IndexRange::text_prefix(Vec::new(), &prefix);
        let Entries { rows, .. } = Entries::new(&space(), "i", &range, Direction::Forward, None).unwrap();
        let row = row(&[Scalar::Text(text.clone())], b"key");
        prop_assert_eq!(text.starts_with(&prefix), rows.from <= row && row < rows.to);
    }

    #[test]
    fn bytes_of_any_kind_are_no_reason_to_fail(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = record_key(&Bytes::from(bytes));
    }
}

#[test]
fn indexes_whose_names_begin_alike_are_apart() {
    let Entries { rows, .. } = Entries::new(&space(), "i", &IndexRange::all(), Direction::Forward, None).unwrap();
    let entry = encode_entry(&IndexEntry { index: "ii".into(), values: vec![] });
    let other = entry_row(&space().record(b"key").unwrap(), space().prefix_len(), &entry).unwrap();
    assert!(!(rows.from <= other && other < rows.to));
}

#[test]
fn an_inverted_range_is_refused_and_a_cursor_behind_it_leaves_nothing() {
    let range =
        IndexRange { equal: vec![], lower: Bound::Included(Scalar::Int(2)), upper: Bound::Included(Scalar::Int(1)) };
    assert!(matches!(Entries::new(&space(), "i", &range, Direction::Forward, None), Err(StorageError::BadRange)));
    let range = IndexRange::equal(vec![Scalar::Int(1)]);
    for (direction, cursor) in [(Direction::Forward, [0xFF]), (Direction::Backward, [0])] {
        assert!(Entries::new(&space(), "i", &range, direction, Some(&cursor)).unwrap().rows.is_empty());
    }
}

#[test]
fn an_entry_whose_row_is_too_long_is_refused() {
    let entry = encode_entry(&IndexEntry { index: "i".into(), values: vec![Scalar::Text("x".repeat(2_048))] });
    let row = entry_row(&space().record(b"key").unwrap(), space().prefix_len(), &entry);
    assert!(matches!(row, Err(StorageError::KeyTooLong { .. })));
}
