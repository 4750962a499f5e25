//! When a run begins, and that one that failed is tried again as its policy says: I1, I10.

use sagaline_core::{
    Event, Failure, Millis, Outcome, RunId, Timestamp, Transition, WorkflowId,
    event::WorkflowStarted,
};

use super::{Place, Run};
use crate::Violation;

/// Only a program that was activated can cause it.
pub(super) const fn is_of_program(event: &Event) -> bool {
    matches!(
        event,
        Event::ActivityScheduled(_)
            | Event::TimerStarted(_)
            | Event::ExternalSignalSent(_)
            | Event::MarkerRecorded(_)
            | Event::WaitRecorded(_)
            | Event::CompensationRegistered(_)
            | Event::WorkflowCompleted(_)
            | Event::WorkflowContinuedAsNew(_)
    )
}

impl Run {
    /// Its first event, at an instant.
    pub(super) fn begins(&mut self, event: &WorkflowStarted, at: Timestamp) {
        self.delayed_until = event.start_at.filter(|start_at| *start_at > at);
        let begins_at = self.delayed_until.unwrap_or(at);
        let ends = |from: Timestamp, span: Option<u64>| Some(from.plus(Millis(span?)));
        let of_run = ends(begins_at, event.run_timeout_ms);
        let of_execution = ends(self.execution_began, event.execution_timeout_ms);
        self.time_limit = of_run.into_iter().chain(of_execution).min();
    }

    pub(super) fn delay_ended(
        &mut self,
        place: Place<'_>,
        start_at: Timestamp,
    ) -> Result<(), Violation> {
        let due = self.delayed_until.take();
        let in_time = start_at <= place.at && place.by.is_none() && !self.paused;
        match due == Some(start_at) && in_time {
            true => Ok(()),
            false => {
                let what = format!("begins at {:?}, due {due:?}, by {:?}", place.at, place.by);
                Err(self.violates("I10", what))
            }
        }
    }

    /// It has failed, or its time ran out: another run follows exactly if its policy says so.
    pub(super) fn tried_again(
        &mut self,
        failure: &Failure,
        new_run_id: Option<RunId>,
    ) -> Result<(), Violation> {
        self.next_run = new_run_id;
        let retry = self.retry.as_ref();
        let may = retry.is_some_and(|retry| {
            let types = &retry.non_retryable_error_types;
            self.attempt < retry.maximum_attempts
                && !failure.non_retryable
                && !types.contains(&failure.error_type)
        });
        let may = may && self.cancel.is_none();
        // How long the wait would be, and so whether its time would be up, is drawn.
        let unclear = may && self.execution_timeout_ms.is_some();
        match new_run_id.is_some() == may || unclear {
            true => Ok(()),
            false => {
                let what = format!("is followed by {new_run_id:?} after {failure:?}");
                Err(self.violates("I1", what))
            }
        }
    }

    /// Whether another run goes on in its place, or tries again.
    pub(in crate::check) const fn goes_on(&self) -> bool {
        self.next_run.is_some()
    }

    /// Whether it tries again what another run failed to do.
    pub(in crate::check) const fn is_retried(&self) -> bool {
        self.attempt > 1
    }

    /// The run that tries again what `before` failed to do.
    pub(super) fn next_attempt(
        before: &Self,
        (workflow_id, run_id): (&WorkflowId, RunId),
        event: &WorkflowStarted,
        at: Timestamp,
    ) -> Self {
        let mut run = Self::start(workflow_id, run_id, event);
        run.seen.clone_from(&before.seen);
        run.followers.clone_from(&before.followers);
        // It has the same input.
        run.signals.clone_from(&before.signals_of_input);
        run.signals_of_input.clone_from(&before.signals_of_input);
        run.updates = before.updates.left();
        run.attempt = before.attempt + 1;
        run.execution_began = before.execution_began;
        run.begins(event, at);
        run
    }

    /// I1: the first transition of the run that tries again.
    pub(super) fn check_next_attempt(
        &self,
        transition: &Transition,
        event: &WorkflowStarted,
    ) -> Result<(), Violation> {
        let attempt = event.chain.as_ref().and_then(|chain| chain.attempt);
        let ends = [Outcome::Failed, Outcome::TimedOut];
        let of_end = self
            .closed
            .is_some_and(|(outcome, at)| ends.contains(&outcome) && at == transition.at);
        let waits = event.start_at.is_some_and(|at| at > transition.at);
        let same = event.input.data() == self.input && event.retry == self.retry;
        let counts = attempt.map(|attempt| attempt.get()) == Some(self.attempt + 1);
        let others: Vec<&Event> = transition.events.iter().skip(1).collect();
        let paused = match others.as_slice() {
            [] => !self.paused,
            [Event::WorkflowPaused(_)] => self.paused,
            _ => false,
        };
        match of_end && waits && same && counts && paused {
            true => Ok(()),
            false => {
                let what = format!("is tried again by {:?}", transition.events);
                Err(self.violates("I1", what))
            }
        }
    }
}
