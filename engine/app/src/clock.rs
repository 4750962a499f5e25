//! The real clock: for what people are told and how long they wait. Nothing that is journaled comes from it.

use std::time::{Duration, Instant, SystemTime};

use sagaline_core::Timestamp;

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "people are told the time by the wall clock"
)]
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// Now, for how long ago something was.
#[expect(
    clippy::disallowed_methods,
    reason = "what people look at is drawn in real time"
)]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Lets so much time pass.
#[expect(
    clippy::disallowed_methods,
    reason = "a command that waits for a server does nothing else"
)]
pub(crate) fn pause(span: Duration) {
    std::thread::sleep(span);
}

/// How long somebody waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// That far from now; without a span it never comes.
    #[expect(clippy::disallowed_methods, reason = "people wait in real time")]
    pub(crate) fn after(span: Option<Duration>) -> Self {
        Self(span.map(|span| Instant::now() + span))
    }

    /// This one; where it never comes, one that far from now.
    pub(crate) fn or_after(self, span: Duration) -> Self {
        match self.0 {
            Some(_) => self,
            None => Self::after(Some(span)),
        }
    }

    /// How long is left, at most so long.
    #[expect(clippy::disallowed_methods, reason = "people wait in real time")]
    pub(crate) fn left(self, most: Duration) -> Duration {
        let left = self
            .0
            .map(|at| at.saturating_duration_since(Instant::now()));
        left.map_or(most, |left| left.min(most))
    }

    /// Whether it has passed.
    #[expect(clippy::disallowed_methods, reason = "people wait in real time")]
    pub(crate) fn passed(self) -> bool {
        self.0.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
