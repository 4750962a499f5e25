//! Instants in a schedule's JSON: RFC 3339.

use sagaline_core::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An instant, in JSON as RFC 3339: `2026-03-01T09:00:00Z`; with microseconds where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub Timestamp);

impl Instant {
    /// RFC 3339 in UTC, as short as it can be said exactly.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_microsecond(self.0.as_micros())
            .map_or_else(|_| self.0.to_rfc3339(), |instant| instant.to_string())
    }
}

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed: Result<jiff::Timestamp, _> = text.parse();
        match parsed {
            Ok(at) => Ok(Self(Timestamp::from_micros(at.as_microsecond()))),
            Err(_) => Err(D::Error::custom(format!(
                "`{text}`: an instant as 2026-03-01T09:00:00Z is allowed, {} at the latest",
                Self(Timestamp::LATEST).to_rfc3339()
            ))),
        }
    }
}
