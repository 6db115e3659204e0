use proptest::prelude::*;

use super::*;

const SEGMENT: u64 = 0x1122_3344_5566_7788;

fn rows() -> impl Strategy<Value = Vec<RowWrite>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    let row = (bytes(), prop::option::of(bytes())).prop_map(|(key, value)| RowWrite { key, value });
    prop::collection::vec(row, 0..5)
}

fn batch() -> impl Strategy<Value = Batch> {
    (1_u64..1_000, prop::collection::vec(rows(), 1..4)).prop_map(|(first, transactions)| {
        let mut batch = Batch::new(first);
        batch.transactions = transactions;
        batch
    })
}

fn encoded(batch: &Batch) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(batch, SEGMENT, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn frames_come_back(batch in batch(), before in 0_usize..3) {
        let mut bytes = vec![0; before * ALIGN_BYTES];
        bytes.extend(encoded(&batch));
        let len = bytes.len() - before * ALIGN_BYTES;
        bytes.extend([0; 64]);
        let bytes = Bytes::from(bytes);
        let offset = before * ALIGN_BYTES;
        prop_assert_eq!(head_length(&bytes[offset..], SEGMENT).map(|len| len.next_multiple_of(ALIGN_BYTES)), Some(len));
        match parse(&bytes, offset, SEGMENT) {
            Parsed::Frame(frame, length) => {
                prop_assert_eq!((frame.first, length), (batch.first, len));
                prop_assert_eq!(frame.last(), batch.first + batch.transactions.len() as u64 - 1);
                prop_assert_eq!(frame.transactions, batch.transactions);
            }
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert_eq!(parse(&bytes, offset, SEGMENT + 1), Parsed::Bad);
        prop_assert_eq!(parse(&bytes, offset + len, SEGMENT), Parsed::Nothing);
    }

    #[test]
    fn a_torn_frame_is_never_taken_for_one(batch in batch(), at in any::<prop::sample::Index>()) {
        let mut bytes = encoded(&batch);
        let cut = at.index(bytes.len());
        // Padding may be torn off: it says nothing.
        let torn = bytes[cut..].iter().any(|byte| *byte != 0);
        bytes[cut..].fill(0);
        prop_assert_eq!(torn, !matches!(parse(&bytes.clone().into(), 0, SEGMENT), Parsed::Frame(..)));
        bytes.truncate(cut);
        prop_assert!(!matches!(parse(&bytes.into(), 0, SEGMENT), Parsed::Frame(..)) || !torn);
    }

    #[test]
    fn a_changed_bit_is_noticed(batch in batch(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = encoded(&batch);
        let body = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        bytes[at.index(HEAD_BYTES + body)] ^= 1 << bit;
        prop_assert_eq!(parse(&bytes.into(), 0, SEGMENT), Parsed::Bad);
    }

    #[test]
    fn bytes_of_any_kind_are_no_reason_to_fail(bytes in prop::collection::vec(any::<u8>(), 0..100), offset in 0_usize..120) {
        let parsed = parse(&Bytes::from(bytes), offset, SEGMENT);
        prop_assert!(!matches!(parsed, Parsed::Frame(..)));
    }
}
