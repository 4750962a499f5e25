//! Intervals: every so long, counted from the epoch.

use sagaline_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{invalid::Invalid, span::Span};

/// The shortest interval.
const EVERY_MIN_MS: u64 = 1_000;

/// The longest one, 100 years.
const EVERY_MAX_MS: u64 = 36_525 * 86_400_000;

/// Every so long, counted from 1970-01-01T00:00:00Z plus an offset, whatever clocks on walls do.
///
/// `{"every": "1h", "offset": "15m"}` is a quarter past each hour of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// How long from one to the next, 1 second to 100 years.
    pub every: Span,
    /// How far behind the epoch it begins; less than `every`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: Span,
}

fn is_zero(span: &Span) -> bool {
    *span == Span::default()
}

impl Interval {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        if !(EVERY_MIN_MS..=EVERY_MAX_MS).contains(&self.every.as_millis()) {
            let text = format!("`{}`: 1s to 36525d are allowed", self.every);
            return Err(Invalid::new(text).within("every"));
        }
        if self.offset >= self.every {
            let text = format!(
                "`{}`: less than `every`, which is {}, is allowed",
                self.offset, self.every
            );
            return Err(Invalid::new(text).within("offset"));
        }
        Ok(())
    }

    /// The first that is later than `after`.
    pub(super) fn next_after(&self, after: Timestamp) -> Timestamp {
        let (every, offset) = (self.every.micros(), self.offset.micros());
        let passed = after.as_micros().saturating_sub(offset).div_euclid(every);
        let due = passed.saturating_add(1).saturating_mul(every);
        Timestamp::from_micros(due.saturating_add(offset))
    }
}
