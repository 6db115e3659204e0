//! Rules of the catalogue: bounds, states, replacements.

use forecourt_sdk::machine::{Machine, Row};

use crate::wit::parts::records::PartState;

/// The states of a part and the commands open in each.
pub(crate) const PART: Machine<PartState> = Machine::new(&[
    Row { command: "change-part", from: &[PartState::Active, PartState::Superseded], to: None },
    Row { command: "set-price", from: &[PartState::Active, PartState::Superseded], to: None },
    Row { command: "supersede-part", from: &[PartState::Active], to: Some(PartState::Superseded) },
    Row { command: "withdraw-part", from: &[PartState::Active, PartState::Superseded], to: Some(PartState::Withdrawn) },
]);

/// The highest price of one unit, in fen: a hundred million yuan.
pub(crate) const PRICE_MAX: i64 = 10_000_000_000;
/// The greatest quantity, in thousandths: a million units.
pub(crate) const QUANTITY_MAX: i64 = 1_000_000_000;

/// Follows the replacements from `replacement` on. None where the chain ends without meeting `number`; else the numbers on the way
/// back to it (DOMAIN §7.4 rule 7).
///
/// # Errors
/// What `next` gives.
pub(crate) fn circle<E>(
    number: &str,
    replacement: &str,
    mut next: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<Option<Vec<String>>, E> {
    let mut way = vec![number.to_owned(), replacement.to_owned()];
    let mut at = replacement.to_owned();
    loop {
        if at == number {
            return Ok(Some(way));
        }
        match next(&at)? {
            Some(replacement) => {
                way.push(replacement.clone());
                at = replacement;
            }
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_never_leads_back() {
        let chain = |at: &str| -> Result<Option<String>, ()> {
            Ok(match at {
                "B" => Some("C".to_owned()),
                "C" => Some("A".to_owned()),
                _ => None,
            })
        };
        assert_eq!(circle("A", "B", chain), Ok(Some(["A", "B", "C", "A"].map(String::from).to_vec())));
        assert_eq!(circle("A", "A", chain), Ok(Some(["A", "A"].map(String::from).to_vec())));
        assert_eq!(circle("D", "B", chain), Ok(None));
    }

    #[test]
    fn a_withdrawn_part_changes_no_more() {
        assert_eq!(PART.open_list(PartState::Active), ["change-part", "set-price", "supersede-part", "withdraw-part"]);
        assert_eq!(PART.open_list(PartState::Superseded), ["change-part", "set-price", "withdraw-part"]);
        assert!(PART.open_list(PartState::Withdrawn).is_empty());
        assert_eq!(PART.after(PartState::Active, "supersede-part"), Ok(PartState::Superseded));
    }
}
