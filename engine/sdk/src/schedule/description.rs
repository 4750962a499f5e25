//! What a schedule tells of itself.

use serde::{Deserialize, Serialize};

use super::{Backfill, Instant, Overlap, Schedule};

/// A schedule, and how it is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// What it goes by, with what it knows now: whether it is paused, its note, how many remain.
    pub schedule: Schedule,
    /// When it is due next, at most ten times; none while it is paused or used up.
    pub next: Vec<Upcoming>,
    /// What it started and is under way.
    pub running: Vec<Taken>,
    /// The last ten that it started and that have ended, oldest first.
    pub recent: Vec<Taken>,
    /// What waits until those before have ended.
    pub waiting: Vec<Waiting>,
    /// Backfills that are not through.
    pub backfills: Vec<Backfill>,
    /// What became of all that was due.
    pub counts: Counts,
    /// When it was created.
    pub created_at: Instant,
    /// When somebody last changed, paused or resumed it.
    pub changed_at: Instant,
}

/// A time at which a schedule is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upcoming {
    /// When it is due.
    pub due_at: Instant,
    /// When it begins: later, if there is jitter.
    pub begins_at: Instant,
}

/// Something that a schedule started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The id under which it was started.
    pub workflow_id: String,
    /// When it was due.
    pub due_at: Instant,
    /// Why it was started.
    pub mode: Mode,
    /// When it was started.
    pub started_at: Instant,
    /// How it is doing.
    pub status: Status,
    /// When it ended.
    pub closed_at: Option<Instant>,
    /// Why it did not complete.
    pub failure: Option<String>,
}

/// One that is due and waits until those before have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// When it was due.
    pub due_at: Instant,
    /// The rule by which it waits.
    pub overlap: Overlap,
    /// Why it is to be started.
    pub mode: Mode,
}

/// Why a schedule starts something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Its time came.
    Time,
    /// Somebody asked for it.
    Hand,
    /// It was due in a time that somebody asked for.
    Backfill,
}

/// How something that a schedule started is doing, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It is under way.
    Running,
    /// It returned.
    Completed,
    /// It failed, or could not be started.
    Failed,
    /// It was cancelled.
    Canceled,
    /// It was terminated.
    Terminated,
    /// Its time ran out.
    TimedOut,
    /// That due time had been taken before: nothing was started.
    AlreadyStarted,
}

impl Status {
    /// Whether a schedule that pauses on failure pauses.
    pub(super) const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Terminated => "Terminated",
            Self::TimedOut => "TimedOut",
            Self::AlreadyStarted => "AlreadyStarted",
        }
    }
}

/// What became of all that was due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Started.
    pub taken: u64,
    /// Not started, because another was under way or too many waited.
    pub skipped: u64,
    /// Not started, because it was due longer ago than the catch-up window.
    pub missed: u64,
    /// Not started again: that due time had been taken before.
    pub repeated: u64,
    /// Started, and failed or ran out of time.
    pub failed: u64,
}
