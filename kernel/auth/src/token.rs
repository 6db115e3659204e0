//! Session tokens: 256 random bits that only their holder knows. What is stored is their hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forecourt_base::Random;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const TOKEN_BYTES: usize = 32;

/// A session's key: the SHA-256 of its token. It opens nothing by itself, yet is kept out of logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionKey([u8; TOKEN_BYTES]);

impl SessionKey {
    /// The key of no session: no token hashes to it.
    pub(crate) const NONE: Self = Self([0; TOKEN_BYTES]);

    /// The key of `token`, or none when it does not have a token's form.
    pub(crate) fn of(token: &str) -> Option<Self> {
        // One byte more than a token has, so that a longer text is seen as such.
        let mut bytes = [0; TOKEN_BYTES + 1];
        match URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) {
            Ok(TOKEN_BYTES) => Some(Self(Sha256::digest(bytes.get(..TOKEN_BYTES)?).into())),
            _ => None,
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// Makes a token and its key.
pub(crate) fn new_token(random: &dyn Random) -> (String, SessionKey) {
    let mut bytes = [0; TOKEN_BYTES];
    random.fill(&mut bytes);
    (URL_SAFE_NO_PAD.encode(bytes), SessionKey(Sha256::digest(bytes).into()))
}

#[cfg(test)]
mod tests {
    use forecourt_base::OsRandom;

    use super::*;

    #[test]
    fn a_token_leads_to_its_key_and_nothing_else_does() {
        let (token, key) = new_token(&OsRandom);
        assert_eq!(token.len(), 43);
        assert_eq!(SessionKey::of(&token), Some(key));
        assert_ne!(URL_SAFE_NO_PAD.encode(key.as_bytes()), token);
        for bad in ["", "x", &token[..42], &format!("{token}AA"), &format!("{token}="), &"A".repeat(4_000), "汽车"] {
            assert_eq!(SessionKey::of(bad), None, "{bad}");
        }
        assert_ne!(SessionKey::of(&"A".repeat(43)), Some(key));
    }

    #[test]
    fn a_key_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", new_token(&OsRandom).1), "SessionKey(..)");
    }
}
