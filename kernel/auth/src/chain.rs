//! The hash chain over an audit trail: its lines are sealed in batches, each seal naming the one before by its hash.
//!
//! INVARIANT (sealed-chain): a seal holds the digest of every line of its batch and the hash of the seal before, so that below a seal whose hash is known no
//! line can be changed, removed, added or moved unseen. Lines are sealed after their commit, by a sealer of its own: no call waits for it, and what was not
//! sealed yet is sealed at the next start.
//!
//! The canonical form, for whoever computes it anew: a line's key is 24 lower-case hexadecimal digits, its digest the SHA-256 of its text's bytes in 64. A seal's
//! hash is the SHA-256 of these lines of text, each ended by one line feed: `forecourt audit seal 1`; the trail, `group <id>` or `deployment`; the seal's
//! number, from 1; its time in RFC 3339 with milliseconds; the hash of the seal before, 64 zeros for the first; then for each line its key, a blank, its digest.

mod check;
mod sealer;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use forecourt_base::{GroupId, Timestamp};
use forecourt_storage::{Space, StorageError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use check::{ChainCheck, Flaw, FlawKind};
pub use sealer::{Sealed, Told};

const FORM: &str = "forecourt audit seal 1";

/// The hash before the first seal.
pub const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A batch of lines, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Whose trail: `group <id>`, or `deployment`.
    pub trail: String,
    /// Its place in the chain, from 1.
    pub number: u64,
    /// When it was made, in RFC 3339.
    pub at: String,
    /// The hash of the seal before; [`NO_HASH`] before the first.
    pub previous: String,
    /// Each line's key and digest with a blank between, in the order of the lines.
    pub lines: Vec<String>,
    /// The hash of all of the above.
    pub hash: String,
}

/// The newest seal's place and hash: who keeps it can later tell whether anything below it was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Whose trail: `group <id>`, or `deployment`.
    pub trail: String,
    /// The newest seal's number; 0 where nothing is sealed yet.
    pub seal: u64,
    /// Its hash; [`NO_HASH`] where nothing is sealed yet.
    pub hash: String,
    /// When it was made, in RFC 3339; none where nothing is sealed yet.
    #[serde(default)]
    pub at: Option<String>,
}

impl Seal {
    fn new(trail: String, number: u64, at: Timestamp, previous: String, lines: Vec<String>) -> Self {
        let mut seal = Self { trail, number, at: at.to_rfc3339(), previous, lines, hash: String::new() };
        seal.hash = seal.computed();
        seal
    }

    /// The hash that its content has.
    #[must_use]
    pub fn computed(&self) -> String {
        let mut text = format!("{FORM}\n{}\n{}\n{}\n{}\n", self.trail, self.number, self.at, self.previous);
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        sha256(text.as_bytes())
    }

    /// Each line's key and digest.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| line.split_once(' '))
    }
}

/// The name of a trail: that of a group, or of the deployment.
#[must_use]
pub fn trail_name(group: Option<&GroupId>) -> String {
    group.map_or_else(|| "deployment".to_owned(), |group| format!("group {group}"))
}

/// The SHA-256 of `bytes` in 64 hexadecimal digits.
fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    (text.len().is_multiple_of(2)).then_some(())?;
    digits.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

fn seals(group: Option<&GroupId>) -> Result<Space, StorageError> {
    Space::new(group, None, "@audit", "seals", 1)
}
