//! The call's time, which stands still within a call.

use crate::private::wit::forecourt::kernel::clock;

/// The call's start as RFC 3339 in UTC.
#[must_use]
pub fn now() -> String {
    clock::now()
}

/// The call's start in milliseconds since 1970.
#[must_use]
pub fn unix_millis() -> i64 {
    clock::unix_millis()
}

/// The date of the call's start in the store's time zone.
#[must_use]
pub fn today() -> String {
    clock::today()
}
