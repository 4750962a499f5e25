//! Proof that the inputs were read far enough for a deadline to fire: a result appended before its deadline is in time.
//!
//! A deadline at T is covered once both inputs were dealt with up to a record appended after T, or up to their end as it
//! was seen at or after T. What lies before an end may be no record: a transaction, say, ends with a mark of its own.

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::Tag;

/// How long a lane waits for records before an end, until it looks whether there are any.
pub(super) const GAP_AFTER: Millis = Millis(200);

/// How far both inputs are known to be read, as instants.
#[derive(Debug, Default)]
pub(super) struct InputProof {
    inbox: Timestamp,
    results: Timestamp,
    /// A question where the inputs end, and when it was asked.
    asked: Option<(Tag, Timestamp)>,
    /// Ends seen at an instant, not yet reached.
    ahead: Option<(Timestamp, (i64, i64))>,
    /// Where the lane waits, and since when.
    waits: ((i64, i64), Millis),
    /// A look whether there is anything in a gap.
    looks: Option<(Tag, Gap)>,
}

/// Offsets before an input's end that perhaps hold no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Of the inbox, or of the results.
    pub(super) is_inbox: bool,
    /// The next offset.
    pub(super) from: i64,
    /// The end.
    pub(super) to: i64,
}

impl InputProof {
    /// Whether a deadline may fire.
    pub(super) fn covers(&self, due: Timestamp) -> bool {
        self.inbox >= due && self.results >= due
    }

    /// A record was dealt with; `positions` are the next offsets of inbox and results.
    pub(super) fn passed(&mut self, is_inbox: bool, appended_at: Timestamp, positions: (i64, i64)) {
        // Kafka's clock has milliseconds: a record of the same one may lie before or after the deadline.
        let before = Timestamp::from_micros(appended_at.as_micros().saturating_sub(1_000));
        let seen = if is_inbox {
            &mut self.inbox
        } else {
            &mut self.results
        };
        *seen = (*seen).max(before);
        self.reach(positions);
    }

    /// Asks for the ends, unless that is under way, or those that were seen at `wanted` or later are not reached yet.
    /// Returns the tag to ask with.
    pub(super) fn ask(&mut self, wanted: Timestamp, now: Timestamp, tag: Tag) -> Option<Tag> {
        if self.asked.is_some() || self.ahead.is_some_and(|(at, _)| at >= wanted) {
            return None;
        }
        self.asked = Some((tag, now));
        Some(tag)
    }

    /// The ends came back.
    pub(super) fn ends(&mut self, tag: Tag, ends: Option<(i64, i64)>, positions: (i64, i64)) {
        let Some((_, at)) = self.asked.take_if(|(expected, _)| *expected == tag) else {
            return;
        };
        if let Some(ends) = ends {
            self.ahead = Some((at, ends));
            self.reach(positions);
        }
    }

    /// What lies between a lane that has nothing to take and the end that it waits for, once it has waited for a while. It
    /// is to be looked into with `tag`.
    pub(super) fn gap(&mut self, now: Millis, positions: (i64, i64), tag: Tag) -> Option<Gap> {
        let (_, ends) = self.ahead?;
        if self.waits.0 != positions {
            self.waits = (positions, now);
        }
        if self.looks.is_some() || now.0 < self.waits.1.0 + GAP_AFTER.0 {
            return None;
        }
        let is_inbox = positions.0 < ends.0;
        let (from, to) = if is_inbox {
            (positions.0, ends.0)
        } else {
            (positions.1, ends.1)
        };
        let gap = Gap { is_inbox, from, to };
        self.looks = Some((tag, gap));
        // The next look, should this one fail, comes after another wait.
        self.waits.1 = now;
        Some(gap)
    }

    /// The gap that was looked into with this tag.
    pub(super) fn looked(&mut self, tag: Tag) -> Option<Gap> {
        let looked = self.looks.take_if(|(expected, _)| *expected == tag);
        looked.map(|(_, gap)| gap)
    }

    /// The ends are to be asked for anew.
    pub(super) const fn forget_ends(&mut self) {
        self.ahead = None;
    }

    /// Whether ends were seen that are not reached yet.
    pub(super) const fn waits(&self) -> bool {
        self.ahead.is_some()
    }

    /// `positions` are the next offsets of inbox and results.
    pub(super) fn reach(&mut self, positions: (i64, i64)) {
        let Some((at, ends)) = self.ahead else { return };
        if positions.0 >= ends.0 {
            self.inbox = self.inbox.max(at);
        }
        if positions.1 >= ends.1 {
            self.results = self.results.max(at);
        }
        if positions.0 >= ends.0 && positions.1 >= ends.1 {
            self.ahead = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn ends_cover_the_instant_at_which_they_were_asked_for_once_they_are_reached() {
        let mut proof = InputProof::default();

        assert_eq!(proof.ask(at(100), at(100), 7), Some(7));
        assert_eq!(proof.ask(at(200), at(200), 8), None);
        proof.ends(7, Some((5, 3)), (5, 2));
        assert!(!proof.covers(at(100)));
        proof.passed(false, at(50), (5, 3));

        assert!(proof.covers(at(100)));
        assert!(!proof.covers(at(101)));
    }

    #[test]
    fn a_later_record_covers_what_lies_before_it_and_not_its_own_millisecond() {
        let mut proof = InputProof::default();

        proof.passed(true, at(100), (1, 0));
        proof.passed(false, at(200), (1, 1));

        assert!(proof.covers(at(99)));
        assert!(!proof.covers(at(100)));
    }

    #[test]
    fn a_time_at_the_end_of_its_range_proves_nothing() {
        let mut proof = InputProof::default();

        proof.passed(true, Timestamp::from_micros(i64::MIN), (1, 0));
        proof.passed(false, Timestamp::from_micros(i64::MIN), (1, 1));

        assert!(!proof.covers(at(1)));
    }

    #[test]
    fn an_answer_that_failed_or_is_not_the_asked_one_proves_nothing() {
        let mut proof = InputProof::default();

        proof.ask(at(100), at(100), 7);
        proof.ends(6, Some((0, 0)), (0, 0));
        proof.ends(7, None, (0, 0));

        assert!(!proof.covers(at(1)));
        assert_eq!(proof.ask(at(200), at(200), 8), Some(8));
    }

    #[test]
    fn ends_seen_late_enough_are_not_asked_for_again() {
        let mut proof = InputProof::default();

        proof.ask(at(100), at(120), 7);
        proof.ends(7, Some((5, 3)), (4, 3));

        assert_eq!(proof.ask(at(120), at(130), 8), None);
        assert_eq!(proof.ask(at(121), at(130), 8), Some(8));
    }

    #[test]
    fn a_gap_before_an_end_is_looked_into_after_a_while_and_once() {
        let mut proof = InputProof::default();
        let gap = Gap {
            is_inbox: true,
            from: 4,
            to: 5,
        };

        proof.ask(at(100), at(100), 7);
        proof.ends(7, Some((5, 3)), (4, 3));
        assert_eq!(proof.gap(Millis(1_000), (4, 3), 8), None);
        assert_eq!(proof.gap(Millis(1_199), (4, 3), 8), None);
        assert_eq!(proof.gap(Millis(1_200), (4, 3), 8), Some(gap));
        assert_eq!(proof.gap(Millis(1_500), (4, 3), 9), None);
        assert_eq!((proof.looked(7), proof.looked(8)), (None, Some(gap)));
        proof.reach((5, 3));

        assert!(proof.covers(at(100)) && !proof.waits());
    }
}
