//! The types of `forecourt:common/types`: aliases whose names carry rules.
//!
//! `check` wants the canonical form, which guests pass and storage holds; `normalise` takes what people type.

mod credit_code;
pub(crate) mod ids;
mod mobile;
mod plate;
mod resident_id;
mod time;
mod vin;

use std::borrow::Cow;

use forecourt_base::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::rule::Rule;

/// A semantic type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Semantic {
    /// Vehicle identification number.
    Vin,
    /// Number plate.
    Plate,
    /// Mobile number in China.
    Mobile,
    /// Resident identity number.
    ResidentId,
    /// Unified social credit code.
    CreditCode,
    /// Fen.
    Money,
    /// Thousandths of a unit.
    Quantity,
    /// Hundredths of a per cent.
    Percent,
    /// Calendar date.
    Date,
    /// Instant in UTC.
    Datetime,
    /// Kilometres.
    Mileage,
    /// Sign-in name of a user, or `plugin:<name>`.
    UserId,
    /// Id of a customer.
    CustomerId,
    /// Id of a vehicle.
    VehicleId,
    /// SHA-256 of a stored file.
    FileRef,
    /// Where the next page begins.
    PageToken,
    /// Free text about a person.
    PersonalText,
}

/// The WIT type behind a semantic type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// `string`
    Text,
    /// `s64`
    S64,
    /// `s32`
    S32,
    /// `u32`
    U32,
}

/// A value brought to its canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalised<'a> {
    /// The canonical form.
    pub value: Cow<'a, str>,
    /// A rule that the value breaks without being refused.
    pub warning: Option<Rule>,
}

impl<'a> Normalised<'a> {
    fn new(value: Cow<'a, str>) -> Self {
        Self { value, warning: None }
    }
}

const ALL: [(Semantic, &str); 17] = [
    (Semantic::Vin, "vin"),
    (Semantic::Plate, "plate"),
    (Semantic::Mobile, "mobile"),
    (Semantic::ResidentId, "resident-id"),
    (Semantic::CreditCode, "credit-code"),
    (Semantic::Money, "money"),
    (Semantic::Quantity, "quantity"),
    (Semantic::Percent, "percent"),
    (Semantic::Date, "date"),
    (Semantic::Datetime, "datetime"),
    (Semantic::Mileage, "mileage"),
    (Semantic::UserId, "user-id"),
    (Semantic::CustomerId, "customer-id"),
    (Semantic::VehicleId, "vehicle-id"),
    (Semantic::FileRef, "file-ref"),
    (Semantic::PageToken, "page-token"),
    (Semantic::PersonalText, "personal-text"),
];

