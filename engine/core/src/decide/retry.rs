//! Another attempt of a workflow: a run that follows one that failed or timed out, with the same input.
//!
//! ```text
//! old run: … ─▶ what was done is undone ─▶ WorkflowFailed {new_run_id}       one input, one batch
//! new run: WorkflowStarted {start_at, chain.attempt} ─▶ back-off ─▶ WorkflowDelayEnded ─▶ its program
//! ```
//! Carried over are callers who wait for the end, what was seen, and a pause. Nothing else: it begins anew. Whoever was asked
//! to stop is not tried again, nor when the back-off would last beyond the execution time-out.

use alloc::{boxed::Box, vec::Vec};

use super::chain::{Beginning, newest_version, run_id};
use crate::{
    ActivityId, Event, Failure, Millis, Run, RunId, Seq, Timestamp, WorkflowId,
    event::{Chain, WorkflowPaused, WorkflowStarted},
    program::Programs,
};

/// Shortest wait between two attempts: none begins in the batch in which the one before ended.
const WAIT_MIN: Millis = Millis(1);

/// Has another run follow the one that this event, which is to be event `seq`, ends at `now`: if there is another attempt.
pub(crate) fn follow(
    run: &Run,
    (seq, now): (Seq, Timestamp),
    (namespace, workflow_id): (&str, &WorkflowId),
    event: &mut Event,
) {
    let (failure, new_run_id) = if let Event::WorkflowFailed(failed) = event {
        (&failed.failure, &mut failed.new_run_id)
    } else if let Event::WorkflowTimedOut(timed_out) = event {
        (&timed_out.failure, &mut timed_out.new_run_id)
    } else {
        return;
    };
    let next = next_at(run, failure, now);
    *new_run_id = next.map(|_| run_id(namespace, workflow_id, run.run_id, seq));
}

/// When the next attempt begins after the run's end at `now`; none: this was the last one.
fn next_at(run: &Run, failure: &Failure, now: Timestamp) -> Option<Timestamp> {
    let (retry, attempt) = (run.retry()?, run.attempt());
    let used_up = retry.maximum_attempts != 0 && attempt.get() >= retry.maximum_attempts;
    if used_up || run.cancel.is_some() || !retry.is_retryable(failure) {
        return None;
    }
    let wait = retry.delay(run.run_id, ActivityId::FIRST, attempt, attempt.get());
    let at = now.plus(wait.max(WAIT_MIN));
    let in_time = run.execution_ends_by().is_none_or(|end| at < end);
    in_time.then_some(at)
}

/// How the new run begins; `old` is closed.
pub(crate) fn begin(
    old: &Run,
    new_run_id: RunId,
    now: Timestamp,
    programs: &dyn Programs,
) -> Beginning {
    let paused = old.paused.as_ref().map(|paused| {
        Event::from(WorkflowPaused {
            actor: paused.actor.clone(),
            reason: paused.reason.clone(),
        })
    });
    let copies: Vec<Event> = paused.into_iter().collect();
    let failure = old
        .closed
        .as_ref()
        .and_then(|closed| closed.failure.as_ref());
    let next_at = failure.and_then(|failure| next_at(old, failure, now));
    let chain = Chain {
        continued_from: old.run_id,
        first_run_id: old.first_run_id(),
        first_started_at: old.execution_started_at(),
        first_activity_id: ActivityId::FIRST,
        carried_events: u32::try_from(copies.len()).unwrap_or(u32::MAX),
        children: Vec::new(),
        attempt: Some(old.attempt().next()),
    };
    let started = WorkflowStarted {
        version: newest_version(old, programs),
        chain: Some(Box::new(chain)),
        start_at: Some(next_at.unwrap_or(now)),
        reset_of: None,
        reset: None,
        ..WorkflowStarted::clone(&old.started)
    };
    Beginning {
        run_id: new_run_id,
        started,
        copies,
    }
}
