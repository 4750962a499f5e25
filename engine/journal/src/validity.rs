//! Which records of a journal partition count. A pure function of the log, the same for every reader:
//!
//! ```text
//! claim(e):        e = epoch+1 → epoch = e, open = []          any other claim is void and changes nothing
//! record(e, b, i): ignored unless e = epoch and b = batch+1
//!                  i = 0 → open = [r];   i = len(open) → push r;   else open = []
//!                  on a footer: valid iff count = len(open), then batch = b;  open = [] either way
//! ```
//! Ignored records may lie between those of a batch. `docs/reference/journal_reader.py` is the same in Python.
//!
//! Deliberately absent: bytes. The reader decodes, keeps the open records and does with them what the verdict says.

use crate::BatchIndex;

/// A record of the journal, as far as validity is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A claim.
    Claim {
        /// Its epoch.
        epoch: u64,
    },
    /// A record of a batch.
    Record {
        /// Its place.
        at: BatchIndex,
        /// The count of the footer, if it has one.
        footer: Option<u32>,
    },
}

/// What a record means for the log up to it, and what becomes of the records that were open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A valid claim. What was open is void.
    Claimed,
    /// Void, and changes nothing: what was open stays open.
    Ignored,
    /// The first record of a batch. What was open is void; this one is open.
    Begun,
    /// The next record of the open batch.
    Continued,
    /// Neither the next record nor a fitting footer. What was open is void, and this one too.
    Broken,
    /// The footer of a valid batch: this record and the open ones before it, `count` in all. What was open before them is
    /// void.
    Valid {
        /// Number of records of the batch.
        count: u32,
    },
}

/// The validity function, record by record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    epoch: u64,
    batch_no: u64,
    open: u64,
}

impl Validity {
    /// Before the first record of the log.
    pub const START: Self = Self {
        epoch: 0,
        batch_no: 0,
        open: 0,
    };

    /// Right after the valid footer of this batch, or after a valid claim that follows it.
    #[must_use]
    pub const fn after(epoch: u64, batch_no: u64) -> Self {
        Self {
            epoch,
            batch_no,
            open: 0,
        }
    }

    /// Epoch of the last valid claim; 0 before the first.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Number of the last valid batch; 0 before the first.
    #[must_use]
    pub const fn batch_no(&self) -> u64 {
        self.batch_no
    }

    /// Whether a record of this batch could be part of the next valid one. All others are [`Verdict::Ignored`].
    #[must_use]
    pub fn is_in_turn(&self, at: BatchIndex) -> bool {
        at.epoch == self.epoch && self.batch_no.checked_add(1) == Some(at.batch_no)
    }

    /// Takes the next record of the log.
    pub fn record(&mut self, entry: Entry) -> Verdict {
        match entry {
            Entry::Claim { epoch } => self.claim(epoch),
            Entry::Record { at, .. } if !self.is_in_turn(at) => Verdict::Ignored,
            Entry::Record { at, footer } => self.batch_record(at, footer),
        }
    }

    fn claim(&mut self, epoch: u64) -> Verdict {
        if self.epoch.checked_add(1) != Some(epoch) {
            return Verdict::Ignored;
        }
        self.epoch = epoch;
        self.open = 0;
        Verdict::Claimed
    }

