//! What a worker reports of an attempt, and attempts whose time has come.

use alloc::{boxed::Box, format, vec::Vec};

use super::{Ignored, first};
use crate::{
    Activity, ActivityId, Event, Failure, Millis, Name, OnExhausted, Payload, RETRY_AFTER_MAX,
    Report, ReportAttempt, RetryDue, Run, Timestamp, UNKNOWN_ACTIVITY_RETRY, error_type,
    event::{
        ActivityAttemptFailed, ActivityAttemptScheduled, ActivityCanceled, ActivityCompleted,
        ActivityFailed, ActivityStarted, ActivityTimedOut, CompensationCompleted,
        CompensationFailed, IncidentKind, IncidentRaised,
    },
    run::ActivityState,
};

/// A worker's word: the first final answer of the current attempt counts.
pub(crate) fn report(
    run: &Run,
    now: Timestamp,
    command: &ReportAttempt,
) -> Result<Vec<Event>, Ignored> {
    let activity = run.activity(command.activity_id).ok_or(Ignored::Stale)?;
    if activity.attempt != command.attempt {
        return Err(Ignored::Stale);
    }
    let worker = command.worker.clone();
    match &command.report {
        Report::Started if activity.state == ActivityState::Queued => {
            Ok(Vec::from([ActivityStarted {
                activity_id: activity.activity_id,
                activity: activity.scheduled.activity.clone(),
                attempt: activity.attempt,
                worker,
            }
            .into()]))
        }
        Report::Started => Err(Ignored::Already),
        // The first final answer of an attempt counts, and a time-out is one.
        Report::Completed { .. } | Report::Failed { .. } | Report::Canceled { .. }
            if !activity.is_in_flight() =>
        {
            Err(Ignored::Stale)
        }
        // The work was done, and nobody can be told what came of it: not to be tried again.
        Report::Completed { result }
            if result.is_too_large() && activity.scheduled.compensates.is_none() =>
        {
            let failure = &too_large(&activity.scheduled.activity, result).non_retryable();
            let retry_after = None;
            let failed_with = Failed {
                failure,
                retry_after,
                worker,
            };
            Ok(failed(run, activity, now, failed_with))
        }
        Report::Completed { result } => Ok(completed(activity, result, worker)),
        Report::Failed {
            failure,
            retry_after,
        } => Ok(failed(
            run,
            activity,
            now,
            Failed {
                failure,
                retry_after: *retry_after,
                worker,
            },
        )),
        Report::Canceled { details } if activity.cancel_requested => {
            Ok(canceled(activity, details))
        }
        Report::Canceled { .. } => {
            let failure = Failure::new(
                Name::from(error_type::CANCELED),
                "the worker stopped although nobody asked it to",
            );
            Ok(failed(
                run,
                activity,
                now,
                Failed {
                    failure: &failure,
                    retry_after: None,
                    worker,
                },
            ))
        }
    }
}

pub(super) fn completed(activity: &Activity, result: &Payload, worker: Option<Name>) -> Vec<Event> {
    // Nobody reads what a compensation returns; that it is done counts.
    let result = if result.is_too_large() {
        Payload::empty()
    } else {
        result.clone()
    };
    let mut events = first(Event::from(ActivityCompleted {
        activity_id: activity.activity_id,
        activity: activity.scheduled.activity.clone(),
        attempt: activity.attempt,
        result,
        worker,
    }));
    if let Some(compensates) = activity.scheduled.compensates {
        events.push(
            CompensationCompleted {
                activity_id: activity.activity_id,
                activity: activity.scheduled.activity.clone(),
                compensates,
            }
            .into(),
        );
    }
    events
}

pub(crate) fn too_large(name: &Name, payload: &Payload) -> Failure {
    let message = format!(
        "payload of {name} has {} bytes; {} are allowed",
        payload.data().len(),
        crate::PAYLOAD_BYTES_MAX
    );
    Failure::new(Name::from(error_type::PAYLOAD_TOO_LARGE), message)
}

fn canceled(activity: &Activity, details: &Payload) -> Vec<Event> {
    Vec::from([ActivityCanceled {
        activity_id: activity.activity_id,
        activity: activity.scheduled.activity.clone(),
        details: (!details.data().is_empty()).then(|| details.clone()),
    }
    .into()])
}

struct Failed<'a> {
    failure: &'a Failure,
    retry_after: Option<Millis>,
    worker: Option<Name>,
}

