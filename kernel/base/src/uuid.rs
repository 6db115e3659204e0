//! Time-ordered unique identifiers.

use crate::{Random, Timestamp};

/// A UUID of version 7 (RFC 9562 §5.7) for the instant `at`, in its canonical form of 36 characters.
#[must_use]
pub fn uuid_v7(at: Timestamp, random: &dyn Random) -> String {
    uuid_v7_from(at, random.next_u64(), random.next_u64())
}

/// The same from 128 random bits, of which 74 are used.
#[must_use]
pub fn uuid_v7_from(at: Timestamp, high: u64, low: u64) -> String {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
    let high = (millis << 16) | 0x7000 | (high & 0x0FFF);
    let low = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    let mut text = String::with_capacity(36);
    for (index, byte) in high.to_be_bytes().into_iter().chain(low.to_be_bytes()).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    #[test]
    fn version_variant_and_order_are_those_of_rfc_9562() {
        let random = SeededRandom::new(7);
        let first = uuid_v7(Timestamp::from_millis(1_700_000_000_000), &random);
        let second = uuid_v7(Timestamp::from_millis(1_700_000_000_001), &random);
        assert_eq!(first.len(), 36);
        assert_eq!(first.as_bytes()[14], b'7');
        assert!(matches!(first.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert!(first < second);
        assert_eq!(
            uuid_v7_from(Timestamp::from_millis(0x0123_4567_89AB), 0xDEF, 0),
            "01234567-89ab-7def-8000-000000000000"
        );
    }
}
