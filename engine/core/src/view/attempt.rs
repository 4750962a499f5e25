//! Attempts of a workflow: which one a run is, how many there may be, when the next begins.

use core::fmt;

use serde::Serialize;

use crate::{Attempt, RetryPolicy, Run, Timestamp, show::Shown};

/// Of a run whose workflow is retried: which attempt it is.
#[derive(Debug, Serialize)]
pub struct AttemptView<'a> {
    attempt: Attempt,
    maximum_attempts: Option<u32>,
    next_attempt_at: Option<Shown<'a, Timestamp>>,
    policy: Shown<'a, RetryPolicy>,
}

impl<'a> AttemptView<'a> {
    /// None where the workflow is not retried.
    #[must_use]
    pub fn of(run: &'a Run) -> Option<Self> {
        let policy = run.retry()?;
        let attempt = run.attempt();
        let is_next = attempt > Attempt::FIRST;
        let delayed = run.delayed_until.as_ref().filter(|_| is_next);
        Some(Self {
            attempt,
            maximum_attempts: Some(policy.maximum_attempts).filter(|maximum| *maximum > 0),
            next_attempt_at: delayed.map(Shown),
            policy: Shown(policy),
        })
    }

    /// Of a run that waits for its back-off to end.
    pub(super) fn next(run: &'a Run) -> Option<Self> {
        Self::of(run).filter(|one| one.next_attempt_at.is_some())
    }

    pub(super) const fn attempt(&self) -> Attempt {
        self.attempt
    }

    pub(super) const fn maximum_attempts(&self) -> Option<u32> {
        self.maximum_attempts
    }
}

/// `Attempt 2 of 5`
impl fmt::Display for AttemptView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempt {}", self.attempt)?;
        match self.maximum_attempts {
            Some(maximum) => write!(f, " of {maximum}"),
            None => Ok(()),
        }
    }
}
