//! Dates and instants.

use std::borrow::Cow;

use jiff::civil::Date;

use crate::rule::Rule;

const DATE: Rule = Rule::fixed("date", "must be a date such as `2026-01-10`", "必须是日期，例如 2026-01-10");
const DATETIME: Rule = Rule::fixed(
    "datetime",
    "must be an instant in UTC such as `2026-01-10T08:30:00.000Z`",
    "必须是 UTC 时间，例如 2026-01-10T08:30:00.000Z",
);
const DATETIME_LOOSE: Rule = Rule::fixed(
    "datetime",
    "must be an instant with its offset such as `2026-01-10T16:30:00+08:00`",
    "必须是带时区的时间，例如 2026-01-10T16:30:00+08:00",
);

fn number(digits: &[u8]) -> Option<i16> {
    let good = !digits.is_empty() && digits.len() <= 4 && digits.iter().all(u8::is_ascii_digit);
    good.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
}

fn date(year: &[u8], month: &[u8], day: &[u8]) -> Option<Date> {
    let part = |digits| number(digits).and_then(|n| i8::try_from(n).ok());
    Date::new(number(year)?, part(month)?, part(day)?).ok()
}

fn is_date(bytes: &[u8]) -> bool {
    match bytes {
        [year @ .., b'-', m1, m2, b'-', d1, d2] if year.len() == 4 => date(year, &[*m1, *m2], &[*d1, *d2]).is_some(),
        _ => false,
    }
}

pub(super) fn check_date(text: &str) -> Result<(), Rule> {
    if is_date(text.as_bytes()) { Ok(()) } else { Err(DATE) }
}

/// Takes `2026-1-10`, `2026/1/10`, `2026.1.10` and `2026年1月10日` too.
pub(super) fn normalise_date(text: &str) -> Result<Cow<'_, str>, Rule> {
    let text = text.trim();
    if is_date(text.as_bytes()) {
        return Ok(Cow::Borrowed(text));
    }
    let mut parts = text.strip_suffix('日').unwrap_or(text).split(['-', '/', '.', '年', '月']);
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(DATE);
    };
    if year.len() != 4 {
        return Err(DATE);
    }
    let date = date(year.as_bytes(), month.as_bytes(), day.as_bytes()).ok_or(DATE)?;
    Ok(Cow::Owned(date.to_string()))
}

/// One spelling for each instant, so that stored instants sort as text.
pub(super) fn check_datetime(text: &str) -> Result<(), Rule> {
    let good = match text.as_bytes() {
        [date @ .., b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, b'Z'] => {
            let below = |a: u8, b: u8, limit| number(&[a, b]).is_some_and(|n| n < limit);
            is_date(date)
                && below(*h1, *h2, 24)
                && below(*m1, *m2, 60)
                && below(*s1, *s2, 60)
                && number(&[*f1, *f2, *f3]).is_some()
        }
        _ => false,
    };
    if good { Ok(()) } else { Err(DATETIME) }
}

/// Takes any RFC 3339 text with an offset; what is finer than a millisecond is cut off.
pub(super) fn normalise_datetime(text: &str) -> Result<Cow<'_, str>, Rule> {
    let text = text.trim();
    if check_datetime(text).is_ok() {
        return Ok(Cow::Borrowed(text));
    }
    let rfc_3339 = text.len() >= 20 && text.as_bytes().get(..10).is_some_and(is_date);
    let instant: jiff::Timestamp = text.parse().ok().filter(|_| rfc_3339).ok_or(DATETIME_LOOSE)?;
    let value =
        forecourt_base::Timestamp::from_millis(instant.as_nanosecond().div_euclid(1_000_000) as i64).to_rfc3339();
    check_datetime(&value).map_err(|_| DATETIME_LOOSE)?;
    Ok(Cow::Owned(value))
}
