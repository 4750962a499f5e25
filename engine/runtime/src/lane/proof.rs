//! Proof that the inputs were read far enough for a deadline to fire: a result appended before its deadline is in time.
//!
//! A deadline at T is covered once both inputs were dealt with up to a record appended after T, or up to their end as it
//! was seen at or after T.

use sagaline_core::Timestamp;
use sagaline_journal::Tag;

/// How far both inputs are known to be read, as instants.
#[derive(Debug, Default)]
pub(super) struct InputProof {
    inbox: Timestamp,
    results: Timestamp,
    /// A question where the inputs end, and when it was asked.
    asked: Option<(Tag, Timestamp)>,
    /// Ends seen at an instant, not yet reached.
    ahead: Option<(Timestamp, (i64, i64))>,
}

impl InputProof {
    /// Whether a deadline may fire.
    pub(super) fn covers(&self, due: Timestamp) -> bool {
        self.inbox >= due && self.results >= due
    }

    /// A record was dealt with; `positions` are the next offsets of inbox and results.
    pub(super) fn passed(&mut self, is_inbox: bool, appended_at: Timestamp, positions: (i64, i64)) {
        // Kafka's clock has milliseconds: a record of the same one may lie before or after the deadline.
        let before = Timestamp::from_micros(appended_at.as_micros() - 1_000);
        let seen = if is_inbox {
            &mut self.inbox
        } else {
            &mut self.results
        };
        *seen = (*seen).max(before);
        self.reach(positions);
    }

    /// Asks for the ends, unless that is under way. Returns the tag to ask with.
    pub(super) fn ask(&mut self, now: Timestamp, tag: Tag) -> Option<Tag> {
        if self.asked.is_some() {
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

    fn reach(&mut self, positions: (i64, i64)) {
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

        assert_eq!(proof.ask(at(100), 7), Some(7));
        assert_eq!(proof.ask(at(200), 8), None);
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
    fn an_answer_that_failed_or_is_not_the_asked_one_proves_nothing() {
        let mut proof = InputProof::default();

        proof.ask(at(100), 7);
        proof.ends(6, Some((0, 0)), (0, 0));
        proof.ends(7, None, (0, 0));

        assert!(!proof.covers(at(1)));
        assert_eq!(proof.ask(at(200), 8), Some(8));
    }
}
