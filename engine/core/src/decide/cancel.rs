//! Cancel and terminate.

use alloc::{boxed::Box, format, vec::Vec};

use super::{Ignored, Rejection, accepted, undo};
use crate::{
    Cancel, Cause, Event, Failure, Name, Overlay, ReplyTo, Run, RunId, Terminate, WorkflowId,
    error_type,
    event::{
        CompensationStarted, IncidentKind, IncidentRaised, Outcome, RejectReason,
        WorkflowCancelRequested, WorkflowTerminated,
    },
    run::RegistrationState,
};

/// The open run that an input speaks of, or why there is none.
pub(crate) fn open_run<'a>(
    overlay: &'a Overlay<'_>,
    workflow_id: &WorkflowId,
    run_id: Option<RunId>,
    reply: Option<&ReplyTo>,
) -> Result<&'a Run, Rejection> {
    let (message, error_type) = match (overlay.run(workflow_id), run_id) {
        (Some(run), None) => return Ok(run),
        (Some(run), Some(run_id)) if run.run_id == run_id => return Ok(run),
        (Some(run), Some(run_id)) => (
            format!(
                "run {run_id} of workflow {workflow_id} is not open; run {} is",
                run.run_id
            ),
            error_type::NOT_FOUND,
        ),
        (None, _) => match overlay.closed(workflow_id) {
            Some(closed) => (
                format!("workflow {workflow_id} is {}", closed.outcome.status()),
                error_type::CLOSED,
            ),
            None => (
                format!("workflow {workflow_id} is not known"),
                error_type::NOT_FOUND,
            ),
        },
    };
    Err(Rejection::new(RejectReason::NoOpenRun, message).answered(reply, error_type))
}

/// Asks the program to stop; without a program that could, the end is fixed at once.
pub(crate) fn cancel(run: &Run, cause: &Cause, command: &Cancel) -> Result<Vec<Event>, Ignored> {
    let repeat = run.seen.contains(cause.identity());
    let answer = command
        .reply
        .as_ref()
        .map(|reply| Event::from(accepted(reply, false)));
    if repeat || run.cancel.is_some() || run.undo.is_some() {
        let ignored = if repeat {
            Ignored::Repeat
        } else {
            Ignored::Already
        };
        return answer.map(|answer| Vec::from([answer])).ok_or(ignored);
    }
    let mut events = Vec::from([Event::from(WorkflowCancelRequested {
        reason: command.reason.clone(),
        compensate: command.compensate,
    })]);
    events.extend(answer);
    if run.is_blocked() || run.delayed_until.is_some() {
        let end = undo::End {
            outcome: Outcome::Canceled,
            failure: None,
            reason: command.reason.clone(),
            forced: true,
        };
        events.extend(undo::end(run, end, command.compensate));
    }
    Ok(events)
}

/// Ends the run at once, or, when it is to be compensated, fixes its end.
pub(crate) fn terminate(
    run: &Run,
    cause: &Cause,
    command: &Terminate,
) -> Result<Vec<Event>, Ignored> {
    let answer = command
        .reply
        .as_ref()
        .map(|reply| Event::from(accepted(reply, false)));
    if run.seen.contains(cause.identity()) {
        return answer
            .map(|answer| Vec::from([answer]))
            .ok_or(Ignored::Repeat);
    }
    let mut events: Vec<Event> = answer.into_iter().collect();
    let left: Vec<&str> = run
        .registrations
        .iter()
        .filter(|one| {
            matches!(
                one.state,
                RegistrationState::Registered | RegistrationState::Running
            )
        })
        .map(|one| one.of.as_str())
        .collect();
    let parked = run
        .incidents
        .iter()
        .any(|incident| incident.kind == IncidentKind::CompensationFailed);
    match &run.undo {
        Some(_) if command.compensate => {}
        Some(_) if !left.is_empty() && !parked => {
            let message = format!(
                "terminated while compensating; still done: {}; terminate again to leave it so",
                left.join(", ")
            );
            events.push(Event::from(IncidentRaised {
                kind: IncidentKind::CompensationFailed,
                activity_id: None,
                activity: None,
                failure: Failure::new(Name::from(error_type::TERMINATED), message),
            }));
        }
        None if command.compensate => {
            let end = undo::End {
                outcome: Outcome::Terminated,
                failure: None,
                reason: command.reason.clone(),
                forced: true,
            };
            events.extend(undo::end(run, end, true));
        }
        Some(_) | None => events.extend(terminated_at_once(run, command.reason.clone())),
    }
    if events.is_empty() {
        return Err(Ignored::Already);
    }
    Ok(events)
}

/// Ends a run and asks what it leaves in flight to stop.
pub(crate) fn terminated_at_once(run: &Run, reason: Option<Box<str>>) -> Vec<Event> {
    let mut events = undo::stop_unawaited(run);
    events.push(terminated(reason));
    events
}

pub(super) fn terminated(reason: Option<Box<str>>) -> Event {
    WorkflowTerminated {
        reason,
        new_run_id: None,
        hands_over_below: None,
    }
    .into()
}

/// The event that fixes the end of a run whose steps are undone first.
pub(crate) fn started(end: undo::End) -> Event {
    CompensationStarted {
        outcome: end.outcome,
        failure: end.failure,
        reason: end.reason,
        forced: end.forced,
    }
    .into()
}
