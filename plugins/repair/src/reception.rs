//! Rules of reception and inspection (DOMAIN §6.3 rows 1 and 3).

use forecourt_sdk::check::{self, Broken};

use crate::wit::repair::orders::{Error, Finding, InvalidField, OdometerBehind, Reception};
use crate::wit::repair::records::{Concern, Order};

const WORDS_MAX: usize = 2_000;
const CONCERNS_MAX: usize = 50;
const ITEMS_MAX: usize = 100;

impl From<Broken> for Error {
    fn from((field, rule): Broken) -> Self {
        Self::Invalid(InvalidField { field: field.into(), rule: rule.into() })
    }
}

/// Checks what the advisor writes down at reception and numbers the concerns.
///
/// # Errors
/// The first guard of row 1 that fails.
pub(crate) fn check(reception: &Reception) -> Result<Vec<Concern>, Error> {
    if reception.snapshot.plate.is_none() && reception.snapshot.vin.is_none() {
        return Err(Error::VehicleUnnamed);
    }
    check::text("contact.name", &reception.snapshot.contact.name, 100)?;
    if reception.concerns.is_empty() {
        return Err(Error::NoConcern);
    }
    check::length("concerns", &reception.concerns, CONCERNS_MAX)?;
    let around = &reception.walk_around;
    check::length("damages", &around.damages, ITEMS_MAX)?;
    check::length("belongings", &around.belongings, ITEMS_MAX)?;
    for damage in &around.damages {
        check::text("damages.place", &damage.place, 100)?;
        check::text("damages.note", &damage.note, WORDS_MAX)?;
    }
    for thing in &around.belongings {
        check::text("belongings", thing, 200)?;
    }
    check::number("energy_level", around.energy_level.unwrap_or(0).into(), 10_000)?;
    if !around.confirmed {
        return Err(Error::WalkAroundUnconfirmed);
    }
    let numbered = (1..).zip(&reception.concerns).map(|(number, complaint)| {
        let words = check::text("concerns.words", &complaint.words, WORDS_MAX)?.to_owned();
        let category = complaint.category;
        Ok(Concern { number, words, category, cause: None, no_fault_found: false, correction: None })
    });
    numbered.collect()
}

/// An odometer does not run backwards (row 1); `last` is the vehicle's order with the greatest reading.
///
/// # Errors
/// `odometer-behind`.
pub(crate) fn check_odometer(given: u32, last: Option<&Order>) -> Result<(), Error> {
    match last {
        Some(last) if given < last.snapshot.odometer => Err(Error::OdometerBehind(OdometerBehind {
            given,
            last: last.snapshot.odometer,
            order: last.number.clone(),
        })),
        _ => Ok(()),
    }
}

/// The number on paper, such as `RO-BJ01-2026-000123`.
pub(crate) fn number(store: &str, today: &str, number: u64) -> String {
    let year = today.split('-').next().unwrap_or_default();
    format!("RO-{}-{year}-{number:06}", store.to_uppercase())
}

impl Order {
    /// Notes what inspection found; every concern must then have a cause or no fault.
    ///
    /// # Errors
    /// `unknown-concern`, `invalid` or `concerns-unexplained`.
    pub(crate) fn explain(&mut self, findings: &[Finding]) -> Result<(), Error> {
        for finding in findings {
            let concern = self.concerns.iter_mut().find(|concern| concern.number == finding.concern);
            let concern = concern.ok_or(Error::UnknownConcern(finding.concern))?;
            concern.cause = check::optional("cause", finding.cause.as_deref(), WORDS_MAX)?;
            concern.correction = check::optional("correction", finding.correction.as_deref(), WORDS_MAX)?;
            concern.no_fault_found = finding.no_fault_found;
        }
        let open = self.concerns.iter().filter(|concern| concern.cause.is_none() && !concern.no_fault_found);
        let open: Vec<u32> = open.map(|concern| concern.number).collect();
        if open.is_empty() { Ok(()) } else { Err(Error::ConcernsUnexplained(open)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::wit::repair::records::OrderState;

    #[test]
    fn a_good_reception_numbers_its_concerns() {
        let concerns = check(&sample::reception()).unwrap();
        assert_eq!(concerns.iter().map(|concern| concern.number).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn every_guard_of_row_1_refuses() {
        let refused = |spoil: fn(&mut Reception)| {
            let mut reception = sample::reception();
            spoil(&mut reception);
            check(&reception).unwrap_err()
        };
        assert_eq!(refused(|r| (r.snapshot.plate, r.snapshot.vin) = (None, None)), Error::VehicleUnnamed);
        assert_eq!(refused(|r| r.concerns.clear()), Error::NoConcern);
        assert_eq!(refused(|r| r.walk_around.confirmed = false), Error::WalkAroundUnconfirmed);
        assert_eq!(refused(|r| r.snapshot.contact.name = " ".into()), ("contact.name", "empty").into());
        assert_eq!(refused(|r| r.concerns[1].words.clear()), ("concerns.words", "empty").into());
        assert_eq!(refused(|r| r.walk_around.energy_level = Some(10_001)), ("energy_level", "too-large").into());
    }

    #[test]
    fn odometers_run_forward() {
        let mut last = sample::order(OrderState::WorkDone);
        last.snapshot.odometer = 30_000;
        assert_eq!(check_odometer(30_000, Some(&last)), Ok(()));
        assert_eq!(check_odometer(0, None), Ok(()));
        let behind = OdometerBehind { given: 29_999, last: 30_000, order: last.number.clone() };
        assert_eq!(check_odometer(29_999, Some(&last)), Err(Error::OdometerBehind(behind)));
    }

    #[test]
    fn numbers_name_store_and_year() {
        assert_eq!(number("bj01", "2026-01-10", 123), "RO-BJ01-2026-000123");
        assert_eq!(number("bj01", "2026-01-10", 1_234_567), "RO-BJ01-2026-1234567");
    }

    #[test]
    fn each_concern_has_a_cause_or_no_fault() {
        let mut order = sample::order(OrderState::Inspecting);
        let finding = |concern, cause: Option<&str>, no_fault_found| Finding {
            concern,
            cause: cause.map(Into::into),
            no_fault_found,
            correction: None,
        };
        assert_eq!(order.explain(&[finding(1, Some("pad worn"), false)]), Err(Error::ConcernsUnexplained(vec![2])));
        assert_eq!(order.explain(&[finding(3, None, true)]), Err(Error::UnknownConcern(3)));
        assert_eq!(order.explain(&[finding(2, None, true)]), Ok(()));
    }
}
