//! What a worker reports of an attempt, and attempts whose time has come.

use alloc::{boxed::Box, format, vec::Vec};

use super::{Ignored, first};
use crate::{
    Activity, ActivityId, Event, Failure, Millis, Name, OnExhausted, Payload, RETRY_AFTER_MAX,
    Report, ReportAttempt, RetryDue, Run, Timestamp, UNKNOWN_ACTIVITY_RETRY, error_type,
    event::{
        ActivityAttemptFailed, ActivityAttemptScheduled, ActivityCanceled, ActivityCompleted,
        ActivityFailed, ActivityHeartbeatRecorded, ActivityStarted, ActivityTimedOut,
        CompensationCompleted, CompensationFailed, IncidentKind, IncidentRaised,
    },
    failure::is_timeout,
    run::{ActivityState, due::ActivityDue},
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
            Ok(Vec::from([started(activity, worker)]))
        }
        Report::Started => Err(Ignored::Already),
        Report::Heartbeat { progress } => heartbeat(activity, now, progress.as_ref(), worker),
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
            let failed_with = Failed {
                failure,
                retry_after: None,
                on_exhausted: None,
                worker,
            };
            Ok(failed(run, activity, now, failed_with))
        }
        Report::Completed { result } => Ok(completed(activity, result, worker)),
        Report::Failed {
            failure,
            retry_after,
            on_exhausted,
        } => Ok(failed(
            run,
            activity,
            now,
            Failed {
                failure,
                retry_after: *retry_after,
                on_exhausted: *on_exhausted,
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
                    on_exhausted: None,
                    worker,
                },
            ))
        }
    }
}

fn started(activity: &Activity, worker: Option<Name>) -> Event {
    ActivityStarted {
        activity_id: activity.activity_id,
        activity: activity.scheduled.activity.clone(),
        attempt: activity.attempt,
        worker,
    }
    .into()
}

/// Journaled at most twice per heartbeat time-out.
fn heartbeat(
    activity: &Activity,
    now: Timestamp,
    progress: Option<&Payload>,
    worker: Option<Name>,
) -> Result<Vec<Event>, Ignored> {
    let mut events = Vec::new();
    match activity.state {
        // Who goes on has begun.
        ActivityState::Queued => events.push(started(activity, worker.clone())),
        ActivityState::Running { .. } => {}
        ActivityState::Held | ActivityState::Backoff { .. } | ActivityState::Parked => {
            return Err(Ignored::Stale);
        }
    }
    let apart = activity
        .scheduled
        .heartbeat_ms
        .map_or(HEARTBEATS_APART, |one| Millis(one / 2));
    if activity
        .heartbeat_at()
        .is_some_and(|last| now.since(last) < apart)
    {
        return Err(Ignored::Already);
    }
    events.push(
        ActivityHeartbeatRecorded {
            activity_id: activity.activity_id,
            activity: activity.scheduled.activity.clone(),
            attempt: activity.attempt,
            progress: progress.cloned(),
            worker,
        }
        .into(),
    );
    Ok(events)
}

/// Heartbeats of an activity that nobody wants any of are journaled no more often than this.
const HEARTBEATS_APART: Millis = Millis::from_secs(10);

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
        reason: None,
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
    /// What the worker says instead of the policy.
    on_exhausted: Option<OnExhausted>,
    worker: Option<Name>,
}

/// A failed attempt: another follows, or the activity ends by its policy.
fn failed(run: &Run, activity: &Activity, now: Timestamp, failed: Failed<'_>) -> Vec<Event> {
    let failure = failed.failure;
    let uncounted = is_uncounted(failure);
    let retryable = uncounted || is_followed(activity, failure);
    let next_attempt_at = (retryable && !activity.cancel_requested)
        .then(|| now.plus(wait(run, activity, failure, failed.retry_after)))
        .filter(|at| is_in_time(activity, *at));
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
        let on_exhausted = failed.on_exhausted;
        let on_exhausted = on_exhausted.unwrap_or(activity.scheduled.retry.on_exhausted);
        events.extend(ended_by(activity, failure, on_exhausted));
    }
    events
}

/// No worker knew the activity: that is nobody's attempt.
fn is_uncounted(failure: &Failure) -> bool {
    failure.error_type.as_str() == error_type::UNKNOWN_ACTIVITY
}