    fn batch_record(&mut self, at: BatchIndex, footer: Option<u32>) -> Verdict {
        let verdict = if at.index == 0 {
            self.open = 1;
            Verdict::Begun
        } else if at.index == self.open {
            self.open += 1;
            Verdict::Continued
        } else {
            self.open = 0;
            Verdict::Broken
        };
        let Some(count) = footer else { return verdict };
        let is_valid = self.open > 0 && u64::from(count) == self.open;
        self.open = 0;
        if !is_valid {
            return Verdict::Broken;
        }
        self.batch_no = at.batch_no;
        Verdict::Valid { count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(epoch: u64) -> Entry {
        Entry::Claim { epoch }
    }

    fn record(epoch: u64, batch_no: u64, index: u64) -> Entry {
        Entry::Record {
            at: BatchIndex {
                epoch,
                batch_no,
                index,
            },
            footer: None,
        }
    }

    fn footer(epoch: u64, batch_no: u64, index: u64, count: u32) -> Entry {
        Entry::Record {
            at: BatchIndex {
                epoch,
                batch_no,
                index,
            },
            footer: Some(count),
        }
    }

    fn check(log: &[Entry], expect: &[Verdict]) {
        let mut validity = Validity::START;
        let verdicts: Vec<Verdict> = log.iter().map(|&entry| validity.record(entry)).collect();
        assert_eq!(verdicts, expect, "{log:?}");
    }

    use Verdict::{Begun, Broken, Claimed, Continued, Ignored, Valid};

    #[test]
    fn a_batch_counts_once_its_footer_is_there() {
        check(
            &[claim(1), record(1, 1, 0), footer(1, 1, 1, 2)],
            &[Claimed, Begun, Valid { count: 2 }],
        );
    }

    #[test]
    fn a_record_before_its_claim_is_ignored() {
        check(
            &[footer(1, 1, 0, 1), claim(1), footer(2, 1, 0, 1), claim(2)],
            &[Ignored, Claimed, Ignored, Claimed],
        );
    }

    #[test]
    fn only_the_next_epoch_claims() {
        check(
            &[claim(2), claim(1), claim(1), claim(3), claim(2)],
            &[Ignored, Claimed, Ignored, Ignored, Claimed],
        );
    }

    #[test]
    fn a_valid_claim_breaks_an_open_batch_and_a_void_one_does_not() {
        check(
            &[claim(1), record(1, 1, 0), claim(1), footer(1, 1, 1, 2)],
            &[Claimed, Begun, Ignored, Valid { count: 2 }],
        );
        check(
            &[claim(1), record(1, 1, 0), claim(2), footer(1, 1, 1, 2)],
            &[Claimed, Begun, Claimed, Ignored],
        );
    }

    #[test]
    fn a_zombie_s_records_between_those_of_a_batch_are_ignored() {
        check(
            &[
                claim(1),
                claim(2),
                record(2, 1, 0),
                footer(1, 1, 0, 1),
                footer(2, 1, 1, 2),
            ],
            &[Claimed, Claimed, Begun, Ignored, Valid { count: 2 }],
        );
    }

    #[test]
    fn a_lost_record_voids_its_batch() {
        check(
            &[claim(1), record(1, 1, 0), footer(1, 1, 2, 3)],
            &[Claimed, Begun, Broken],
        );
        check(&[claim(1), footer(1, 1, 1, 2)], &[Claimed, Broken]);
        check(
            &[claim(1), record(1, 1, 0), footer(1, 1, 1, 3)],
            &[Claimed, Begun, Broken],
        );
    }

    #[test]
    fn a_batch_that_begins_again_counts_from_there() {
        check(
            &[
                claim(1),
                record(1, 1, 0),
                record(1, 1, 1),
                footer(1, 1, 0, 1),
            ],
            &[Claimed, Begun, Continued, Valid { count: 1 }],
        );
    }

    #[test]
    fn a_batch_number_counts_once_and_none_is_left_out() {
        check(
            &[
                claim(1),
                footer(1, 1, 0, 1),
                footer(1, 1, 0, 1),
                footer(1, 3, 0, 1),
                footer(1, 2, 0, 1),
            ],
            &[
                Claimed,
                Valid { count: 1 },
                Ignored,
                Ignored,
                Valid { count: 1 },
            ],
        );
    }

    #[test]
    fn a_footer_that_counts_nothing_is_void() {
        check(
            &[claim(1), footer(1, 1, 0, 0), footer(1, 1, 5, 0)],
            &[Claimed, Broken, Broken],
        );
    }

    #[test]
    fn numbers_at_the_end_of_their_range_do_not_overflow() {
        let mut validity = Validity::after(u64::MAX, u64::MAX);

        assert_eq!(validity.record(claim(0)), Ignored);
        assert_eq!(validity.record(footer(u64::MAX, 0, 0, 1)), Ignored);
    }
}
