//! Numbers and identifiers.

use crate::private::wit::forecourt::kernel::ids;

/// The next number of a series: unique, rising, gaps allowed. `series` is 1 to 64 of a-z, 0-9, `-`.
#[must_use]
pub fn number(series: &str) -> u64 {
    ids::number(series)
}

/// The next number without gaps, for papers that the law numbers; calls that use the same series follow one another.
#[must_use]
pub fn gapless(series: &str) -> u64 {
    ids::gapless(series)
}

/// A new identifier (UUID version 7).
#[must_use]
pub fn unique() -> String {
    ids::unique()
}