/// Whether its policy leaves an attempt after one that ended so.
pub(super) fn is_followed(activity: &Activity, failure: &Failure) -> bool {
    let attempts_left =
        activity.maximum_attempts == 0 || activity.attempt.get() < activity.maximum_attempts;
    attempts_left && (is_uncounted(failure) || activity.scheduled.retry.is_retryable(failure))
}

/// How long the attempt after one that ended so waits.
pub(super) fn wait(
    run: &Run,
    activity: &Activity,
    failure: &Failure,
    retry_after: Option<Millis>,
) -> Millis {
    match retry_after {
        _ if is_uncounted(failure) => UNKNOWN_ACTIVITY_RETRY,
        Some(wish) => wish.min(RETRY_AFTER_MAX),
        None => activity.scheduled.retry.delay(
            run.run_id,
            activity.activity_id,
            activity.attempt,
            activity.attempts_of_set(),
        ),
    }
}

/// Whether an attempt at that instant comes before all must be over.
pub(super) fn is_in_time(activity: &Activity, at: Timestamp) -> bool {
    activity.closes_by().is_none_or(|close_by| at < close_by)
}

/// No attempt follows: by its policy the activity fails, or waits for a person.
pub(super) fn exhausted(activity: &Activity, failure: &Failure) -> Vec<Event> {
    ended_by(activity, failure, activity.scheduled.retry.on_exhausted)
}

/// No attempt follows: it fails, or waits for a person. One that was asked to stop never waits.
fn ended_by(activity: &Activity, failure: &Failure, on_exhausted: OnExhausted) -> Vec<Event> {
    if activity.cancel_requested && activity.scheduled.compensates.is_none() {
        return Vec::from([ActivityCanceled {
            activity_id: activity.activity_id,
            activity: activity.scheduled.activity.clone(),
            details: None,
        }
        .into()]);
    }
    match on_exhausted {
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
    let end = match is_timeout(&failure.error_type) {
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
pub(super) fn fire(run: &Run, activity: &Activity, due: ActivityDue, now: Timestamp) -> Vec<Event> {
    let (attempt, scheduled) = (activity.attempt, &activity.scheduled);
    let (error_type, message) = match due {
        ActivityDue::NextAttempt => return Vec::from([next_attempt(activity)]),
        ActivityDue::StartToClose => (
            error_type::START_TO_CLOSE,
            format!(
                "attempt {attempt} took longer than {} ms",
                scheduled.start_to_close_ms
            ),
        ),
        ActivityDue::Heartbeat => (
            error_type::HEARTBEAT,
            format!(
                "no heartbeat of attempt {attempt} for {} ms",
                scheduled.heartbeat_ms.unwrap_or_default()
            ),
        ),
        ActivityDue::ScheduleToStart if activity.state == ActivityState::Held => (
            error_type::SCHEDULE_TO_START,
            format!(
                "attempt {attempt} waited {} ms for its turn in queue {}, which is limited or paused",
                scheduled.schedule_to_start_ms.unwrap_or_default(),
                scheduled.task_queue
            ),
        ),
        ActivityDue::ScheduleToStart => (
            error_type::SCHEDULE_TO_START,
            format!(
                "no worker of queue {} began with attempt {attempt} within {} ms",
                scheduled.task_queue,
                scheduled.schedule_to_start_ms.unwrap_or_default()
            ),
        ),
        ActivityDue::ScheduleToClose => (
            error_type::SCHEDULE_TO_CLOSE,
            format!(
                "{attempt} attempts took longer than {} ms",
                scheduled.schedule_to_close_ms.unwrap_or_default()
            ),
        ),
    };
    let mut failure = Failure::new(Name::from(error_type), message);
    // Another attempt would wait in the same queue, or come too late.
    failure.non_retryable = matches!(
        due,
        ActivityDue::ScheduleToStart | ActivityDue::ScheduleToClose
    );
    if !activity.has_attempt() {
        return exhausted(activity, &failure);
    }
    let timed_out = Failed {
        failure: &failure,
        retry_after: None,
        on_exhausted: None,
        worker: None,
    };
    failed(run, activity, now, timed_out)
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
    // Held up, it is made when it is resumed.
    let is_paused = run.paused.is_some() || activity.paused.is_some();
    if is_paused || activity.attempt.next() != retry.attempt {
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
        held: None,
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
            on_exhausted: None,
            worker: None,
        },
    ))
}
