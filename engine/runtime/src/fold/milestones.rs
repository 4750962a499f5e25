//! Some of the footers that were passed, and when they were written: who looks for what was journaled since an instant
//! need not read from the first record on.

use sagaline_core::Timestamp;
use sagaline_journal::Footing;

/// Records between two milestones: of a journal of 100 million records there are 10,000.
const RECORDS_BETWEEN: i64 = 10_000;

/// In the order of the journal, and so of time.
#[derive(Clone, Debug)]
pub(super) struct Milestones {
    /// Before it there is nothing to be read.
    beginning: Footing,
    passed: Vec<(Timestamp, Footing)>,
}

impl Default for Milestones {
    fn default() -> Self {
        Self::from(Footing::START)
    }
}

impl Milestones {
    /// Of a journal that is read from here on.
    pub(super) const fn from(beginning: Footing) -> Self {
        Self {
            beginning,
            passed: Vec::new(),
        }
    }

    /// From where the journal is read.
    pub(super) const fn beginning(&self) -> Footing {
        self.beginning
    }

    /// All up to this footer or claim was seen, the newest of it written at `now`.
    pub(super) fn pass(&mut self, footing: Footing, now: Timestamp) {
        let last = self.passed.last();
        let last = last.map_or(self.beginning.offset.max(0), |(_, last)| last.offset);
        if footing.offset >= last + RECORDS_BETWEEN {
            self.passed.push((now, footing));
        }
    }

    /// The last one behind which lies all that was journaled at `since` or later.
    pub(super) fn before(&self, since: Timestamp) -> Footing {
        let earlier = self.passed.partition_point(|(at, _)| *at < since);
        let last = earlier.checked_sub(1).and_then(|at| self.passed.get(at));
        last.map_or(self.beginning, |(_, footing)| *footing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footing(offset: i64) -> Footing {
        Footing {
            offset,
            ..Footing::START
        }
    }

    #[test]
    fn whoever_looks_for_an_instant_begins_behind_the_last_footer_that_is_earlier() {
        let at = Timestamp::from_millis;
        let mut milestones = Milestones::default();
        for number in 1..=5 {
            milestones.pass(footing(number * RECORDS_BETWEEN / 2), at(number));
        }

        assert_eq!(milestones.passed.len(), 2);
        for (since, offset) in [
            (1, Footing::START.offset),
            (2, Footing::START.offset),
            (3, RECORDS_BETWEEN),
            (9, 2 * RECORDS_BETWEEN),
        ] {
            assert_eq!(milestones.before(at(since)).offset, offset, "{since}");
        }
    }
}
