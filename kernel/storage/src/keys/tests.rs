use proptest::prelude::*;

use super::*;

fn space(collection: &str) -> Space {
    let (group, store) = (GroupId::new("g").unwrap(), StoreId::new("s").unwrap());
    Space::new(Some(&group), Some(&store), "repair", collection, 1).unwrap()
}

/// Keys with many zeros, ends and 0xFF, where an encoding would go wrong.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xFE), Just(0xFF), any::<u8>()], 1..12)
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
}

proptest! {
    #[test]
    fn escaped_texts_keep_their_order_and_none_begins_another(a in key(), b in key()) {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        escape(&a, &mut x);
        escape(&b, &mut y);
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        prop_assert!(a == b || !x.starts_with(&y));
    }

    #[test]
    fn rows_are_ordered_as_keys_and_lie_in_a_range_when_their_keys_do(a in key(), b in key(), lower in bound(), upper in bound()) {
        let space = space("orders");
        let (x, y) = (space.record(&a).unwrap(), space.record(&b).unwrap());
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        prop_assert_eq!(&record_key(&x, space.prefix_len())[..], &a[..]);
        let range = KeyRange { lower, upper };
        match space.records(&range) {
            Ok(rows) => {
                let inside = std::ops::RangeBounds::<Vec<u8>>::contains(&(range.lower, range.upper), &a);
                prop_assert_eq!(inside, rows.from <= x && x < rows.to);
            }
            Err(error) => prop_assert!(matches!(error, StorageError::BadRange)),
        }
    }

    #[test]
    fn pages_go_on_behind_a_key(a in key(), b in key(), lower in bound(), upper in bound()) {
        let range = KeyRange { lower, upper };
        let within = |range: &KeyRange, key: &Vec<u8>| {
            std::ops::RangeBounds::<Vec<u8>>::contains(&(range.lower.clone(), range.upper.clone()), key)
        };
        prop_assume!(space("orders").records(&range).is_ok());
        let (after, before) = (range.clone().after(&b), range.clone().before(&b));
        prop_assert!(space("orders").records(&after).is_ok() && space("orders").records(&before).is_ok());
        prop_assert_eq!(within(&after, &a), within(&range, &a) && a > b);
        prop_assert_eq!(within(&before, &a), within(&range, &a) && a < b);
        let prefix = KeyRange::prefix(&b);
        prop_assert_eq!(within(&prefix, &a), a.starts_with(&b));
    }
}

#[test]
fn no_place_holds_the_rows_of_another() {
    let (group, other) = (GroupId::new("g").unwrap(), GroupId::new("gs").unwrap());
    let store = StoreId::new("s").unwrap();
    let spaces = [
        Space::new(None, None, "repair", "orders", 1),
        Space::new(Some(&group), None, "repair", "orders", 1),
        Space::new(Some(&other), None, "repair", "orders", 1),
        Space::new(Some(&group), Some(&store), "repair", "orders", 1),
        Space::new(Some(&group), Some(&store), "repair", "order", 1),
        Space::new(Some(&group), Some(&store), "repair", "orders", 2),
        Space::new(Some(&group), Some(&store), "repairo", "rders", 1),
        Space::new(Some(&group), Some(&store), "@repair", "orders", 1),
    ]
    .map(Result::unwrap);
    for (n, one) in spaces.iter().enumerate() {
        for (m, two) in spaces.iter().enumerate() {
            assert_eq!(n == m, two.row(Kind::Record, 0).starts_with(&one.row(Kind::Record, 0)), "{one:?} {two:?}");
            assert_eq!(n == m, one == two);
        }
    }
}

#[test]
fn a_space_tells_what_it_was_made_of() {
    let space = space("orders");
    assert_eq!(
        (space.group(), space.store(), space.owner(), space.collection()),
        (Some("g"), Some("s"), "repair", "orders")
    );
    assert_eq!(format!("{space:?}"), "Space(g/s/repair/orders)");
}

#[test]
fn bad_names_keys_and_ranges_are_refused() {
    let store = StoreId::new("s").unwrap();
    for (owner, collection) in [("", "a"), ("a", ""), ("a b", "c"), ("a", "店"), ("a\0", "b"), (&"x".repeat(65), "b")]
    {
        assert!(matches!(Space::new(None, None, owner, collection, 0), Err(StorageError::BadName { .. })), "{owner:?}");
    }
    assert!(Space::new(None, Some(&store), "a", "b", 0).is_err(), "a store without its group");
    let space = space("orders");
    assert!(matches!(space.record(b""), Err(StorageError::EmptyKey)));
    assert!(space.record(&[7; RECORD_KEY_BYTES]).is_ok());
    let long = vec![7; RECORD_KEY_BYTES + 1];
    assert!(matches!(space.record(&long), Err(StorageError::KeyTooLong { bytes: 513, bytes_max: 512 })));
    let range = |lower, upper| space.records(&KeyRange { lower, upper });
    assert!(matches!(range(Bound::Included(long), Bound::Unbounded), Err(StorageError::KeyTooLong { .. })));
    assert!(matches!(range(Bound::Included(vec![2]), Bound::Included(vec![1])), Err(StorageError::BadRange)));
    assert!(range(Bound::Excluded(vec![2]), Bound::Excluded(vec![2])).unwrap().is_empty());
}

#[test]
fn chunks_of_records_are_apart() {
    let space = space("orders");
    let rows = [b"a".as_slice(), b"a\0", b"a\0\0\0\0"].map(|key| space.record(key).unwrap());
    let chunks: std::collections::BTreeSet<Bytes> =
        rows.iter().flat_map(|row| (0..3).map(|n| chunk_row(row, space.prefix_len(), n))).collect();
    assert_eq!(chunks.len(), 9);
    assert!(chunks.iter().all(|row| row.starts_with(&space.row(Kind::Chunk, 0))));
}

proptest! {
    #[test]
    fn the_place_of_a_row_is_read_back_from_its_key(
        group in prop::option::of("[a-z][a-z0-9]{1,8}"), store in prop::option::of("[a-z][a-z0-9]{1,8}"),
        generation in any::<u32>(), key in prop::collection::vec(any::<u8>(), 1..20)
    ) {
        let group = group.map(|id| GroupId::new(&id).unwrap());
        let store = store.filter(|_| group.is_some()).map(|id| StoreId::new(&id).unwrap());
        let space = Space::new(group.as_ref(), store.as_ref(), "parts", "levels", generation).unwrap();
        let row = space.record(&key).unwrap();
        let found = parse(&row).unwrap();
        prop_assert_eq!((found.group.as_deref(), found.store.as_deref()), (space.group(), space.store()));
        prop_assert_eq!((found.owner.as_str(), found.collection.as_str(), found.generation), ("parts", "levels", generation));
        prop_assert_eq!((found.kind, found.prefix_len), (Kind::Record, space.prefix_len()));
        prop_assert_eq!(chunk_of(&chunk_row(&row, found.prefix_len, 7), found.prefix_len), Some((row.clone(), 7)));
        for end in 0..=space.prefix_len() {
            prop_assert_eq!(parse(&row[..end]), None);
        }
    }
}
