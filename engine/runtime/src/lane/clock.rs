//! The lane's clock against the broker's: append times of own records come back with their reports.

use sagaline_core::{Millis, Timestamp};

use super::Now;

/// A lane fires nothing while its clock is further than this from the broker's.
pub const CLOCK_SKEW_MAX: Millis = Millis(2_000);

/// What is known of the clock.
#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    /// Own clock minus the broker's, in milliseconds, at the last report.
    skew_ms: i64,
}

impl ClockWatch {
    /// A record of ours was appended then; its report came now. Reports may come late, never early.
    pub(super) fn reported(&mut self, appended_at: Option<Timestamp>, now: Now) {
        if let Some(appended_at) = appended_at {
            self.skew_ms = now.wall.as_millis() - appended_at.as_millis();
        }
    }

    /// Whether deadlines may fire by this clock.
    pub(super) const fn is_trusted(&self) -> bool {
        self.skew_ms.unsigned_abs() <= CLOCK_SKEW_MAX.0
    }

    /// Own clock minus the broker's, in milliseconds.
    pub(super) const fn skew_ms(&self) -> i64 {
        self.skew_ms
    }
}
