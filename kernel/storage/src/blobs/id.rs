//! The name of a blob: what its bytes hash to.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const DIGEST_BYTES: usize = 32;

/// The SHA-256 of a blob's bytes; written as 64 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId([u8; DIGEST_BYTES]);

/// Text is no SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a SHA-256 has 64 hexadecimal digits in lower case")]
pub struct BlobIdError;

impl BlobId {
    /// The name of what hashes to `digest`.
    #[must_use]
    pub fn new(digest: [u8; DIGEST_BYTES]) -> Self {
        Self(digest)
    }

    /// The first byte: a blob's folder, and its lock.
    pub(super) fn first(self) -> u8 {
        let [first, ..] = self.0;
        first
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

impl FromStr for BlobId {
    type Err = BlobIdError;
    fn from_str(text: &str) -> Result<Self, BlobIdError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(BlobIdError),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != DIGEST_BYTES || !rest.is_empty() {
            return Err(BlobIdError);
        }
        let mut digest = [0; DIGEST_BYTES];
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_read_back_from_its_text(digest: [u8; 32]) {
            let id = BlobId::new(digest);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn other_text_is_none(text in "[0-9a-fA-F]{60,66}") {
            let good = text.len() == 64 && !text.bytes().any(|b| b.is_ascii_uppercase());
            prop_assert_eq!(text.parse::<BlobId>().is_ok(), good);
        }
    }
}
