//! Attempts of a workflow: runs of its chain that follow each other because each failed.

use crate::{Attempt, RetryPolicy, Run, Timestamp};

impl Run {
    /// Which attempt of its workflow the run is, from 1.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        let chain = self.started.chain.as_ref();
        let attempt = chain.and_then(|chain| chain.attempt);
        attempt.unwrap_or(Attempt::FIRST)
    }

    /// How it is retried; none: it is not.
    #[must_use]
    pub fn retry(&self) -> Option<&RetryPolicy> {
        self.started.retry.as_ref()
    }

    /// When its program begins, or began: its run time-out counts from then.
    #[must_use]
    pub fn begins_at(&self) -> Timestamp {
        let start_at = self.started.start_at;
        start_at.map_or(self.started_at, |at| at.max(self.started_at))
    }
}