/// A failed attempt: another follows, or the activity ends by its policy.
fn failed(run: &Run, activity: &Activity, now: Timestamp, failed: Failed<'_>) -> Vec<Event> {
    let failure = failed.failure;
    let uncounted = failure.error_type.as_str() == error_type::UNKNOWN_ACTIVITY;
    let attempts_left =
        activity.maximum_attempts == 0 || activity.attempt.get() < activity.maximum_attempts;
    let retryable = uncounted || (attempts_left && activity.scheduled.retry.is_retryable(failure));
    let wait = match failed.retry_after {
        _ if uncounted => UNKNOWN_ACTIVITY_RETRY,
        Some(wish) => wish.min(RETRY_AFTER_MAX),
        None => activity.scheduled.retry.delay(
            run.run_id,
            activity.activity_id,
            activity.attempt,
            activity.attempts_of_set(),
        ),
    };
    let next_attempt_at = (retryable && !activity.cancel_requested).then(|| now.plus(wait));
    let mut events = Vec::from([Event::from(ActivityAttemptFailed {
        activity_id: activity.activity_id,
        activity: activity.scheduled.activity.clone(),
        attempt: activity.attempt,
        failure: failure.clone(),
        next_attempt_at,
        uncounted,
        worker: failed.worker,
    })]);
    if next_attempt_at.is_none() {
        events.extend(exhausted(activity, failure));
    }
    events
}

/// No attempt follows: the activity fails, or waits for a person. One that was asked to stop never waits.
fn exhausted(activity: &Activity, failure: &Failure) -> Vec<Event> {
    if activity.cancel_requested && activity.scheduled.compensates.is_none() {
        return Vec::from([ActivityCanceled {
            activity_id: activity.activity_id,
            activity: activity.scheduled.activity.clone(),
            details: None,
        }
        .into()]);
    }
    match activity.scheduled.retry.on_exhausted {
        OnExhausted::Park => {
            let kind = if activity.scheduled.compensates.is_some() {
                IncidentKind::CompensationFailed
            } else {
                IncidentKind::AttemptsExhausted
            };
            Vec::from([IncidentRaised {
                kind,
                activity_id: Some(activity.activity_id),
                activity: Some(activity.scheduled.activity.clone()),
                failure: failure.clone(),
            }
            .into()])
        }
        OnExhausted::Fail => given_up(activity, failure.clone()),
    }
}

pub(super) fn given_up(activity: &Activity, failure: Failure) -> Vec<Event> {
    let (activity_id, name) = (activity.activity_id, activity.scheduled.activity.clone());
    let timed_out = failure.error_type.as_str() == error_type::START_TO_CLOSE;
    let end = match timed_out {
        true => Event::from(ActivityTimedOut {
            activity_id,
            activity: name.clone(),
            failure: failure.clone(),
        }),
        false => Event::from(ActivityFailed {
            activity_id,
            activity: name.clone(),
            failure: failure.clone(),
        }),
    };
    let mut events = Vec::from([end]);
    if let Some(compensates) = activity.scheduled.compensates {
        events.push(
            CompensationFailed {
                activity_id,
                activity: name,
                compensates,
                failure,
            }
            .into(),
        );
    }
    events
}

/// The deadline of an activity has come.
pub(super) fn fire(run: &Run, activity: &Activity, now: Timestamp) -> Vec<Event> {
    if activity.is_in_flight() {
        let message = format!(
            "attempt {} took longer than {} ms",
            activity.attempt,
            activity.start_to_close().0
        );
        let failure = Failure::new(Name::from(error_type::START_TO_CLOSE), message);
        return failed(
            run,
            activity,
            now,
            Failed {
                failure: &failure,
                retry_after: None,
                worker: None,
            },
        );
    }
    Vec::from([next_attempt(activity)])
}

/// The record that waited for the next attempt has come: the first in time counts.
pub(crate) fn retry_due(
    run: &Run,
    now: Timestamp,
    retry: &RetryDue,
) -> Result<Vec<Event>, Ignored> {
    let activity = run.activity(retry.activity_id).ok_or(Ignored::Stale)?;
    if activity.attempt == retry.attempt {
        return Err(Ignored::Repeat);
    }
    let ActivityState::Backoff { next_attempt_at } = activity.state else {
        return Err(Ignored::Stale);
    };
    if activity.attempt.next() != retry.attempt {
        return Err(Ignored::Stale);
    }
    if now < next_attempt_at {
        return Err(Ignored::Early(next_attempt_at));
    }
    Ok(Vec::from([next_attempt(activity)]))
}

pub(super) fn next_attempt(activity: &Activity) -> Event {
    ActivityAttemptScheduled {
        activity_id: activity.activity_id,
        activity: activity.scheduled.activity.clone(),
        attempt: activity.attempt.next(),
    }
    .into()
}

/// A task that the log refuses for good is a failed attempt.
pub(crate) fn undeliverable(
    run: &Run,
    now: Timestamp,
    activity_id: ActivityId,
    attempt: crate::Attempt,
    reason: Box<str>,
) -> Result<Vec<Event>, Ignored> {
    let activity = run
        .activity(activity_id)
        .filter(|one| one.attempt == attempt && one.is_in_flight())
        .ok_or(Ignored::Stale)?;
    let failure = Failure::new(Name::from(error_type::UNDELIVERABLE), reason.into_string());
    Ok(failed(
        run,
        activity,
        now,
        Failed {
            failure: &failure,
            retry_after: None,
            worker: None,
        },
    ))
}
