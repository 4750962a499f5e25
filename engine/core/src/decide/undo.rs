//! The end of a run that failed, was cancelled or terminated: await what is in flight, undo in reverse, then close.
//!
//! ```text
//! end ─▶ CompensationStarted ─▶ in flight: asked to stop, awaited ─▶ registrations, last first ─▶ terminal event
//!        nothing in flight and nothing registered: the terminal event at once
//! ```
//! Needs no program, but for completed steps whose registration only their program can give.

use alloc::{boxed::Box, format, vec::Vec};

use super::{cancel, child};
use crate::{
    ActivityId, Attempt, Event, Failure, Name, Run, error_type,
    event::{
        ActivityAttemptScheduled, ActivityCancelRequested, ActivityCanceled, ActivityScheduled,
        IncidentKind, IncidentRaised, IncidentResolved, Outcome, WorkflowCanceled,
        WorkflowCompleted, WorkflowFailed, WorkflowTimedOut,
    },
    run::{Activity, Registration, RegistrationState},
};

/// How a run shall end.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) failure: Option<Failure>,
    pub(crate) reason: Option<Box<str>>,
    /// Decided without the program.
    pub(crate) forced: bool,
}

/// Fixes the end of a run: at once when nothing must be undone or awaited.
pub(crate) fn end(run: &Run, end: End, compensate: bool) -> Vec<Event> {
    let nothing_to_undo = run.registrations.is_empty()
        && run.steps.is_empty()
        && !run.activities.iter().any(|one| one.scheduled.compensable)
        && !run.has_awaited_child();
    if nothing_to_undo || !compensate {
        let mut events = stop_unawaited(run);
        events.push(terminal(
            end.outcome,
            end.failure.as_ref(),
            end.reason.as_deref(),
        ));
        return events;
    }
    let mut events = Vec::from([cancel::started(end)]);
    for activity in &run.activities {
        events.extend(stop(run, activity));
    }
    let children = run.open_children().filter(|one| one.is_awaited());
    let not_asked = children.filter(|one| !one.cancel_requested);
    events.extend(not_asked.map(child::cancel_requested));
    events
}

/// Asks what is in flight to stop, in a run that ends without awaiting it.
pub(crate) fn stop_unawaited(run: &Run) -> Vec<Event> {
    let in_flight = run.activities.iter().filter(|one| one.is_in_flight());
    let not_asked = in_flight.filter(|one| !one.cancel_requested);
    not_asked.map(cancel_requested).collect()
}

/// Asks a pending activity to stop; one that no worker has ends at once.
pub(crate) fn stop(run: &Run, activity: &Activity) -> Vec<Event> {
    let mut events = Vec::new();
    if !activity.cancel_requested {
        events.push(cancel_requested(activity));
    }
    events.extend(stop_now(run, activity));
    events
}

/// The end of an activity that was asked to stop and that no worker has.
pub(crate) fn stop_now(run: &Run, activity: &Activity) -> Vec<Event> {
    if activity.is_in_flight() {
        return Vec::new();
    }
    let mut events = Vec::new();
    if let Some(incident) = run.incident_of(activity.activity_id) {
        events.push(
            IncidentResolved {
                incident_seq: incident.seq,
                act: Name::from("cancel"),
                actor: Name::from("sagaline.engine"),
                reason: None,
            }
            .into(),
        );
    }
    events.push(
        ActivityCanceled {
            activity_id: activity.activity_id,
            activity: activity.scheduled.activity.clone(),
            details: None,
        }
        .into(),
    );
    events
}

pub(crate) fn cancel_requested(activity: &Activity) -> Event {
    ActivityCancelRequested {
        activity_id: activity.activity_id,
        activity: activity.scheduled.activity.clone(),
    }
    .into()
}

