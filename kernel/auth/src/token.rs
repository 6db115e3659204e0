//! Tokens of sessions, API keys, customer links and password resets: 256 random bits that only their holder knows. What is stored is their hash, of each kind
//! another, so that none passes for one of another kind.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forecourt_base::Random;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const TOKEN_BYTES: usize = 32;

/// Before the digits of an API key: people and scanners of source code know it by that.
pub(crate) const API_KEY_PREFIX: &str = "fk_";

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Session,
    ApiKey,
    Reset,
    Link,
}

impl Purpose {
    /// What is hashed before the token; nothing for sessions, which were there first.
    fn salt(self) -> &'static str {
        match self {
            Self::Session => "",
            Self::ApiKey => "forecourt api key\n",
            Self::Reset => "forecourt password reset\n",
            Self::Link => "forecourt link\n",
        }
    }

    fn hash(self, bytes: &[u8]) -> SessionKey {
        SessionKey(Sha256::new().chain_update(self.salt()).chain_update(bytes).finalize().into())
    }
}

/// The key of a session, API key or the like: the SHA-256 of its token. It opens nothing by itself, yet is kept out of logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionKey([u8; TOKEN_BYTES]);

impl SessionKey {
    /// The key of no session: no token hashes to it.
    pub(crate) const NONE: Self = Self([0; TOKEN_BYTES]);

    /// The key of the session or API key of `token`, or none when it does not have a token's form.
    pub(crate) fn of(token: &str) -> Option<Self> {
        match token.strip_prefix(API_KEY_PREFIX) {
            Some(digits) => Self::for_purpose(Purpose::ApiKey, digits),
            None => Self::for_purpose(Purpose::Session, token),
        }
    }

    pub(crate) fn for_purpose(purpose: Purpose, token: &str) -> Option<Self> {
        // One byte more than a token has, so that a longer text is seen as such.
        let mut bytes = [0; TOKEN_BYTES + 1];
        match URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) {
            Ok(TOKEN_BYTES) => Some(purpose.hash(bytes.get(..TOKEN_BYTES)?)),
            _ => None,
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A name for it that people may see: 16 hexadecimal digits that lead back to nothing.
    pub(crate) fn public_id(&self) -> String {
        let digest = Sha256::new().chain_update("forecourt session id\n").chain_update(self.0).finalize();
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// Makes a token for a purpose, and its key.
pub(crate) fn new_token(random: &dyn Random, purpose: Purpose) -> (String, SessionKey) {
    let mut bytes = [0; TOKEN_BYTES];
    random.fill(&mut bytes);
    let prefix = if purpose == Purpose::ApiKey { API_KEY_PREFIX } else { "" };
    (format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)), purpose.hash(&bytes))
}

#[cfg(test)]
mod tests {
    use forecourt_base::OsRandom;

    use super::*;

    #[test]
    fn a_token_leads_to_its_key_and_nothing_else_does() {
        let (token, key) = new_token(&OsRandom, Purpose::Session);
        assert_eq!(token.len(), 43);
        assert_eq!(SessionKey::of(&token), Some(key));
        assert_ne!(URL_SAFE_NO_PAD.encode(key.as_bytes()), token);
        for bad in ["", "x", &token[..42], &format!("{token}AA"), &format!("{token}="), &"A".repeat(4_000), "汽车"] {
            assert_eq!(SessionKey::of(bad), None, "{bad}");
        }
        assert_ne!(SessionKey::of(&"A".repeat(43)), Some(key));
    }

    #[test]
    fn a_token_of_one_kind_is_none_of_another() {
        let (token, key) = new_token(&OsRandom, Purpose::ApiKey);
        assert_eq!(SessionKey::of(&token), Some(key));
        let digits = token.strip_prefix(API_KEY_PREFIX).unwrap();
        for other in [Purpose::Session, Purpose::Reset, Purpose::Link] {
            assert_ne!(SessionKey::for_purpose(other, digits), Some(key));
        }
        assert_ne!(SessionKey::of(digits), Some(key));
    }

    #[test]
    fn a_key_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", new_token(&OsRandom, Purpose::Session).1), "SessionKey(..)");
    }
}
