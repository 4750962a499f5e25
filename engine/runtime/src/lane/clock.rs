//! The lane's clock against the broker's: append times of own records come back with their reports.

use sagaline_core::{Millis, Timestamp};

use super::Now;

/// A lane fires nothing while its clock is further than this from the broker's.
pub const CLOCK_SKEW_MAX: Millis = Millis(2_000);

/// What is known of the clock.
#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    /// Own clock when the last append was sent.
    sent_at: Timestamp,
    /// By how much the own clock is ahead of the broker's at least, in milliseconds; negative: behind.
    skew_ms: i64,
}

impl ClockWatch {
    /// An append of ours goes out now.
    pub(super) fn sends(&mut self, now: Now) {
        self.sent_at = now.wall;
    }

    /// The broker appended it then; the report came now. Between sending and report any broker's time is right, however
    /// slow the broker or this thread was.
    pub(super) fn reported(&mut self, appended_at: Option<Timestamp>, now: Now) {
        let Some(appended_at) = appended_at else {
            return;
        };
        let ahead = self.sent_at.as_millis() - appended_at.as_millis();
        let behind = now.wall.as_millis() - appended_at.as_millis();
        self.skew_ms = ahead.max(0) + behind.min(0);
    }

    /// Whether deadlines may fire by this clock.
    pub(super) const fn is_trusted(&self) -> bool {
        self.skew_ms.unsigned_abs() <= CLOCK_SKEW_MAX.0
    }

    /// By how much the own clock is ahead of the broker's at least, in milliseconds.
    pub(super) const fn skew_ms(&self) -> i64 {
        self.skew_ms
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::Millis;

    use super::*;

    fn now(wall_ms: i64) -> Now {
        Now {
            wall: Timestamp::from_millis(wall_ms),
            monotonic: Millis(0),
        }
    }

    fn check(sent: i64, appended: i64, reported: i64, trusted: bool) {
        let mut clock = ClockWatch::default();
        clock.sends(now(sent));
        clock.reported(Some(Timestamp::from_millis(appended)), now(reported));
        assert_eq!(clock.is_trusted(), trusted, "{sent} {appended} {reported}");
    }

    #[test]
    fn a_slow_broker_or_thread_says_nothing_about_the_clock() {
        check(10_000, 10_100, 60_000, true);
        check(10_000, 59_000, 60_000, true);
    }

    #[test]
    fn a_clock_far_ahead_or_behind_is_not_trusted() {
        check(10_000, 7_000, 10_010, false);
        check(10_000, 13_000, 10_010, false);
        check(10_000, 8_500, 10_010, true);
    }
}
