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
    let count = data.split_off_first().map_or(0, |count| count % 4);
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

/// Two keys and the values of an entry of each, as [`keys`] reads them.
fn seed(keys: [&[u8]; 2], entries: [&[Scalar]; 2]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut put = |kind: Option<u8>, bytes: Option<&[u8]>| {
        data.extend(kind);
        if let Some(bytes) = bytes {
            data.push(u8::try_from(bytes.len()).unwrap());
            data.extend_from_slice(bytes);
        }
    };
    keys.iter().for_each(|key| put(None, Some(key)));
    for values in entries {
        put(Some(u8::try_from(values.len()).unwrap()), None);
        for value in values {
            match value {
                Scalar::None => put(Some(0), None),
                Scalar::Bool(value) => put(Some(if *value { 5 } else { 1 }), None),
                Scalar::Int(value) => put(Some(2), Some(&value.to_le_bytes())),
                Scalar::Text(text) => put(Some(3), Some(text.as_bytes())),
            }
        }
    }
    data
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let text = |text: &str| Scalar::Text(text.to_owned());
    vec![
        seed([b"a", b"b"], [&[Scalar::Int(-1)], &[Scalar::Int(1)]]),
        seed([b"a", b"a"], [&[Scalar::Int(i64::MIN), text("a")], &[Scalar::Int(i64::MAX), text("b")]]),
        seed([b"a\0", b"a\0\x01"], [&[text("a\0b"), Scalar::Bool(true)], &[text("a\u{1}"), Scalar::Bool(false)]]),
        seed([b"\xff\0\xff", b"\xff"], [&[Scalar::None, text("")], &[Scalar::None, text("\0"), Scalar::None]]),
        seed([b"long key of a record", b"long key of a recorD"], [&[], &[text("京A12345")]]),
    ]
}
