//! The monotonic clock, for time-outs at the edge of the program. Nothing that is journaled comes from it.

use std::time::{Duration, Instant};

/// A moment after which waiting ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// The moment that far from now.
    pub(super) fn after(span: Duration) -> Self {
        Self(now() + span)
    }

    /// How long it is until then; zero once it has passed.
    pub(super) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    /// Whether it has passed.
    pub(super) fn passed(self) -> bool {
        self.remaining().is_zero()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "time-outs of sockets are real time; simulation has its own log"
)]
fn now() -> Instant {
    Instant::now()
}
