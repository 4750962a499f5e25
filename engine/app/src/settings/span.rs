//! Spans of time as people write them: `7d`, `30s`, `250ms`.

use std::{fmt, str::FromStr, time::Duration};

use sagaline_core::Millis;
use serde::{Deserialize, Deserializer, de::Error as _};

/// A span of time, written as a number and a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(Duration);

impl Span {
    /// So long.
    pub(crate) const fn new(span: Duration) -> Self {
        Self(span)
    }

    /// The span.
    pub(crate) const fn get(self) -> Duration {
        self.0
    }
}

/// A text that is no span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidSpan(String);

impl fmt::Display for InvalidSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}", self.0, sagaline_core::InvalidSpan)
    }
}

impl std::error::Error for InvalidSpan {}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let span: Millis = text.parse().map_err(|_| InvalidSpan(text.to_owned()))?;
        Ok(Self(Duration::from_millis(span.0)))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let ms = |text: &str| text.parse::<Span>().unwrap().get().as_millis();

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
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("30s"), "{error}");
        }
    }
}
