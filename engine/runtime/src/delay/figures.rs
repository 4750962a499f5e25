//! How a tier is doing, in numbers.

use std::collections::VecDeque;

use sagaline_core::Millis;

use super::Tier;

/// How a tier is doing in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierStatus {
    /// The tier.
    pub tier: Tier,
    /// Its partitions that this process has.
    pub partitions: usize,
    /// Records that wait there, as was last known: the lag of the group.
    pub waiting: usize,
    /// Bytes of those of them that were read.
    pub bytes: usize,
    /// Records that went on from here.
    pub forwarded: u64,
    /// Records that were refused here.
    pub refused: u64,
    /// Of the last records that went from here to their targets, how late all but one in a hundred were; `None`: there
    /// were none.
    pub late_p99_ms: Option<u64>,
}

/// Counts since the process began.
#[derive(Debug, Default)]
pub(super) struct Figures {
    tallies: [Tally; Tier::ALL.len()],
    /// Not before then is the next warning.
    warn_at: Millis,
}

#[derive(Debug, Default)]
struct Tally {
    forwarded: u64,
    refused: u64,
    late_ms: VecDeque<u64>,
}

/// So many deliveries are remembered of each tier.
const LATE_KEPT: usize = 1_024;

/// Between two warnings.
const WARN_EVERY: Millis = Millis::from_secs(60);

impl Figures {
    pub(super) fn hopped(&mut self, tier: Tier) {
        self.tallies[tier as usize].forwarded += 1;
    }

    pub(super) fn refused(&mut self, tier: Tier) {
        self.tallies[tier as usize].refused += 1;
    }

    pub(super) fn delivered(&mut self, tier: Tier, late_ms: u64) {
        let tally = &mut self.tallies[tier as usize];
        tally.forwarded += 1;
        if tally.late_ms.len() == LATE_KEPT {
            tally.late_ms.pop_front();
        }
        tally.late_ms.push_back(late_ms);
    }

    /// Whether a warning is due: one a minute is enough for people.
    pub(super) fn may_warn(&mut self, now: Millis) -> bool {
        let may = now >= self.warn_at;
        if may {
            self.warn_at = Millis(now.0 + WARN_EVERY.0);
        }
        may
    }

    /// Without what stands in the shelves.
    pub(super) fn of(&self, tier: Tier) -> TierStatus {
        let tally = &self.tallies[tier as usize];
        let mut late: Vec<u64> = tally.late_ms.iter().copied().collect();
        late.sort_unstable();
        TierStatus {
            tier,
            partitions: 0,
            waiting: 0,
            bytes: 0,
            forwarded: tally.forwarded,
            refused: tally.refused,
            late_p99_ms: late.get(late.len() * 99 / 100).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_that_of_the_last_deliveries_but_for_one_in_a_hundred() {
        let mut figures = Figures::default();
        assert_eq!(figures.of(Tier::Soon).late_p99_ms, None);

        for late_ms in 0..LATE_KEPT as u64 + 100 {
            figures.delivered(Tier::Soon, late_ms);
        }

        let status = figures.of(Tier::Soon);
        assert_eq!((status.late_p99_ms, status.forwarded), (Some(1_113), 1_124));
        assert_eq!(figures.of(Tier::M1).late_p99_ms, None);
    }
}
