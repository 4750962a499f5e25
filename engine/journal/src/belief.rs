//! What an owner may believe of a batch that it has appended, from the delivery reports alone.
//!
//! Offsets of the journal are dense: nobody transacts there, so there are no control records. When all records of a batch
//! lie right behind the owner's last place, nothing lies between, and no other claim does. The footer's report alone is
//! not enough, even when its offset fits: a void claim can fill the place of a record that was lost.

use crate::Delivery;

/// What the reports of one batch, or of one claim, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    /// The batch is valid: its effects may leave.
    KnownValid {
        /// Offset of its footer, the owner's new last place.
        footer_offset: i64,
    },
    /// All records are in the log, but others lie between: the validity function over `from ..= footer_offset` decides.
    MustRead {
        /// The offset behind the owner's last place.
        from: i64,
        /// Offset of the footer.
        footer_offset: i64,
    },
    /// A record was lost, or nobody knows. The batch may be valid or become so: claim again, and read.
    ClaimAgain,
}

/// Judges an append by its reports, one per record in order. `last` is the offset of the owner's last place: its last
/// valid footer, or its claim.
///
/// Reports that cannot be true, since an owner's records land in order and behind its last place, count as unknown.
#[must_use]
pub fn believe(last: i64, reports: &[Delivery]) -> Belief {
    let mut previous = last;
    for report in reports {
        match *report {
            Delivery::At { offset, .. } if offset > previous => previous = offset,
            Delivery::At { .. } | Delivery::Unknown => return Belief::ClaimAgain,
        }
    }
    let count = i64::try_from(reports.len()).unwrap_or(i64::MAX);
    match previous - last {
        0 => Belief::ClaimAgain,
        distance if distance == count => Belief::KnownValid {
            footer_offset: previous,
        },
        _ => Belief::MustRead {
            from: last + 1,
            footer_offset: previous,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(last: i64, offsets: &[Option<i64>], expect: Belief) {
        let report = |offset: &Option<i64>| match *offset {
            Some(offset) => Delivery::At {
                offset,
                appended_at: None,
            },
            None => Delivery::Unknown,
        };
        let reports: Vec<Delivery> = offsets.iter().map(report).collect();
        assert_eq!(believe(last, &reports), expect, "{last}, {offsets:?}");
    }

    #[test]
    fn a_batch_right_behind_the_last_place_is_valid() {
        check(7, &[Some(8)], Belief::KnownValid { footer_offset: 8 });
        check(
            7,
            &[Some(8), Some(9), Some(10)],
            Belief::KnownValid { footer_offset: 10 },
        );
    }

    #[test]
    fn a_batch_with_something_between_must_be_read() {
        check(
            7,
            &[Some(9)],
            Belief::MustRead {
                from: 8,
                footer_offset: 9,
            },
        );
        check(
            7,
            &[Some(8), Some(10)],
            Belief::MustRead {
                from: 8,
                footer_offset: 10,
            },
        );
    }

    #[test]
    fn one_unknown_report_is_enough_to_claim_again() {
        check(7, &[None], Belief::ClaimAgain);
        check(7, &[None, Some(9)], Belief::ClaimAgain);
        check(7, &[Some(8), None, Some(10)], Belief::ClaimAgain);
        check(7, &[Some(8), Some(9), None], Belief::ClaimAgain);
    }

    #[test]
    fn reports_that_cannot_be_true_count_as_unknown() {
        check(7, &[Some(-1)], Belief::ClaimAgain);
        check(7, &[Some(7)], Belief::ClaimAgain);
        check(7, &[Some(9), Some(8)], Belief::ClaimAgain);
        check(7, &[Some(8), Some(8)], Belief::ClaimAgain);
        check(7, &[], Belief::ClaimAgain);
    }
}
