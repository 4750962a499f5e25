//! A run's deadline has come.

use alloc::{format, vec::Vec};

use super::{activity, undo};
use crate::{
    Event, Failure, Name, Outcome, QueuedUntil, Run, Timestamp, error_type,
    event::{TimerFired, WorkflowDelayEnded},
    run::due::{Due, RunDue},
};

/// What was due first, at `until` or before. Events, or nothing when it has moved, or the clock has gone back since.
pub(crate) fn fire(
    run: &Run,
    now: Timestamp,
    until: Timestamp,
    queued: &[QueuedUntil],
) -> Vec<Event> {
    let until = until.min(now);
    match run.first_due(queued).filter(|(at, _)| *at <= until) {
        Some((_, Due::Timer(timer))) => Vec::from([TimerFired {
            timer_id: timer.timer_id,
        }
        .into()]),
        Some((_, Due::Activity(activity, due))) => activity::fire(run, activity, due, now),
        Some((_, Due::Start(start_at))) => Vec::from([WorkflowDelayEnded { start_at }.into()]),
        Some((_, Due::Run(due))) => end(run, due),
        None => Vec::new(),
    }
}

/// The run's time has run out: what is in flight is awaited, what was done is undone.
fn end(run: &Run, due: RunDue) -> Vec<Event> {
    let (error_type, which, span) = match due {
        RunDue::RunTimeout => {
            let span = run.started.run_timeout_ms;
            (error_type::RUN_TIMEOUT, "run", span)
        }
        RunDue::ExecutionTimeout => {
            let span = run.started.execution_timeout_ms;
            (error_type::EXECUTION_TIMEOUT, "execution", span)
        }
    };
    let span = span.unwrap_or_default();
    let message = format!("the {which} took longer than {span} ms");
    let end = undo::End {
        outcome: Outcome::TimedOut,
        failure: Some(Failure::new(Name::from(error_type), message)),
        reason: None,
        forced: true,
    };
    undo::end(run, end, true)
}
