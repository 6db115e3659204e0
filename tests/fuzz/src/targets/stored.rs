//! Frames of the log, rows of records and blocks of snapshot files: what is read as one is written again as the same bytes.

use forecourt_storage::fuzz;

fn same(what: &str, given: &[u8], written: Option<Vec<u8>>) {
    let Some(written) = written else { return };
    // What is behind it belongs to something else.
    assert!(written.len() <= given.len(), "a {what} grows");
    assert_eq!(written, given[..written.len()], "a {what} that is read is written otherwise");
}

pub(super) fn frame(data: &[u8]) {
    same("frame", data, fuzz::frame(data));
    let sealed = fuzz::sealed_frame(data);
    same("frame", &sealed, fuzz::frame(&sealed));
    same("record", data, fuzz::record(data));
}

pub(super) fn block(data: &[u8]) {
    same("block", data, fuzz::block(data));
    let sealed = fuzz::sealed_block(data);
    same("block", &sealed, fuzz::block(&sealed));
}

/// A row's key, and its value if it has one.
type Row<'a> = (&'a [u8], Option<&'a [u8]>);

fn rows(rows: &[Row<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in rows {
        bytes.extend(u32::try_from(key.len()).unwrap().to_le_bytes());
        bytes.extend(value.map_or(u32::MAX, |value| u32::try_from(value.len()).unwrap()).to_le_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value.unwrap_or_default());
    }
    bytes
}

/// One frame of these transactions.
fn framed(transactions: &[&[Row<'_>]]) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes.extend(41_u64.to_le_bytes());
    bytes.extend(u32::try_from(transactions.len()).unwrap().to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    for transaction in transactions {
        bytes.extend(u32::try_from(transaction.len()).unwrap().to_le_bytes());
        bytes.extend(rows(transaction));
    }
    fuzz::sealed_frame(&bytes)
}

pub(super) fn frames() -> Vec<Vec<u8>> {
    let record: &[u8] = &[1, 0, 1, 0, 2, 0, b'i', 0, b'{', b'}'];
    vec![
        framed(&[&[(b"key", Some(b"value"))]]),
        framed(&[&[(b"a", Some(record)), (b"b", None)], &[], &[(b"", Some(b""))]]),
        record.to_vec(),
        [1, 1, 0, 0, 0, 0, 1, 0].to_vec(),
    ]
}

pub(super) fn blocks() -> Vec<Vec<u8>> {
    let head = |rows: u32| [vec![0; 20], rows.to_le_bytes().to_vec()].concat();
    let foot = [head(0), vec![1; 24]].concat();
    let two = [head(2), rows(&[(b"key", Some(b"value")), (b"", Some(b""))])].concat();
    [foot, two].iter().map(|bytes| fuzz::sealed_block(bytes)).collect()
}
