//! When a cron line is due, in a time zone.
//!
//! The wall clock of a zone skips an hour in spring and repeats one in autumn. The rules are those of Vixie's cron: a line of fixed
//! hours and minutes that falls into the skipped hour is due when that hour is over, and in the repeated hour the first time alone; a line
//! with a wildcard or a step among its hours or minutes goes by the clock as it is: nothing is due in the skipped hour, and what the
//! repeated hour holds is due twice.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::Timestamp;
use crate::limits::CRON_LINE_BYTES;

/// Five fields: minute, hour, day of the month, month, day of the week. Numbers, English three-letter names, `*`, lists `,`, ranges `-`,
/// steps `/`; `L` is a month's last day, `MON#2` its second Monday. Where both days are given, either will do.
#[derive(Clone, PartialEq, Eq)]
pub struct CronLine {
    text: String,
    cron: Cron,
}

/// A text is no cron line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CronLineError {
    /// There are not five fields, or one holds what it may not.
    #[error("must be five fields: minute, hour, day of the month, month, day of the week, such as `30 2 * * MON-FRI`")]
    Malformed,
    /// No date fits, such as 30 February.
    #[error("no date fits the line")]
    NeverDue,
}

/// From here on it is tried whether a line is ever due: 2000-01-01T00:00:00Z.
const TRIED_FROM: Timestamp = Timestamp::from_millis(946_684_800_000);
/// The longest that a line which is ever due waits: from one 29 February that is a Monday to the next, and a century without a leap year between.
const TRIED_MS: i64 = 41 * 366 * 86_400_000;
impl CronLine {
    /// Reads a line.
    ///
    /// # Errors
    /// [`CronLineError`] says what is wrong.
    pub fn new(text: &str) -> Result<Self, CronLineError> {
        // The library also takes fewer and more fields, and nicknames such as `@daily`.
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"*,-/#".contains(&byte);
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let well_formed = |field: &&str| field.bytes().all(known) && field.split(',').all(|item| !item.is_empty());
        if text.len() > CRON_LINE_BYTES || fields.len() != 5 || !fields.iter().all(well_formed) {
            return Err(CronLineError::Malformed);
        }
        let text = fields.join(" ");
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&text).map_err(|_| CronLineError::Malformed)?;
        let line = Self { text, cron };
        match line.next(TRIED_FROM, &TimeZone::UTC) {
            Some(first) if first < TRIED_FROM.plus_millis(TRIED_MS) => Ok(line),
            _ => Err(CronLineError::NeverDue),
        }
    }

    /// The line with one blank between fields.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The last instant, `until` or before it, at which the line is due by the clocks of `zone`; none before the year 1.
    #[must_use]
    pub fn latest(&self, until: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let until = whole_second(until, zone)?;
        self.cron.find_previous_occurrence(&until, true).ok().map(|due| instant(&due))
    }

    /// The first instant after `after` at which the line is due by the clocks of `zone`; none after the year 4999.
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let after = whole_second(after, zone)?;
        self.cron.find_next_occurrence(&after, false).ok().map(|due| instant(&due))
    }
}

impl fmt::Debug for CronLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CronLine({})", self.text)
    }
}

impl fmt::Display for CronLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Lines are due at whole minutes, so what is below a second only has to go.
fn whole_second(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    let seconds = at.as_millis().div_euclid(1_000);
    Some(jiff::Timestamp::from_second(seconds).ok()?.to_zoned(zone.clone()))
}

fn instant(due: &Zoned) -> Timestamp {
    Timestamp::from_millis(due.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests;
