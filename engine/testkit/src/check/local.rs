//! I8 for local activities: no owner lets the time of an attempt run out that it has not offered to its own process.
//!
//! Footers say nothing of them: a new owner finds in its state what may be lost with the old one's process.

use std::collections::BTreeSet;

use sagaline_core::{Event, LOCAL_QUEUE, Transition, error_type};

use super::{outside::AttemptKey, runs::Runs};
use crate::Violation;

/// Which attempts were offered, by which owners.
#[derive(Debug, Default)]
pub(super) struct Local {
    offered: BTreeSet<(AttemptKey, u64)>,
}

impl Local {
    /// The owner of this epoch offered an attempt.
    pub(super) fn offered(&mut self, key: AttemptKey, epoch: u64) {
        self.offered.insert((key, epoch));
    }

    /// What a batch of that epoch says, before it is applied.
    pub(super) fn check(
        &self,
        epoch: u64,
        transition: &Transition,
        runs: &Runs,
    ) -> Result<(), Violation> {
        let run = transition.run_id.and_then(|run_id| runs.run(run_id));
        let Some((run_id, run)) = transition.run_id.zip(run) else {
            return Ok(());
        };
        for event in &transition.events {
            let Event::ActivityAttemptFailed(failed) = event else {
                continue;
            };
            let (id, attempt) = (failed.activity_id.get(), failed.attempt.get());
            let timed_out = failed.failure.error_type.as_str() == error_type::START_TO_CLOSE;
            let is_local = run.task_queue(id) == Some(LOCAL_QUEUE);
            let key = (run_id, id, attempt);
            if timed_out
                && is_local
                && !transition.cause.is_record()
                && !run.has_begun(id)
                && !self.offered.contains(&(key, epoch))
            {
                let what = format!("{key:?} has no time left, and owner {epoch} never offered it");
                return Err(Violation::new("I8", what));
            }
        }
        Ok(())
    }
}
