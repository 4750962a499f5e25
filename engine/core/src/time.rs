//! Instants and spans as the journal holds them: microseconds since 1970 and milliseconds; spans as people write them: `7d`,
//! `30s`, `250ms`.

use alloc::string::{String, ToString};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant that many microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The instant that many milliseconds after the epoch, Kafka's unit.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// The latest that a timer can be due at: the end of the year 9999, which RFC 3339 can still write.
    pub const LATEST: Self = Self(253_402_207_200_000_000);

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The next whole millisecond, itself if it is one: what is written in milliseconds must not be early.
    #[must_use]
    pub const fn up_to_millis(self) -> Self {
        let millis = self.as_millis();
        match self.0 == Self::from_millis(millis).0 {
            true => self,
            false => Self::from_millis(millis.saturating_add(1)),
        }
    }

    /// This instant plus a span; stays at the end of the range instead of wrapping.
    #[must_use]
    pub const fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add_unsigned(span.0.saturating_mul(1_000)))
    }

    /// From `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        let micros = self.0.saturating_sub(earlier.0);
        if micros <= 0 {
            Millis(0)
        } else {
            Millis(micros.unsigned_abs() / 1_000)
        }
    }

    /// RFC 3339 in UTC with milliseconds, as the API shows it.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => alloc::format!("{instant:.3}"),
            Err(_) => self.0.to_string(),
        }
    }
}

/// A span in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// That many seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }
}

/// A text that is no span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSpan(String);

impl fmt::Display for InvalidSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no span of time: write a number and ms, s, m, h or d, as in 30s",
            self.0
        )
    }
}

impl core::error::Error for InvalidSpan {}

/// A number and a unit: ms, s, m or min, h, d.
impl FromStr for Millis {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan(String::from(text));
        let trimmed = text.trim();
        let unit_at = trimmed
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(invalid)?;
        let (number, unit) = trimmed.split_at(unit_at);
        let unit_ms: u64 = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(invalid()),
        };
        let number: u64 = number.parse().map_err(|_| invalid())?;
        number.checked_mul(unit_ms).map(Self).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let ms = |text: &str| text.parse::<Millis>().unwrap().0;

        assert_eq!(
            ["250ms", "30s", "5m", "2 h", "7d"].map(ms),
            [250, 30_000, 300_000, 7_200_000, 604_800_000]
        );
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in [
            "",
            "30",
            "s",
            "1.5h",
            "-1s",
            "1w",
            "99999999999999999999d",
            "213503982335d",
        ] {
            let error = text.parse::<Millis>().unwrap_err().to_string();
            assert!(error.contains("30s"), "{error}");
        }
    }
}
