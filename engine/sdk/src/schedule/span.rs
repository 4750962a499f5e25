//! Spans in a schedule's JSON: a number and a unit, as in settings: `30s`, `15m`, `7d`.

use std::{fmt, str::FromStr, time::Duration};

use sagaline_core::{InvalidSpan, Millis};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::duration::millis;

/// A span of time in whole milliseconds, in JSON as people write it: `30s`, `15m`, `7d`; there a number is milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Millis);

impl Span {
    /// The span in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0.0
    }

    /// The span as the standard library has it.
    #[must_use]
    pub const fn to_duration(self) -> Duration {
        Duration::from_millis(self.0.0)
    }

    /// The span in microseconds, as instants are counted.
    pub(super) fn micros(self) -> i64 {
        i64::try_from(self.0.0.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }
}

impl From<Duration> for Span {
    fn from(span: Duration) -> Self {
        Self(Millis(millis(span)))
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        text.parse().map(Self)
    }
}

/// In the largest unit that holds it exactly.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1_000),
        ];
        let ms = self.0.0;
        match units
            .iter()
            .find(|(_, unit)| ms != 0 && ms.is_multiple_of(*unit))
        {
            Some((name, unit)) => write!(f, "{}{name}", ms / unit),
            None if ms == 0 => f.write_str("0s"),
            None => write!(f, "{ms}ms"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text.parse().map_err(D::Error::custom),
            other => match other.as_u64() {
                Some(ms) => Ok(Self(Millis(ms))),
                None => Err(D::Error::custom(format!(
                    "`{other}`: a text as `30s`, or a number of milliseconds, is allowed"
                ))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_in_the_largest_unit_that_holds_it() {
        for (text, written) in [
            ("0s", "0s"),
            ("250ms", "250ms"),
            ("60s", "1m"),
            ("90m", "90m"),
            ("24h", "1d"),
            ("365d", "365d"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string(), written);
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
            let ms = serde_json::json!(span.as_millis());
            assert_eq!(serde_json::from_value::<Span>(ms).unwrap(), span);
        }
    }
}
