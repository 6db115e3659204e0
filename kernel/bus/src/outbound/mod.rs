//! Outbound requests: what plugins asked to be sent, as rows that their calls' transactions leave, and the client that sends it.
//!
//! A row exists exactly when the call that asked for it committed. It is sent at least once, always under the same `Idempotency-Key`, which is the row's id; what
//! came of it is a row's state, so that it takes effect here once.
//!
//! INVARIANT (public-addresses): a connection is made to an address only when it is public, or the deployment names it, and so is every other that the host's name has. The
//! addresses that are checked are those that are connected to.

mod address;
mod client;
mod host;
mod outbox;

pub use address::{Outlets, is_public};
pub use client::{Answer, Client, NotSent, Wire};
pub use host::host_of;
pub use outbox::{Answered, Outgoing, Requests, SecretHeader, State, get, page, put, remove};

use forecourt_base::{Random, limits};

/// Methods that requests may have.
pub const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Headers that the kernel sets itself, or that say how bytes travel: no plugin sets them.
const RESERVED: [&str; 18] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
];

/// Whether a plugin may set the header: a token (RFC 9110 §5.6.2) that is not the kernel's own.
#[must_use]
pub fn is_header_allowed(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty()
        && name.len() <= limits::OUTBOUND_HEADER_NAME_BYTES
        && name.bytes().all(token)
        && !lower.starts_with("proxy-")
        && !lower.starts_with("sec-")
        && !RESERVED.contains(&lower.as_str())
}

/// Whether a header may have this value: visible ASCII, spaces and tabs within.
#[must_use]
pub fn is_header_value(value: &str) -> bool {
    value.len() <= limits::OUTBOUND_HEADER_BYTES
        && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ' || b == b'\t')
        && value.trim() == value
}

/// How long to wait before the attempt after `attempts` that failed, or where it was told to wait so many seconds; in milliseconds.
#[must_use]
pub fn pause_ms(attempts: u32, retry_after_s: Option<u64>, random: &dyn Random) -> u64 {
    if let Some(seconds) = retry_after_s {
        return seconds.clamp(1, limits::OUTBOUND_RETRY_AFTER_S_MAX) * 1_000;
    }
    let doubled = 1_u64.checked_shl(attempts.saturating_sub(1).min(32)).unwrap_or(u64::MAX);
    let pause = limits::OUTBOUND_PAUSE_MS.saturating_mul(doubled).min(limits::OUTBOUND_PAUSE_MS_MAX);
    // Between four and five fifths, so that those that failed together do not come again together.
    pause - random.next_u64() % (pause / 5).max(1)
}

#[cfg(test)]
mod tests {
    use forecourt_base::SeededRandom;

    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit() {
        let random = SeededRandom::new(1);
        for (attempts, most) in [(1, 1_000), (2, 2_000), (3, 4_000), (40, limits::OUTBOUND_PAUSE_MS_MAX)] {
            let pause = pause_ms(attempts, None, &random);
            assert!(pause <= most && pause > most * 4 / 5 - 1, "{attempts}: {pause}");
        }
        assert_eq!(pause_ms(1, Some(7), &random), 7_000);
        assert_eq!(pause_ms(1, Some(0), &random), 1_000);
        assert_eq!(pause_ms(1, Some(u64::MAX), &random), limits::OUTBOUND_RETRY_AFTER_S_MAX * 1_000);
    }

    #[test]
    fn headers_of_the_kernels_own_are_reserved() {
        for good in ["accept", "Content-Type", "authorization", "x-api-key", "if-match"] {
            assert!(is_header_allowed(good), "{good}");
        }
        for bad in [
            "",
            "Host",
            "content-length",
            "Idempotency-Key",
            "proxy-authorization",
            "a b",
            "a:b",
            "名",
            "sec-fetch-mode",
        ] {
            assert!(!is_header_allowed(bad), "{bad}");
        }
        assert!(is_header_value("application/json; charset=utf-8") && is_header_value(""));
        assert!(!is_header_value("a\r\nb: c") && !is_header_value(" a") && !is_header_value("值"));
    }
}