/// The next events of a run that is being undone; empty while it waits.
///
/// An incident of the program does not stop it: what the program could still register shows as uncovered steps.
pub(crate) fn advance(run: &Run) -> Vec<Event> {
    let Some(undo) = &run.undo else {
        return Vec::new();
    };
    if run.closed.is_some()
        || run.paused.is_some()
        || run
            .activities
            .iter()
            .any(|one| one.scheduled.compensates.is_none())
        || run.has_awaited_child()
    {
        return Vec::new();
    }
    if let Some(incident) = uncovered(run) {
        return Vec::from([incident]);
    }
    let waits_for_a_person = run
        .incidents
        .iter()
        .any(|incident| !incident.kind.blocks_program());
    if waits_for_a_person || !run.activities.is_empty() {
        return Vec::new();
    }
    let next = next_registrations(&run.registrations);
    if next.is_empty() {
        return Vec::from([terminal(
            undo.outcome,
            undo.failure.as_ref(),
            undo.reason.as_deref(),
        )]);
    }
    next.into_iter().flat_map(schedule).collect()
}

/// A completed step that nothing can undo becomes an incident, once.
fn uncovered(run: &Run) -> Option<Event> {
    let step = run
        .uncovered_steps()
        .find(|step| run.incident_of(step.activity_id).is_none())?;
    let message = format!(
        "{} completed, but how to undo it was never registered",
        step.activity
    );
    Some(
        IncidentRaised {
            kind: IncidentKind::CompensationFailed,
            activity_id: Some(step.activity_id),
            activity: Some(step.activity.clone()),
            failure: Failure::new(Name::from(error_type::COMPENSATION_MISSING), message),
        }
        .into(),
    )
}

/// The last registration that is not done, with its neighbours of the same group.
fn next_registrations(registrations: &[Registration]) -> Vec<&Registration> {
    let mut left = registrations
        .iter()
        .rev()
        .filter(|one| one.state == RegistrationState::Registered);
    let Some(last) = left.next() else {
        return Vec::new();
    };
    let mut next = Vec::from([last]);
    if last.registered.group.is_some() {
        next.extend(left.take_while(|one| group_of(one) == group_of(last)));
    }
    next
}

/// Its group, and which child it is of: programs number their groups without a look at those of others.
fn group_of(one: &Registration) -> (Option<u32>, Option<ActivityId>) {
    let registered = &one.registered;
    let child = registered.child_workflow_id.as_ref();
    (registered.group, child.map(|_| registered.compensates))
}

fn schedule(registration: &Registration) -> [Event; 2] {
    let registered = &*registration.registered;
    [
        ActivityScheduled {
            activity_id: registered.activity_id,
            activity: registered.activity.clone(),
            task_queue: registered.task_queue.clone(),
            input: registered.input.clone(),
            retry: registered.retry.clone(),
            start_to_close_ms: registered.start_to_close_ms,
            compensable: false,
            compensates: Some(registered.compensates),
            schedule_to_start_ms: registered.schedule_to_start_ms,
            schedule_to_close_ms: registered.schedule_to_close_ms,
            heartbeat_ms: registered.heartbeat_ms,
        }
        .into(),
        ActivityAttemptScheduled {
            activity_id: registered.activity_id,
            activity: registered.activity.clone(),
            attempt: Attempt::FIRST,
            held: None,
        }
        .into(),
    ]
}

/// The run's last event.
pub(crate) fn terminal(outcome: Outcome, failure: Option<&Failure>, reason: Option<&str>) -> Event {
    let reason = reason.map(Box::from);
    let unnamed = || Failure::new(Name::from(outcome.status()), "");
    match outcome {
        Outcome::Failed => WorkflowFailed {
            failure: failure.cloned().unwrap_or_else(unnamed),
        }
        .into(),
        Outcome::Canceled => WorkflowCanceled { reason }.into(),
        Outcome::Terminated => cancel::terminated(reason),
        Outcome::TimedOut => WorkflowTimedOut {
            failure: failure.cloned().unwrap_or_else(unnamed),
        }
        .into(),
        // No run is undone that ends so.
        Outcome::Completed | Outcome::ContinuedAsNew => WorkflowCompleted {
            result: crate::Payload::empty(),
        }
        .into(),
    }
}
