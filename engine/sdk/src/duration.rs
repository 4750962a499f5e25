//! `30.seconds()` instead of `Duration::from_secs(30)`, and instants with conversions.

use std::time::{Duration, SystemTime};

use sagaline_core::Timestamp;

/// Spans of time as people write them.
///
/// # Example: half an hour
/// ```
/// use sagaline_sdk::DurationExt;
///
/// assert_eq!(30.minutes(), std::time::Duration::from_secs(1_800));
/// ```
pub trait DurationExt {
    /// That many milliseconds.
    fn milliseconds(self) -> Duration;
    /// That many seconds.
    fn seconds(self) -> Duration;
    /// That many minutes.
    fn minutes(self) -> Duration;
    /// That many hours.
    fn hours(self) -> Duration;
    /// That many days of 24 hours.
    fn days(self) -> Duration;
}

impl DurationExt for u64 {
    fn milliseconds(self) -> Duration {
        Duration::from_millis(self)
    }

    fn seconds(self) -> Duration {
        Duration::from_secs(self)
    }

    fn minutes(self) -> Duration {
        Duration::from_secs(self.saturating_mul(60))
    }

    fn hours(self) -> Duration {
        Duration::from_secs(self.saturating_mul(3_600))
    }

    fn days(self) -> Duration {
        Duration::from_secs(self.saturating_mul(86_400))
    }
}

/// A workflow's instants in the standard library's words, which `jiff`, `chrono` and `time` convert from.
///
/// # Example: a deadline
/// ```
/// use sagaline_sdk::{DurationExt, Timestamp, TimestampExt};
///
/// let now = Timestamp::from_millis(1_000);
///
/// assert_eq!(now.after(2.minutes()), Timestamp::from_millis(121_000));
/// assert_eq!(now.to_system_time(), std::time::SystemTime::UNIX_EPOCH + 1.seconds());
/// ```
pub trait TimestampExt {
    /// The instant as the standard library has it.
    fn to_system_time(self) -> SystemTime;

    /// The instant that much later, in whole milliseconds.
    #[must_use]
    fn after(self, span: Duration) -> Self;
}

impl TimestampExt for Timestamp {
    fn to_system_time(self) -> SystemTime {
        let span = Duration::from_micros(self.as_micros().unsigned_abs());
        if self.as_micros() < 0 {
            SystemTime::UNIX_EPOCH - span
        } else {
            SystemTime::UNIX_EPOCH + span
        }
    }

    fn after(self, span: Duration) -> Self {
        self.plus(sagaline_core::Millis(millis(span)))
    }
}

/// Whole milliseconds, at most what fits.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
