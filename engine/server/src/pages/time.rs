//! Instants and spans on pages: absolute for those without JavaScript, with what the module needs to keep them live.
//!
//! Invariant: ages and countdowns are told by the server's clock, which the page carries.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};

const DAY_MS: i64 = 86_400_000;

/// An instant of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(Timestamp);

impl At {
    /// An instant, by milliseconds since 1970.
    pub(crate) fn from_ms(ms: i64) -> Self {
        Self(Timestamp::from_millisecond(ms).unwrap_or_default())
    }

    pub(crate) fn ms(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The midnight before it, in UTC.
    pub(crate) fn midnight(self) -> Self {
        Self::from_ms(self.ms().div_euclid(DAY_MS) * DAY_MS)
    }

    /// The first instant from it on, to a second, at which a clock shows `10:41` or `10:41:05` in UTC.
    pub(crate) fn next(self, clock: &str) -> Option<Self> {
        let parts: Vec<&str> = clock.split(':').collect();
        let part = |place: usize, end: i64| {
            let number = parts.get(place).map_or(Some(0), |text| text.parse().ok());
            number.filter(|number| (0..end).contains(number))
        };
        let seconds = (part(0, 24)? * 60 + part(1, 60)?) * 60 + part(2, 60)?;
        let at = self.midnight().ms() + seconds * 1_000;
        let is_past = at < self.ms() / 1_000 * 1_000;
        (2..=3)
            .contains(&parts.len())
            .then(|| Self::from_ms(at + if is_past { DAY_MS } else { 0 }))
    }

    /// RFC 3339, to the millisecond.
    pub(crate) fn iso(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }

    /// `10:41:05`
    pub(crate) fn clock(self) -> String {
        self.0.strftime("%H:%M:%S").to_string()
    }

    /// `26 Nov 2026, 10:41:05 UTC`
    pub(crate) fn full(self) -> String {
        self.0.strftime("%-d %b %Y, %H:%M:%S UTC").to_string()
    }

    /// `10:41:05` on the day of `now`, else `25 Nov, 10:41`, else `25 Nov 2025, 10:41`.
    pub(crate) fn short(self, now: Self) -> String {
        let day = |at: Self, form: &str| at.0.strftime(form).to_string();
        let form = match (day(self, "%Y"), day(self, "%j")) {
            (year, yearday) if year == day(now, "%Y") && yearday == day(now, "%j") => "%H:%M:%S",
            (year, _) if year == day(now, "%Y") => "%-d %b, %H:%M",
            _ => "%-d %b %Y, %H:%M",
        };
        self.0.strftime(form).to_string()
    }

    /// `3 min ago`; `now` within a second, and for what a clock ahead of this one says.
    pub(crate) fn ago(self, now: Self) -> String {
        match now.ms().saturating_sub(self.ms()) {
            ..1_000 => "now".to_owned(),
            ms => format!("{} ago", age(ms)),
        }
    }

    /// `0:41`, `23 h`, `due now`, `due 3 s ago`.
    pub(crate) fn countdown(self, now: Self) -> String {
        match self.ms().saturating_sub(now.ms()) {
            ms @ 3_600_000.. => age(ms),
            ms @ 1.. => {
                let seconds = (ms + 999) / 1_000;
                format!("{}:{:02}", seconds / 60, seconds % 60)
            }
            -999..=0 => "due now".to_owned(),
            ms => format!("due {} ago", age(ms.saturating_neg())),
        }
    }
}

impl At {
    /// `in 0:41`, but `due now`.
    pub(crate) fn coming(self, now: Self) -> String {
        match self > now {
            true => format!("in {}", self.countdown(now)),
            false => self.countdown(now),
        }
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| D::Error::custom("not an instant"))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full())
    }
}

/// A span in its largest unit, rounded down: `3 s`, `6 min`, `23 h`, `97 days`.
pub(crate) fn age(ms: i64) -> String {
    sagaline_core::view::age(sagaline_core::Millis(ms.max(0).unsigned_abs()))
}

/// How long something took: `120 ms`, `1.9 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn took(ms: i64) -> String {
    let two = |big: i64, unit: &str, small: i64, smaller: &str| match small {
        0 => format!("{big} {unit}"),
        _ => format!("{big} {unit} {small} {smaller}"),
    };
    match ms.max(0) {
        ms @ 0..1_000 => format!("{ms} ms"),
        ms @ 1_000..10_000 if ms % 1_000 / 100 > 0 => {
            format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
        }
        ms @ 1_000..60_000 => format!("{} s", ms / 1_000),
        ms @ 60_000..3_600_000 => two(ms / 60_000, "min", ms % 60_000 / 1_000, "s"),
        ms @ 3_600_000..172_800_000 => two(ms / 3_600_000, "h", ms % 3_600_000 / 60_000, "min"),
        ms => format!("{} days", ms / 86_400_000),
    }
}

/// `12,408`
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_countdown_is_never_negative_and_never_invented() {
        let due = At::from_ms(100_000);

        for (now, told) in [
            (59_000, "0:41"),
            (99_999, "0:01"),
            (100_000, "due now"),
            (103_500, "due 3 s ago"),
            (-8_000_000, "2 h"),
        ] {
            assert_eq!(due.countdown(At::from_ms(now)), told);
        }
    }

    #[test]
    fn a_time_of_day_is_the_next_one_from_an_instant_on() {
        let noon = At::from_ms(1_800_014_400_500);

        for (clock, told) in [
            ("12:00", Some("2027-01-15T12:00:00.000Z")),
            ("12:00:01", Some("2027-01-15T12:00:01.000Z")),
            ("11:59", Some("2027-01-16T11:59:00.000Z")),
            ("24:00", None),
            ("12", None),
            ("12:00:00:00", None),
            ("2027-01-15T12:00:00Z", None),
        ] {
            assert_eq!(noon.next(clock).map(At::iso).as_deref(), told, "{clock}");
        }
    }

    #[test]
    fn spans_have_at_most_two_units() {
        let told: Vec<String> = [120, 1_000, 1_900, 12_300, 200_000, 7_500_000, 8_400_000_000]
            .map(took)
            .into();

        assert_eq!(
            told,
            [
                "120 ms",
                "1 s",
                "1.9 s",
                "12 s",
                "3 min 20 s",
                "2 h 5 min",
                "97 days"
            ]
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [number(0), number(999), number(12_408), number(1_234_567)],
            ["0", "999", "12,408", "1,234,567"]
        );
    }

    #[test]
    fn a_day_is_said_where_it_is_another() {
        let now = At::from_ms(1_800_000_000_000);

        assert_eq!(At::from_ms(1_800_000_000_000).short(now), "08:00:00");
        assert_eq!(At::from_ms(1_799_900_000_000).short(now), "14 Jan, 04:13");
        assert_eq!(
            At::from_ms(1_700_000_000_000).short(now),
            "14 Nov 2023, 22:13"
        );
    }
}
