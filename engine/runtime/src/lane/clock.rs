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
    /// When the last append was, by the broker's clock, and when its report came.
    appended: Option<(Timestamp, Millis)>,
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
        self.appended = Some((appended_at, now.monotonic));
        let ahead = self.sent_at.as_millis() - appended_at.as_millis();
        let behind = now.wall.as_millis() - appended_at.as_millis();
        self.skew_ms = ahead.max(0) + behind.min(0);
    }

    /// The time that a batch is made at: the own clock's, but never further from the broker's than is allowed. What is
    /// journaled goes for ever: a clock that is a year ahead for a minute must neither hold all deadlines for a year nor
    /// forget every closed run.
    pub(super) fn time(&self, now: Now) -> Timestamp {
        let Some((appended_at, reported)) = self.appended else {
            return now.wall;
        };
        let about = appended_at.plus(Millis(now.monotonic.0.saturating_sub(reported.0)));
        let earliest = about.as_micros() - CLOCK_SKEW_MAX.0 as i64 * 1_000;
        now.wall
            .max(Timestamp::from_micros(earliest))
            .min(about.plus(CLOCK_SKEW_MAX))
    }

    /// By when what is seen now of the inputs was so: the own clock's time, but no hour to come of one that has jumped ahead.
    pub(super) fn seen_at(&self, now: Now) -> Timestamp {
        now.wall.min(self.time(now))
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
    fn a_batch_is_made_near_the_brokers_time_whatever_the_own_clock_says() {
        let mut clock = ClockWatch::default();
        let at = |wall_ms, monotonic| Now {
            wall: Timestamp::from_millis(wall_ms),
            monotonic: Millis(monotonic),
        };
        assert_eq!(clock.time(at(7, 0)).as_millis(), 7);
        clock.reported(Some(Timestamp::from_millis(100_000)), at(100_000, 500));

        for (wall_ms, monotonic, expected) in [
            (100_700, 1_200, 100_700),
            (101_900, 500, 101_900),
            (9_000_000, 1_500, 103_000),
            (0, 10_500, 108_000),
        ] {
            assert_eq!(clock.time(at(wall_ms, monotonic)).as_millis(), expected);
        }
    }

    #[test]
    fn a_clock_far_ahead_or_behind_is_not_trusted() {
        check(10_000, 7_000, 10_010, false);
        check(10_000, 13_000, 10_010, false);
        check(10_000, 8_500, 10_010, true);
    }
}
