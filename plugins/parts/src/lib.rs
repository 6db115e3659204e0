//! Area parts (配件): catalogue, stock in batches, reservations for repair orders. DOMAIN §7.
//!
//! The rules are in modules without the kernel (`catalogue`, `stock`, `reservation`) and tested natively; `operations` reads, asks
//! them, writes and publishes.
//!
//! Invariants:
//! - INVARIANT (never-below-zero): `reserved ≤ on-hand` of every level, in every state that a call leaves.
//! - INVARIANT (levels-add-up): a level is the sum of its part's batches, quality by quality.

mod catalogue;
mod operations;
mod reservation;
mod stock;

forecourt_sdk::plugin!(Parts);

use forecourt_sdk::Page as Paged;

/// The plugin.
struct Parts;

#[cfg(test)]
mod tests {
    #[test]
    fn everything_has_a_label_in_both_languages() {
        assert_eq!(super::metadata::UNLABELLED, &[] as &[&str]);
        assert!(super::metadata::LABELS.contains("\"zh-CN\"") && super::metadata::LABELS.contains("\"en\""));
    }
}
