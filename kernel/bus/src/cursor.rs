//! Places in the order of a scope's events.

use std::fmt;

use forecourt_storage::Position;
use serde::{Deserialize, Serialize};

use crate::{from_hex, to_hex};

const BYTES: usize = 12;

/// A place in the order of a scope's events: behind one of them, or behind all of a commit. An event's key is its commit's position and its
/// number within it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor([u8; BYTES]);

impl Cursor {
    /// Before every event.
    pub const START: Self = Self([0; BYTES]);

    /// Behind all that was committed up to `position`.
    #[must_use]
    pub fn behind(position: Position) -> Self {
        let mut bytes = [0xff; BYTES];
        for (to, from) in bytes.iter_mut().zip(position.to_be_bytes()) {
            *to = from;
        }
        Self(bytes)
    }

    /// The place of the event with this storage key.
    pub(crate) fn of_key(key: &[u8]) -> Option<Self> {
        key.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        from_hex(&text).and_then(|bytes| Self::of_key(&bytes)).ok_or("not a cursor")
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_ordered_as_events_are_and_survive_their_text() {
        let places = [Cursor::START, Cursor::behind(1), Cursor::behind(2), Cursor::behind(300)];
        assert!(places.is_sorted());
        for place in places {
            assert_eq!(Cursor::try_from(place.to_string()), Ok(place));
        }
        assert!(Cursor::try_from("00".to_owned()).is_err());
    }
}
