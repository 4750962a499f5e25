//! How a lane is doing, for readiness, metrics and people.

use sagaline_core::Timestamp;

use super::{Lane, Phase, takeover::FOREIGN_CLAIMS_MAX};

/// Where a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the journal, claiming, or waiting to do so.
    TakingOver,
    /// The owner.
    Active,
    /// Handed over.
    Stopped,
    /// It cannot go on.
    Failed,
}

/// Counts since the lane began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) batches: u64,
    pub(super) events: u64,
    pub(super) repeats: u64,
    pub(super) stale: u64,
    pub(super) rejected: u64,
    pub(super) forwarded: u64,
}

/// How a lane is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// The partition.
    pub partition: i32,
    /// Where it is.
    pub stage: Stage,
    /// Epoch of the last valid claim that it knows.
    pub epoch: u64,
    /// Positions of inbox and results in the last valid footer.
    pub positions: (i64, i64),
    /// Open runs.
    pub open_runs: u64,
    /// Remembered ids of closed runs.
    pub closed_ids: u64,
    /// Time of the last batch.
    pub as_of: Timestamp,
    /// Effects on their way.
    pub effects: usize,
    /// Effects that could not be delivered and were dropped.
    pub dropped: u64,
    /// Own clock minus the broker's, in milliseconds.
    pub clock_skew_ms: i64,
    /// Whether the clock is near enough to the broker's for deadlines to fire.
    pub clock_trusted: bool,
    /// Somebody else who claims this partition again and again.
    pub rival: Option<String>,
    /// Why it failed: code and message.
    pub error: Option<(String, String)>,
    /// Batches written.
    pub batches: u64,
    /// Events written.
    pub events: u64,
    /// Inputs dropped as repeats.
    pub repeats: u64,
    /// Inputs ignored as stale.
    pub stale: u64,
    /// Inputs rejected.
    pub rejected: u64,
    /// Inputs forwarded.
    pub forwarded: u64,
}

impl Lane {
    /// How the lane is doing.
    #[must_use]
    pub fn status(&self) -> LaneStatus {
        let stage = match &self.phase {
            Phase::Active => Stage::Active,
            Phase::Stopped => Stage::Stopped,
            Phase::Failed(_) => Stage::Failed,
            Phase::Reading { .. }
            | Phase::Claiming { .. }
            | Phase::ReadingClaim { .. }
            | Phase::ProvingLease { .. }
            | Phase::BackingOff { .. } => Stage::TakingOver,
        };
        let error = match &self.phase {
            Phase::Failed(error) => Some((error.code().to_owned(), error.to_string())),
            _ => None,
        };
        LaneStatus {
            partition: self.partition,
            stage,
            epoch: self.fold.footing().epoch,
            positions: (
                self.fold.position(&self.shared.reading.inbox),
                self.fold.position(&self.shared.reading.results),
            ),
            open_runs: self.fold.state.open_runs(),
            closed_ids: self.fold.state.closed_ids(),
            as_of: self.fold.state.now(),
            effects: self.outbox.len(),
            dropped: self.outbox.dropped(),
            clock_skew_ms: self.clock.skew_ms(),
            clock_trusted: self.clock.is_trusted(),
            rival: self
                .claiming
                .other
                .clone()
                .filter(|_| self.claiming.foreign >= FOREIGN_CLAIMS_MAX),
            error,
            batches: self.counts.batches,
            events: self.counts.events,
            repeats: self.counts.repeats,
            stale: self.counts.stale,
            rejected: self.counts.rejected,
            forwarded: self.counts.forwarded,
        }
    }
}
