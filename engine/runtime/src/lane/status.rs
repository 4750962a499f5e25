//! How a lane is doing, for readiness, metrics and people.

use std::sync::Arc;

use sagaline_core::{Name, State, Timestamp};

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

/// So many queues of a lane are told of one by one.
pub const QUEUES_SHOWN_MAX: usize = 100;

/// How a limited task queue is doing, as its home has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    /// The queue.
    pub queue: Name,
    /// Tasks that wait for their turn.
    pub waiting: usize,
    /// Tasks that wait because their activity is paused.
    pub held_back: usize,
    /// Tasks that are out, and whose attempts have not ended.
    pub outstanding: usize,
    /// Most that may be out at once, where that is limited.
    pub max_outstanding: Option<u32>,
    /// Most that go out in an hour, where that is limited.
    pub rate_per_hour: Option<u64>,
    /// Whether it, or an activity on it, is paused.
    pub is_paused: bool,
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
    /// Open runs that have a deadline: a timer, a time-out, a retry.
    pub runs_with_deadline: u64,
    /// Open incidents.
    pub open_incidents: u64,
    /// The limited task queues whose home this partition is, the first [`QUEUES_SHOWN_MAX`] by name.
    pub queues: Arc<[QueueStatus]>,
    /// So many more have their home here.
    pub queues_left_out: usize,
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
            Phase::ReadingSnapshot { .. }
            | Phase::Reading { .. }
            | Phase::Claiming { .. }
            | Phase::ReadingClaim { .. }
            | Phase::ProvingLease { .. }
            | Phase::BackingOff { .. } => Stage::TakingOver,
        };
        let error = match &self.phase {
            Phase::Failed(error) => Some((error.code().to_owned(), error.to_string())),
            _ => None,
        };
        let (queues, queues_left_out) = queues(&self.fold.state, self.partition);
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
            runs_with_deadline: self.fold.state.runs_with_deadline(),
            open_incidents: self.fold.state.open_incidents(),
            queues,
            queues_left_out,
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

/// The limited queues whose home a partition is: the first of them, and how many more there are.
fn queues(state: &State, partition: i32) -> (Arc<[QueueStatus]>, usize) {
    let limited = state.queues().iter();
    let limited = limited.filter_map(|(name, queue)| Some((name, queue, queue.settings()?)));
    let mut here = limited.filter(|(_, _, settings)| settings.home_partition == partition);
    let shown = here.by_ref().take(QUEUES_SHOWN_MAX);
    let shown = shown.map(|(name, queue, settings)| QueueStatus {
        queue: name.clone(),
        waiting: queue.waiting(),
        held_back: queue.held_back(),
        outstanding: queue.outstanding(),
        max_outstanding: settings.max_outstanding,
        rate_per_hour: settings.rate_per_hour,
        is_paused: !settings.paused.is_empty(),
    });
    (shown.collect(), here.count())
}
