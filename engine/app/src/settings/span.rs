//! Spans of time as people write them in settings and flags.

use std::{str::FromStr, time::Duration};

use sagaline_core::{InvalidSpan, Millis};
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

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let millis: Millis = text.parse()?;
        Ok(Self(Duration::from_millis(millis.0)))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
