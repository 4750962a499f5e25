//! Spans and countdowns in words: `0.9 s`, `6 min`, `starts in 0:41`, `was due 3 s ago`.

use alloc::{format, string::String};

use crate::{Millis, Timestamp};

const MINUTE_MS: u64 = 60 * 1_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// How long something lasts or lasted, in its largest unit, rounded down: `3 s`, `6 min`, `23 h`, `97 days`.
#[must_use]
pub fn age(span: Millis) -> String {
    match span.0 {
        ms if ms < MINUTE_MS => format!("{} s", ms / 1_000),
        ms if ms < HOUR_MS => format!("{} min", ms / MINUTE_MS),
        ms if ms < 2 * DAY_MS => format!("{} h", ms / HOUR_MS),
        ms => format!("{} days", ms / DAY_MS),
    }
}

/// How long something took; below ten seconds with tenths: `0.9 s`.
pub(super) fn took(span: Millis) -> String {
    match span.0 {
        ms if ms < 10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => age(span),
    }
}

/// What stands behind `attempt 9` while it waits: `starts in 0:41`, `is due now`, `was due 3 s ago`.
pub(super) fn starts(due: Timestamp, now: Timestamp) -> String {
    let (left, late) = (due.since(now), now.since(due));
    if due > now {
        return format!("starts in {}", countdown(left));
    }
    match late.0 {
        ms if ms < 1_000 => String::from("is due now"),
        _ => format!("was due {} ago", age(late)),
    }
}

/// What stands behind `sleeping`: `until 1 March 2027, 00:00 UTC (97 days)`, to the second when it is within the hour.
pub(super) fn until(due: Timestamp, now: Timestamp) -> String {
    format!("until {}", instant(due, now))
}

/// What stands behind `starts`, likewise: `at 1 March 2027, 00:00 UTC (97 days)`.
pub(super) fn at(due: Timestamp, now: Timestamp) -> String {
    format!("at {}", instant(due, now))
}

fn instant(due: Timestamp, now: Timestamp) -> String {
    let left = due.since(now);
    let form = match left.0 {
        ms if ms < HOUR_MS => "%-d %B %Y, %H:%M:%S UTC",
        _ => "%-d %B %Y, %H:%M UTC",
    };
    let instant = match jiff::Timestamp::from_microsecond(due.as_micros()) {
        Ok(instant) => format!("{}", instant.strftime(form)),
        Err(_) => due.to_rfc3339(),
    };
    match due > now {
        true => format!("{instant} ({})", age(left)),
        false => format!("{instant} (due now)"),
    }
}

/// What is left, never less than it is: `0:41` below an hour, then `23 h`.
fn countdown(left: Millis) -> String {
    if left.0 >= HOUR_MS {
        return age(left);
    }
    let seconds = left.0.div_ceil(1_000).max(1);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        let told: alloc::vec::Vec<String> =
            [0, 3_400, 61_000, 3_600_000, 47 * HOUR_MS, 97 * DAY_MS]
                .iter()
                .map(|&ms| age(Millis(ms)))
                .collect();

        assert_eq!(told, ["0 s", "3 s", "1 min", "1 h", "47 h", "97 days"]);
        assert_eq!(took(Millis(949)), "0.9 s");
        assert_eq!(took(Millis(12_900)), "12 s");
    }

    #[test]
    fn a_sleep_is_told_by_its_end_and_what_is_left() {
        let due = Timestamp::from_millis(1_803_859_200_000);
        let before = |span: u64| Timestamp::from_micros(due.as_micros() - span as i64 * 1_000);

        assert_eq!(
            until(due, before(97 * DAY_MS)),
            "until 1 March 2027, 00:00 UTC (97 days)"
        );
        assert_eq!(
            until(due, before(2_500)),
            "until 1 March 2027, 00:00:00 UTC (2 s)"
        );
        assert_eq!(
            until(due, due),
            "until 1 March 2027, 00:00:00 UTC (due now)"
        );
    }

    #[test]
    fn a_countdown_ends_at_due_now_and_is_never_negative() {
        let due = Timestamp::from_millis(100_000);
        let at = |ms| starts(due, Timestamp::from_millis(ms));

        assert_eq!(at(59_000), "starts in 0:41");
        assert_eq!(at(99_999), "starts in 0:01");
        assert_eq!(at(100_000), "is due now");
        assert_eq!(at(103_500), "was due 3 s ago");
        assert_eq!(
            starts(due, Timestamp::from_millis(-8_000_000)),
            "starts in 2 h"
        );
    }
}
