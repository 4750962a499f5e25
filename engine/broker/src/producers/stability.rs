//! Which transactions of one partition are open, and which were aborted: what a reader of committed records must know.
//!
//! ```text
//!   first record of a transaction ─▶ open: nothing from it on is stable
//!   commit marker                 ─▶ closed
//!   abort marker                  ─▶ closed, and kept for as long as its records may be read
//! ```
//! Absent: whose transactions they are. Invariant: `aborted` is in the order of the markers.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::log::{AbortedTransaction, Ending};

/// The transactions of a partition.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Stability {
    /// Producers by the first offset of what they have open.
    open: BTreeMap<i64, i64>,
    aborted: VecDeque<Aborted>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Aborted {
    producer_id: i64,
    first_offset: i64,
    last_offset: i64,
    /// What ends behind this one begins here or later.
    others_from: i64,
}

impl Stability {
    /// A producer has begun.
    pub(super) fn begin(&mut self, first_offset: i64, producer_id: i64) {
        self.open.insert(first_offset, producer_id);
    }

    /// The transaction that began there has ended with the marker at `last_offset`.
    pub(super) fn end(&mut self, first_offset: i64, last_offset: i64, ending: Ending) {
        let Some(producer_id) = self.open.remove(&first_offset) else {
            return;
        };
        if ending == Ending::Abort {
            self.aborted.push_back(Aborted {
                producer_id,
                first_offset,
                last_offset,
                others_from: self.first_unstable().unwrap_or(last_offset + 1),
            });
        }
    }

    /// The first record that belongs to an open transaction.
    pub(super) fn first_unstable(&self) -> Option<i64> {
        self.open.keys().next().copied()
    }

    /// Who has a transaction open.
    pub(super) fn open(&self) -> impl Iterator<Item = i64> {
        self.open.values().copied()
    }

    /// Whether anything that ended at or behind `from` was aborted.
    pub(super) fn has_aborted(&self, from: i64) -> bool {
        self.aborted
            .back()
            .is_some_and(|last| last.last_offset >= from)
    }

    /// Aborted transactions with records in a range that begins at `from` and ends below `below`.
    pub(super) fn aborted(&self, from: i64, below: i64) -> Vec<AbortedTransaction> {
        let past = self.aborted.partition_point(|one| one.last_offset < from);
        let mut found = Vec::new();
        for one in self.aborted.range(past..) {
            if one.first_offset < below {
                found.push(AbortedTransaction {
                    producer_id: one.producer_id,
                    first_offset: one.first_offset,
                    last_offset: one.last_offset,
                });
            }
            if one.others_from >= below {
                break;
            }
        }
        found
    }

    /// Nobody reads below this offset any more.
    pub(super) fn trim(&mut self, start_offset: i64) {
        while self
            .aborted
            .front()
            .is_some_and(|one| one.last_offset < start_offset)
        {
            self.aborted.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(stability: &Stability, from: i64, below: i64) -> Vec<i64> {
        let found = stability.aborted(from, below);
        found.iter().map(|one| one.first_offset).collect()
    }

    /// 0 a, 1 b, 2 a aborted, 3 c, 4 b aborted, 5 c aborted, 6 a, 7 a aborted.
    fn interleaved() -> Stability {
        let mut stability = Stability::default();
        stability.begin(0, 1);
        stability.begin(1, 2);
        stability.end(0, 2, Ending::Abort);
        stability.begin(3, 3);
        stability.end(1, 4, Ending::Abort);
        stability.end(3, 5, Ending::Abort);
        stability.begin(6, 1);
        stability.end(6, 7, Ending::Abort);
        stability
    }

    #[test]
    fn the_first_open_transaction_bounds_what_is_stable() {
        let mut stability = Stability::default();
        stability.begin(4, 1);
        stability.begin(6, 2);
        assert_eq!(stability.first_unstable(), Some(4));

        stability.end(4, 8, Ending::Commit);
        assert_eq!(stability.first_unstable(), Some(6));
        stability.end(6, 9, Ending::Abort);

        assert_eq!(stability.first_unstable(), None);
        assert_eq!(firsts(&stability, 0, 100), [6], "a commit is no abort");
    }

    #[test]
    fn a_reader_is_told_of_what_was_aborted_in_its_range_and_of_nothing_else() {
        let stability = interleaved();

        for from in 0..9 {
            for below in from..9 {
                let all = [(0, 2), (1, 4), (3, 5), (6, 7)];
                let expected = all
                    .iter()
                    .filter(|(first, last)| *last >= from && *first < below);
                let expected: Vec<i64> = expected.map(|(first, _)| *first).collect();
                assert_eq!(firsts(&stability, from, below), expected, "{from}..{below}");
            }
        }
    }

    #[test]
    fn what_was_deleted_is_forgotten() {
        let mut stability = interleaved();

        stability.trim(5);

        assert_eq!(firsts(&stability, 0, 100), [3, 6]);
    }

    #[test]
    fn an_end_without_a_beginning_changes_nothing() {
        let mut stability = interleaved();

        stability.end(2, 8, Ending::Abort);

        assert_eq!(firsts(&stability, 0, 100), [0, 1, 3, 6]);
    }
}