impl Semantic {
    /// The semantic type of this name in `forecourt:common/types`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, known)| *known == name).map(|(semantic, _)| *semantic)
    }

    /// Its name in `forecourt:common/types`.
    #[must_use]
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }

    /// All semantic types.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|(semantic, _)| *semantic)
    }

    /// Whether values are personal data.
    #[must_use]
    pub fn personal(self) -> bool {
        matches!(self, Self::Plate | Self::Mobile | Self::ResidentId | Self::CustomerId | Self::PersonalText)
    }

    /// The WIT type behind it.
    #[must_use]
    pub fn base(self) -> Base {
        match self {
            Self::Money | Self::Quantity => Base::S64,
            Self::Percent => Base::S32,
            Self::Mileage => Base::U32,
            _ => Base::Text,
        }
    }

    /// Checks a canonical text.
    ///
    /// # Errors
    /// The rule that `value` breaks.
    pub fn check(self, value: &str) -> Result<(), Rule> {
        self.check_on(value, None)
    }

    /// Checks a canonical text at the instant `now`: dates of birth after it are refused too.
    ///
    /// # Errors
    /// The rule that `value` breaks.
    pub fn check_at(self, value: &str, now: Timestamp) -> Result<(), Rule> {
        self.check_on(value, Some(today(now)))
    }

    /// Brings what people type to the canonical form.
    ///
    /// # Errors
    /// The rule that `value` breaks.
    pub fn normalise(self, value: &str) -> Result<Normalised<'_>, Rule> {
        self.normalise_on(value, None)
    }

    /// The same at the instant `now`: dates of birth after it are refused too.
    ///
    /// # Errors
    /// The rule that `value` breaks.
    pub fn normalise_at(self, value: &str, now: Timestamp) -> Result<Normalised<'_>, Rule> {
        self.normalise_on(value, Some(today(now)))
    }

    /// Checks an integer whose WIT type already bounds it.
    ///
    /// # Errors
    /// The rule that `value` breaks.
    pub fn check_integer(self, value: i64) -> Result<(), Rule> {
        match self.base() {
            Base::Text => Err(crate::rule::kind("text")),
            Base::S64 => Ok(()),
            Base::S32 => i32::try_from(value).map(drop).map_err(|_| crate::rule::range(i32::MIN, i32::MAX)),
            Base::U32 => u32::try_from(value).map(drop).map_err(|_| crate::rule::range(u32::MIN, u32::MAX)),
        }
    }

    pub(crate) fn check_on(self, value: &str, today: Option<Date>) -> Result<(), Rule> {
        match self {
            Self::Vin => vin::check(value).map(drop),
            Self::Plate => plate::check(value).map(drop),
            Self::Mobile => mobile::check(value),
            Self::ResidentId => resident_id::check(value, today),
            Self::CreditCode => credit_code::check(value).map(drop),
            Self::Date => time::check_date(value),
            Self::Datetime => time::check_datetime(value),
            Self::UserId => ids::check_user(value),
            Self::CustomerId | Self::VehicleId => ids::check_record(value),
            Self::FileRef => ids::check_file(value),
            Self::PageToken => ids::check_page(value),
            Self::PersonalText => ids::check_personal_text(value),
            Self::Money | Self::Quantity | Self::Percent | Self::Mileage => Err(crate::rule::kind("an integer")),
        }
    }

    pub(crate) fn normalise_on(self, value: &str, today: Option<Date>) -> Result<Normalised<'_>, Rule> {
        match self {
            Self::Vin => {
                let value = upper(value);
                let warning = vin::check(&value)?;
                Ok(Normalised { value, warning })
            }
            Self::Plate => plate::normalise(value),
            Self::Mobile => mobile::normalise(value).map(Normalised::new),
            Self::ResidentId => {
                let value = upper(value.trim());
                resident_id::check(&value, today)?;
                Ok(Normalised::new(value))
            }
            Self::CreditCode => {
                let value = upper(value.trim());
                let warning = credit_code::check(&value)?;
                Ok(Normalised { value, warning })
            }
            Self::Date => time::normalise_date(value).map(Normalised::new),
            Self::Datetime => time::normalise_datetime(value).map(Normalised::new),
            Self::FileRef => {
                let value = value.trim();
                let lower = value.bytes().any(|b| b.is_ascii_uppercase());
                let value = if lower { Cow::Owned(value.to_ascii_lowercase()) } else { Cow::Borrowed(value) };
                ids::check_file(&value)?;
                Ok(Normalised::new(value))
            }
            Self::PersonalText => {
                ids::check_personal_text(value)?;
                Ok(Normalised::new(Cow::Borrowed(value)))
            }
            _ => {
                let value = value.trim();
                self.check_on(value, today)?;
                Ok(Normalised::new(Cow::Borrowed(value)))
            }
        }
    }
}

fn upper(value: &str) -> Cow<'_, str> {
    if value.bytes().any(|b| b.is_ascii_lowercase()) {
        Cow::Owned(value.to_ascii_uppercase())
    } else {
        Cow::Borrowed(value)
    }
}

/// The calendar date in China, whose whole area keeps UTC+8, at an instant.
pub(crate) fn today(now: Timestamp) -> Date {
    let instant = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    Offset::constant(8).to_datetime(instant).date()
}

#[cfg(test)]
mod tests;
