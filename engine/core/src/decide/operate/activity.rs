//! A person does something about a pending activity.

use alloc::{format, string::String, vec::Vec};

use super::{
    super::activity::{completed, given_up, next_attempt, too_large},
    Refused, is_paused, options, paused, resolved, solve,
};
use crate::{
    Activity, ActivityAct, ActivityId, Event, Failure, IncidentAct, Operate, Payload, Run,
    Timestamp, error_type,
    event::{ActivityOptionsUpdated, ActivityPaused, ActivityResumed},
    run::{ActivityState, Incident},
};

/// Who asks, and how insistently.
pub(super) struct Asked<'a> {
    pub(super) command: &'a Operate,
    pub(super) even_if_running: bool,
}

pub(super) fn act(
    run: &Run,
    now: Timestamp,
    activity_id: ActivityId,
    act: &ActivityAct,
    asked: &Asked<'_>,
) -> Result<Vec<Event>, Refused> {
    let Some(activity) = run.activity(activity_id) else {
        let id = &asked.command.workflow_id;
        let message = format!("workflow {id} has no pending activity {activity_id}");
        return Err(Refused(error_type::NOT_FOUND, message));
    };
    let incident = run.incident_of(activity_id);
    match (act, incident) {
        (ActivityAct::Retry { input }, Some(incident)) => {
            let act = IncidentAct::Retry {
                input: input.clone(),
            };
            solve(run, incident, asked.command, &act)
        }
        (ActivityAct::Retry { input }, None) => retry(run, activity, input.as_ref(), asked),
        (ActivityAct::Complete { result }, Some(incident)) => {
            let act = IncidentAct::Skip {
                result: result.clone(),
            };
            solve(run, incident, asked.command, &act)
        }
        (ActivityAct::Complete { result }, None) => complete(activity, result, asked),
        (ActivityAct::Fail { failure }, incident) => fail(activity, failure, incident, asked),
        (ActivityAct::Pause, _) => Ok(pause(activity, asked.command)),
        (ActivityAct::Resume, _) => Ok(resume(run, now, activity, asked.command)),
        (ActivityAct::UpdateOptions { change }, _) => {
            options::update(run, now, activity, (change, asked.command))
        }
    }
}

/// The next attempt now; it uses up one.
fn retry(
    run: &Run,
    activity: &Activity,
    input: Option<&Payload>,
    asked: &Asked<'_>,
) -> Result<Vec<Event>, Refused> {
    let name = &activity.scheduled.activity;
    if let Some(input) = input.filter(|input| input.is_too_large()) {
        let message = too_large(name, input).message.into_string();
        return Err(Refused(error_type::PAYLOAD_TOO_LARGE, message));
    }
    if is_paused(run, activity) {
        return Err(paused(activity));
    }
    if activity.cancel_requested {
        let message = format!("{name} was asked to stop: no attempt follows");
        return Err(Refused(error_type::CANCELED, message));
    }
    if activity.state == ActivityState::Held {
        let queue = &activity.scheduled.task_queue;
        let message = format!(
            "attempt {} of {name} waits for its turn in queue {queue}, which is limited or paused",
            activity.attempt
        );
        return Err(Refused(error_type::ATTEMPT_RUNNING, message));
    }
    check_not_running(activity, asked)?;
    let changed = by_hand(activity, input, asked.command);
    Ok(Vec::from([changed, next_attempt(activity)]))
}

/// Who did something about it and why, where no other event says so, and the input of its further attempts.
fn by_hand(activity: &Activity, input: Option<&Payload>, command: &Operate) -> Event {
    ActivityOptionsUpdated {
        activity_id: activity.activity_id,
        activity: activity.scheduled.activity.clone(),
        input: input.cloned(),
        actor: Some(command.actor.clone()),
        reason: command.reason.clone(),
        retry: None,
        timeouts_ms: None,
        next_attempt_at: None,
    }
    .into()
}

/// As if a worker had answered.
fn complete(
    activity: &Activity,
    result: &Payload,
    asked: &Asked<'_>,
) -> Result<Vec<Event>, Refused> {
    if result.is_too_large() {
        let message = too_large(&activity.scheduled.activity, result);
        let message = message.message.into_string();
        return Err(Refused(error_type::PAYLOAD_TOO_LARGE, message));
    }
    check_not_running(activity, asked)?;
    let mut events = completed(activity, result, Some(asked.command.actor.clone()));
    for event in &mut events {
        if let Event::ActivityCompleted(completed) = event {
            completed.reason = asked.command.reason.clone();
        }
    }
    Ok(events)
}

/// For good, whatever its policy says.
fn fail(
    activity: &Activity,
    failure: &Failure,
    incident: Option<&Incident>,
    asked: &Asked<'_>,
) -> Result<Vec<Event>, Refused> {
    check_not_running(activity, asked)?;
    let mut events = Vec::from([match incident {
        Some(incident) => resolved(incident, asked.command, &IncidentAct::Fail),
        None => by_hand(activity, None, asked.command),
    }]);
    events.extend(given_up(activity, failure.clone().non_retryable()));
    Ok(events)
}

fn check_not_running(activity: &Activity, asked: &Asked<'_>) -> Result<(), Refused> {
    if !activity.is_in_flight() || asked.even_if_running {
        return Ok(());
    }
    let message: String = format!(
        "attempt {} of {} may be running; what it answers would be stale",
        activity.attempt, activity.scheduled.activity
    );
    Err(Refused(error_type::ATTEMPT_RUNNING, message))
}

fn pause(activity: &Activity, command: &Operate) -> Vec<Event> {
    if activity.paused.is_some() {
        return Vec::new();
    }
    Vec::from([ActivityPaused {
        activity_id: activity.activity_id,
        activity: activity.scheduled.activity.clone(),
        actor: command.actor.clone(),
        reason: command.reason.clone(),
    }
    .into()])
}

fn resume(run: &Run, now: Timestamp, activity: &Activity, command: &Operate) -> Vec<Event> {
    if activity.paused.is_none() {
        return Vec::new();
    }
    let resumed = ActivityResumed {
        activity_id: activity.activity_id,
        activity: activity.scheduled.activity.clone(),
        actor: command.actor.clone(),
        reason: command.reason.clone(),
    };
    let mut events = Vec::from([resumed.into()]);
    if run.paused.is_none() && is_overdue(activity, now) {
        events.push(next_attempt(activity));
    }
    events
}

/// Whether its next attempt was due while it was held up.
pub(super) fn is_overdue(activity: &Activity, now: Timestamp) -> bool {
    matches!(activity.state, ActivityState::Backoff { next_attempt_at } if next_attempt_at <= now)
}
