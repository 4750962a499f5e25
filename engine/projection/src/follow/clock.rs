//! Time that goes on evenly: for pauses and silences alone, nothing that is projected depends on it.

use std::time::{Duration, Instant};

/// A moment that time is measured from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(Instant);

impl Moment {
    #[expect(
        clippy::disallowed_methods,
        reason = "the edge: nothing that is projected depends on it"
    )]
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// How long ago it was.
    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
