use super::*;
use proptest::prelude::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// The instants from `from` on, in order, before `until`.
fn all(line: &str, zone_name: &str, from: &str, until: &str) -> Vec<String> {
    let (line, zone) = (CronLine::new(line).unwrap(), zone(zone_name));
    let mut due = Vec::new();
    let mut after = at(from).plus_millis(-1);
    while let Some(next) = line.next(after, &zone).filter(|next| *next < at(until)) {
        due.push(next.to_rfc3339().replace(":00.000Z", "Z"));
        after = next;
    }
    due
}

#[test]
fn a_line_is_due_by_the_clocks_of_its_zone() {
    let in_zone = |name| all("30 2 * * *", name, "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z");
    assert_eq!(in_zone("Asia/Shanghai"), ["2026-05-01T18:30Z"]);
    assert_eq!(in_zone("Asia/Tokyo"), ["2026-05-01T17:30Z"]);
    assert_eq!(in_zone("America/New_York"), ["2026-05-01T06:30Z"]);
    let month_end = all("0 23 L * *", "Asia/Shanghai", "2028-01-15T00:00:00Z", "2028-04-15T00:00:00Z");
    assert_eq!(month_end, ["2028-01-31T15:00Z", "2028-02-29T15:00Z", "2028-03-31T15:00Z"]);
    let second_monday = all("0 8 * * MON#2", "UTC", "2026-05-01T00:00:00Z", "2026-07-01T00:00:00Z");
    assert_eq!(second_monday, ["2026-05-11T08:00Z", "2026-06-08T08:00Z"]);
}

#[test]
fn in_the_hour_that_is_skipped_a_fixed_time_is_due_when_it_is_over() {
    // New York goes from 02:00 to 03:00 on 8 March 2026, at 07:00Z.
    let days = ("2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z");
    let all = |line| all(line, "America/New_York", days.0, days.1);
    assert_eq!(all("30 2 * * *"), ["2026-03-08T07:00Z", "2026-03-09T06:30Z"]);
    assert_eq!(all("30 1 * * *"), ["2026-03-08T06:30Z", "2026-03-09T05:30Z"]);
    assert_eq!(all("0 3 * * *"), ["2026-03-08T07:00Z", "2026-03-09T07:00Z"]);
    let hourly = all("15 * 8 3 *");
    assert_eq!((hourly.len(), &*hourly[1], &*hourly[2]), (23, "2026-03-08T06:15Z", "2026-03-08T07:15Z"));
}

#[test]
fn in_the_hour_that_is_repeated_a_fixed_time_is_due_the_first_time() {
    // New York goes from 02:00 back to 01:00 on 1 November 2026, at 06:00Z.
    let days = ("2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z");
    let all = |line| all(line, "America/New_York", days.0, days.1);
    assert_eq!(all("30 1 * * *"), ["2026-11-01T05:30Z", "2026-11-02T06:30Z"]);
    let half_hourly = all("*/30 1 1 11 *");
    assert_eq!(half_hourly, ["2026-11-01T05:00Z", "2026-11-01T05:30Z", "2026-11-01T06:00Z", "2026-11-01T06:30Z"]);
}

#[test]
fn what_is_no_line_is_refused() {
    let malformed = [
        "",
        "* * * *",
        "* * * * * *",
        "@daily",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "a b c d e",
        "*/0 * * * *",
        "5-1 * * * *",
        "1,,2 * * * *",
        "* * * * ?",
        "＊ * * * *",
    ];
    for line in malformed {
        assert_eq!(CronLine::new(line), Err(CronLineError::Malformed), "{line}");
    }
    for line in ["0 0 30 2 *", "0 0 31 4,6 *"] {
        assert_eq!(CronLine::new(line), Err(CronLineError::NeverDue), "{line}");
    }
    assert_eq!(CronLine::new(&format!("{} * * * *", "1,".repeat(600))), Err(CronLineError::Malformed));
    assert_eq!(CronLine::new(" 5  4 * * sun ").unwrap().as_str(), "5 4 * * sun");
    assert!(CronLine::new("0 0 29 2 *").is_ok());
}

fn field(max: u32, min: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("*".to_owned()),
        2 => (min..=max).prop_map(|value| value.to_string()),
        1 => (min..=max, min..=max).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (min..=max, min..=max).prop_map(|(a, b)| format!("{a},{b}")),
        1 => (2_u32..20).prop_map(|step| format!("*/{step}")),
    ]
}

fn line() -> impl Strategy<Value = CronLine> {
    let weekday = prop_oneof![4 => Just("*".to_owned()), 1 => (0_u32..7).prop_map(|day| day.to_string())];
    let fields = (field(59, 0), field(23, 0), field(28, 1), field(12, 1), weekday);
    fields.prop_map(|(a, b, c, d, e)| CronLine::new(&format!("{a} {b} {c} {d} {e}")).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// `next` and `latest` walk over the same instants, whatever the clocks do.
    #[test]
    fn forwards_and_backwards_agree(
        line in line(),
        name in prop::sample::select(vec!["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Europe/London", "UTC"]),
        from in 1_700_000_000_000_i64..1_900_000_000_000,
    ) {
        let zone = zone(name);
        let mut now = Timestamp::from_millis(from);
        for _ in 0..12 {
            let next = line.next(now, &zone).unwrap();
            prop_assert!(next > now);
            prop_assert_eq!(next.as_millis() % 60_000, 0);
            prop_assert_eq!(line.latest(next, &zone), Some(next), "at {}", next);
            let before = line.latest(next.plus_millis(-1), &zone).unwrap();
            prop_assert!(before < next && before <= now, "{before} lies between {now} and {next}");
            prop_assert_eq!(line.next(before, &zone), Some(next));
            now = next;
        }
    }
}
