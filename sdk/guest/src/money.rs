//! Money and quantities: fen and thousandths, rounded half up at the line (DOMAIN §1.3).

/// `numerator / denominator`, halves rounded away from zero; none where it does not fit or the denominator is not above 0.
#[must_use]
pub fn half_up(numerator: i128, denominator: i128) -> Option<i64> {
    if denominator <= 0 {
        return None;
    }
    let doubled = numerator.checked_abs()?.checked_mul(2)?.checked_add(denominator)?;
    let rounded = doubled / denominator.checked_mul(2)?;
    i64::try_from(rounded * numerator.signum()).ok()
}

/// The price of `quantity` (thousandths of the unit) at `unit_price` fen a unit.
#[must_use]
pub fn line_price(unit_price: i64, quantity: i64) -> Option<i64> {
    half_up(i128::from(unit_price) * i128::from(quantity), 1000)
}

/// The share of `amount` that falls to `part` of `whole`. Shares taken one after another, each of what is left, add up to the
/// amount.
#[must_use]
pub fn share(amount: i64, part: i64, whole: i64) -> Option<i64> {
    half_up(i128::from(amount) * i128::from(part), i128::from(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_away_from_zero_and_nothing_else_does() {
        let cases =
            [(5, 10, 1), (-5, 10, -1), (4, 10, 0), (-4, 10, 0), (15, 10, 2), (14, 10, 1), (0, 10, 0), (7, 7, 1)];
        for (numerator, denominator, expected) in cases {
            assert_eq!(half_up(numerator, denominator), Some(expected), "{numerator}/{denominator}");
        }
        assert_eq!(half_up(1, 0), None);
        assert_eq!(half_up(i128::MAX, 1), None);
    }

    #[test]
    fn a_line_of_one_and_a_half_hours() {
        assert_eq!(line_price(18_000, 1500), Some(27_000));
        assert_eq!(line_price(333, 1500), Some(500));
        assert_eq!(line_price(1, 499), Some(0));
        assert_eq!(line_price(1, 500), Some(1));
        assert_eq!(line_price(i64::MAX, 2000), None);
    }

    #[test]
    fn shares_of_what_is_left_add_up() {
        let (mut left, mut whole, mut sum) = (100, 3, 0);
        while whole > 0 {
            let taken = share(left, 1, whole).unwrap();
            left -= taken;
            whole -= 1;
            sum += taken;
        }
        assert_eq!((left, sum), (0, 100));
    }
}
