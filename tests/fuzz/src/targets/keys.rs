//! Keys of rows: ordered as the records' keys and the index values are, none within another's place.

use std::sync::LazyLock;

use forecourt_base::{GroupId, Scalar, StoreId};
use forecourt_storage::{IndexEntry, Space, fuzz};

static SPACES: LazyLock<[Space; 2]> = LazyLock::new(|| {
    let (group, store) = (GroupId::new("g").unwrap(), StoreId::new("s").unwrap());
    ["orders", "order"].map(|collection| Space::new(Some(&group), Some(&store), "repair", collection, 1).unwrap())
});

/// Bytes taken from the front, as many as the first one says.
fn take<'a>(data: &mut &'a [u8]) -> &'a [u8] {
    let Some((length, rest)) = data.split_first() else { return &[] };
    let (taken, rest) = rest.split_at(usize::from(*length).min(rest.len()));
    *data = rest;
    taken
}

fn scalar(data: &mut &[u8]) -> Scalar {
    let Some((kind, rest)) = data.split_first() else { return Scalar::None };
    *data = rest;
    match kind % 4 {
        0 => Scalar::None,
        1 => Scalar::Bool(kind & 4 != 0),
        2 => {
            let mut bytes = [0; 8];
            let taken = take(data);
            bytes.iter_mut().zip(taken).for_each(|(to, from)| *to = *from);
            Scalar::Int(i64::from_le_bytes(bytes))
        }
        _ => Scalar::Text(String::from_utf8_lossy(take(data)).into_owned()),
    }
}

fn entry(data: &mut &[u8]) -> IndexEntry {
    let count = data.first().map_or(0, |count| count % 4);
    let values = (0..count).map(|_| scalar(data)).collect();
    IndexEntry { index: "by-state".into(), values }
}

pub(super) fn keys(mut data: &[u8]) {
    let data = &mut data;
    let (a, b) = (take(data), take(data));
    let space = &SPACES[0];
    for key in [a, b] {
        let row = fuzz::record_row(space, key);
        assert_eq!(row.is_ok(), (1..=forecourt_base::limits::RECORD_KEY_BYTES).contains(&key.len()));
        if let Ok(row) = row {
            assert_eq!(fuzz::record_key(space, &row), key);
        }
    }
    let (Ok(x), Ok(y)) = (fuzz::record_row(space, a), fuzz::record_row(space, b)) else { return };
    assert_eq!(a.cmp(b), x.cmp(&y), "rows are not ordered as their keys");
    let other = fuzz::record_row(&SPACES[1], b).unwrap();
    assert!(!x.starts_with(&other) && !other.starts_with(&x), "a row lies in the place of another collection");
    let (first, second) = (entry(data), entry(data));
    let rows = (fuzz::entry_row(space, &first, a), fuzz::entry_row(space, &second, b));
    let (Ok(x), Ok(y)) = rows else { return };
    let expected = (&first.values, a).cmp(&(&second.values, b));
    assert_eq!(expected, x.cmp(&y), "entries are not ordered as their values: {first:?} {a:?} {second:?} {b:?}");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![
        b"\x03abc\x03abd\x02\x03\x04text\x02\x08\x01\x02\x03\x04\x05\x06\x07\x08\x03\x07\x03\x02\x00\x01\x05".to_vec(),
        b"\x02\x00\xff\x03\x00\x01\x00\x01\x01\x05\x01\x03\x00".to_vec(),
        b"\x01a\x02a\x00\x02\x03\x01a\x03\x02a\x00\x02\x03\x01a\x03\x01b".to_vec(),
    ]
}
