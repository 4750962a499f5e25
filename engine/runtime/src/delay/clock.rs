//! The broker's time, by which everything here is due: the own wall clock may stand or step as it likes.
//!
//! ```text
//!      sent ──▶ appended at A ──▶ reported        by the own monotonic clock
//! then A ≤ broker's time at the report, and A ≥ broker's time when it was sent.
//! ```
//! Invariant: what this clock shows, the broker's clock showed before, as long as that one does not step back.

use sagaline_core::{Millis, Timestamp};

/// What is known of the broker's clock.
#[derive(Debug, Default)]
pub(super) struct BrokerClock {
    /// The broker's clock minus the own monotonic one, in milliseconds: at least that.
    ahead_ms: Option<i64>,
    /// When it was last heard of.
    heard: Millis,
}

/// Both clocks are cut to milliseconds.
const CUT_MS: i64 = 1;

impl BrokerClock {
    /// A record of ours, sent then, was appended at that time; the report came now.
    pub(super) fn reported(&mut self, sent: Millis, appended_at: Timestamp, now: Millis) {
        let appended_ms = appended_at.as_millis();
        let least = appended_ms - CUT_MS - millis(now);
        let most = appended_ms + 2 * CUT_MS - millis(sent);
        self.ahead_ms = match self.ahead_ms {
            // What was believed is more than can be: the broker's clock was set back, or it is another broker's.
            Some(known) if known > most => Some(least),
            Some(known) => Some(known.max(least)),
            None => Some(least),
        };
        self.heard = now;
    }

    /// The broker's time, or a little earlier; `None` before the first report.
    pub(super) fn time(&self, now: Millis) -> Option<Timestamp> {
        let ahead_ms = self.ahead_ms?;
        Some(Timestamp::from_millis(millis(now).saturating_add(ahead_ms)))
    }

    /// When nothing will have been heard of it for so long that it is to be asked again.
    pub(super) fn stale_at(&self) -> Millis {
        match self.ahead_ms {
            None => Millis(0),
            Some(_) => Millis(self.heard.0 + STALE_AFTER.0),
        }
    }
}

/// A machine may have slept, and its monotonic clock with it.
const STALE_AFTER: Millis = Millis::from_secs(60);

fn millis(span: Millis) -> i64 {
    i64::try_from(span.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn it_is_never_ahead_of_the_broker_and_nearest_by_the_quickest_report() {
        let mut clock = BrokerClock::default();
        assert_eq!(clock.time(Millis(5)), None);

        clock.reported(Millis(1_000), at(100_000), Millis(1_200));
        assert_eq!(clock.time(Millis(1_300)), Some(at(100_099)));
        clock.reported(Millis(2_000), at(101_000), Millis(2_003));
        assert_eq!(clock.time(Millis(2_003)), Some(at(100_999)));
        clock.reported(Millis(3_000), at(102_000), Millis(3_900));

        assert_eq!(clock.time(Millis(3_900)), Some(at(102_896)));
    }

    #[test]
    fn a_broker_whose_clock_was_set_back_is_believed() {
        let mut clock = BrokerClock::default();
        clock.reported(Millis(1_000), at(100_000), Millis(1_002));

        clock.reported(Millis(2_000), at(50_000), Millis(2_002));

        assert_eq!(clock.time(Millis(2_002)), Some(at(49_999)));
    }

    #[test]
    fn it_is_stale_until_it_was_heard_of_and_a_minute_after() {
        let mut clock = BrokerClock::default();
        assert_eq!(clock.stale_at(), Millis(0));

        clock.reported(Millis(0), at(100_000), Millis(10));

        assert_eq!(clock.stale_at(), Millis(STALE_AFTER.0 + 10));
    }
}
