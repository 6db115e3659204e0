use bytes::Bytes;
use proptest::prelude::*;

use super::block::{self, BLOCK_HEAD_BYTES, Block, Foot, HEAD_BYTES};
use crate::RawRow;

const NAME: u64 = 0x1122_3344_5566_7788;

fn rows() -> impl Strategy<Value = Vec<RawRow>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    prop::collection::vec((bytes(), bytes()), 1..6)
}

proptest! {
    #[test]
    fn blocks_come_back_and_pass_for_no_other(rows in rows(), number in 0_u32..9) {
        let bytes = Bytes::from(block::block(NAME, number, &rows));
        prop_assert_eq!(BLOCK_HEAD_BYTES + block::body_length(&bytes), bytes.len());
        prop_assert_eq!(block::read(&bytes, NAME, number), Some(Block::Rows(rows)));
        prop_assert_eq!(block::read(&bytes, NAME, number + 1), None);
        prop_assert_eq!(block::read(&bytes, NAME + 1, number), None);
    }

    #[test]
    fn a_changed_bit_of_a_block_is_noticed(rows in rows(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = block::block(NAME, 0, &rows);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(block::read(&bytes.into(), NAME, 0), None);
    }

    #[test]
    fn a_block_that_was_cut_is_noticed(rows in rows(), at in any::<prop::sample::Index>()) {
        let bytes = Bytes::from(block::block(NAME, 0, &rows));
        prop_assert_eq!(block::read(&bytes.slice(..at.index(bytes.len())), NAME, 0), None);
    }

    #[test]
    fn heads_and_feet_come_back(start in any::<u64>(), end in any::<u64>(), at in 0..HEAD_BYTES) {
        let mut head = block::head(NAME, start);
        prop_assert_eq!((head.len(), block::read_head(&head)), (HEAD_BYTES, Some((NAME, start))));
        head[at] ^= 1;
        prop_assert_eq!(block::read_head(&head), None);
        let foot = Foot { end, rows: 7, blocks: 2 };
        prop_assert_eq!(block::read(&block::foot(NAME, 2, foot).into(), NAME, 2), Some(Block::Foot(foot)));
    }
}
