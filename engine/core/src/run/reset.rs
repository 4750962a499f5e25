//! A run that begins with a copy of another's history.
//!
//! ```text
//! WorkflowStarted {reset} · copies of events 2 … n, input by input │ what follows from the reset, in its own time
//!                                    each activation as it was ───┘   the last one, if n cuts through its commands, is finished
//! ```
//! Invariant: copies change state as their originals did and have no effects; what ends with the last of them is here.

use serde::{Deserialize, Serialize};

use crate::{Attempt, Run, RunId, Seq, event::Reset, run::ActivityState};

/// Where a run is that begins with copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Copied {
    /// They are over, or still to come, or there are none.
    #[default]
    No,
    /// The last was applied. Its input had more events, perhaps: it gives the program nothing.
    Cut,
    /// They are over, and the next input begins with what its program wants more of what it was given last.
    Resumes,
}

impl Run {
    /// How it began, if with copies of another's events.
    #[must_use]
    pub fn reset(&self) -> Option<&Reset> {
        self.started.reset.as_deref()
    }

    /// Whether the event at that place is a copy of another run's, which had its effects there.
    pub(crate) fn is_copy(&self, seq: Seq) -> bool {
        self.reset().is_some_and(|reset| seq <= reset.event_seq)
    }

    /// In which run an event happened that this one's history has at that place.
    #[must_use]
    pub fn origin_of(&self, seq: Seq) -> RunId {
        let origin = self.reset().and_then(|reset| reset.origin_of(seq));
        origin.unwrap_or(self.run_id)
    }

    /// Whether its program may want more than is recorded of what it was given last.
    #[must_use]
    pub fn resumes(&self) -> bool {
        self.copied == Copied::Resumes
    }

    /// The last copy was applied: nothing is in flight here, and what waited for a person or was held up waits no more.
    pub(crate) fn end_copies(&mut self, seq: Seq) {
        let Some(reset) = self.started.reset.as_deref() else {
            return;
        };
        if reset.event_seq != seq {
            return;
        }
        self.copied = Copied::Cut;
        let at = reset.started_at;
        for activity in &mut self.activities {
            // Behind the copies it may have been sent, and done.
            activity.outcome_unknown = true;
            activity.attempt = Attempt::FIRST;
            activity.attempts_before = 0;
            activity.uncounted = 0;
            activity.set_at = at;
            activity.silence_from = at;
            activity.state = ActivityState::Backoff {
                next_attempt_at: at,
            };
            activity.heartbeat = None;
            activity.last_failure = None;
            activity.failures.clear();
            activity.limit_attempts();
        }
    }

    /// The input of the last copy is over. Says whether it was.
    pub(crate) fn leave_copies(&mut self) -> bool {
        let was_cut = self.copied == Copied::Cut;
        if was_cut {
            let is_open = self.unseen.is_empty() && !self.activations.is_empty();
            self.copied = match is_open {
                true => Copied::Resumes,
                false => Copied::No,
            };
        }
        was_cut
    }
}
