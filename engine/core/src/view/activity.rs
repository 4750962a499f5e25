//! Pending activities: which attempt, why the last one failed, when the next follows, how many are left.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use serde::Serialize;

use super::View;
use crate::{
    Activity, ActivityId, Attempt, Failure, Millis, Name, Payload, RetryPolicy, Run, RunId,
    Timestamp,
    run::{ActivityState, LastFailure},
    show::Shown,
};

/// An activity without an outcome.
#[derive(Debug, Serialize)]
pub struct PendingActivity<'a> {
    activity: &'a Name,
    activity_id: ActivityId,
    attempt: Attempt,
    maximum_attempts: Option<u32>,
    attempts_left: Option<u32>,
    state: &'static str,
    task_queue: &'a Name,
    scheduled_at: Shown<'a, Timestamp>,
    /// When its last attempt was sent; null: that waits for its turn.
    sent_at: Option<Shown<'a, Timestamp>>,
    started_at: Option<Shown<'a, Timestamp>>,
    last_failure: Option<LastFailureView<'a>>,
    failures: Vec<FailureCount<'a>>,
    next_attempt_at: Option<Shown<'a, Timestamp>>,
    last_heartbeat_at: Option<Shown<'a, Timestamp>>,
    retry: Shown<'a, RetryPolicy>,
    timeouts_ms: Timeouts,
    idempotency_key: String,
    input: Shown<'a, Payload>,
}

/// The time-outs of an activity, in milliseconds; null: none.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Timeouts {
    schedule_to_start: Option<u64>,
    start_to_close: u64,
    schedule_to_close: Option<u64>,
    heartbeat: Option<u64>,
}

/// Why the last attempt failed, and when.
#[derive(Debug, Serialize)]
pub struct LastFailureView<'a> {
    r#type: &'a Name,
    message: &'a str,
    details: Option<Shown<'a, Payload>>,
    at: Shown<'a, Timestamp>,
    took_ms: u64,
    worker: Option<&'a Name>,
}

#[derive(Debug, Serialize)]
struct FailureCount<'a> {
    r#type: &'a Name,
    count: u32,
}

impl<'a> PendingActivity<'a> {
    pub(super) fn of(view: &View<'a>, activity: &'a Activity) -> Self {
        Self {
            activity: &activity.scheduled.activity,
            activity_id: activity.activity_id,
            attempt: activity.attempt,
            maximum_attempts: maximum_attempts(activity),
            attempts_left: maximum_attempts(activity)
                .map(|maximum| maximum.saturating_sub(activity.attempt.get())),
            state: state(view.run, activity),
            task_queue: &activity.scheduled.task_queue,
            scheduled_at: Shown(&activity.scheduled_at),
            sent_at: was_sent(activity).then_some(Shown(&activity.sent_at)),
            started_at: match &activity.state {
                ActivityState::Running { started_at, .. } => Some(Shown(started_at)),
                ActivityState::Held
                | ActivityState::Queued
                | ActivityState::Backoff { .. }
                | ActivityState::Parked => None,
            },
            last_failure: LastFailureView::of(activity),
            failures: activity
                .failures
                .iter()
                .map(|(r#type, count)| FailureCount {
                    r#type,
                    count: *count,
                })
                .collect(),
            next_attempt_at: next_attempt_at(view.run, activity).map(Shown),
            last_heartbeat_at: activity.heartbeat.as_ref().map(|one| Shown(&one.at)),
            retry: Shown(&activity.scheduled.retry),
            timeouts_ms: Timeouts {
                schedule_to_start: activity.scheduled.schedule_to_start_ms,
                start_to_close: activity.scheduled.start_to_close_ms,
                schedule_to_close: activity.scheduled.schedule_to_close_ms,
                heartbeat: activity.scheduled.heartbeat_ms,
            },
            idempotency_key: idempotency_key(activity.scheduled_by, activity.activity_id),
            input: Shown(&activity.scheduled.input),
        }
    }
}

impl<'a> LastFailureView<'a> {
    pub(super) fn of(activity: &'a Activity) -> Option<Self> {
        let LastFailure {
            failure,
            at,
            took,
            worker,
            ..
        } = activity.last_failure.as_ref().map(Box::as_ref)?;
        Some(Self {
            r#type: &failure.error_type,
            message: &failure.message,
            details: failure.details.as_ref().map(Shown),
            at: Shown(at),
            took_ms: took.0,
            worker: worker.as_ref(),
        })
    }
}

/// Whether its last attempt went out; one that was paused in the line of a limited queue never did.
fn was_sent(activity: &Activity) -> bool {
    match activity.state {
        ActivityState::Held => false,
        ActivityState::Backoff { .. } => {
            let last = activity.last_failure.as_ref();
            last.is_some_and(|last| last.attempt == activity.attempt)
        }
        ActivityState::Queued | ActivityState::Running { .. } | ActivityState::Parked => true,
    }
}

/// What the receiver of an activity's calls tells repeats by: the same over all attempts.
fn idempotency_key(run_id: RunId, activity_id: ActivityId) -> String {
    format!("{run_id}/{activity_id}")
}

pub(super) fn state(run: &Run, activity: &Activity) -> &'static str {
    match activity.state {
        ActivityState::Queued | ActivityState::Running { .. } if activity.cancel_requested => {
            "cancel-requested"
        }
        ActivityState::Backoff { .. } if is_paused(run, activity) => "paused",
        ActivityState::Held | ActivityState::Queued => "queued",
        ActivityState::Running { .. } => "running",
        ActivityState::Backoff { .. } => "retrying",
        ActivityState::Parked => "parked",
    }
}

/// Whether a person holds up its attempts, or the whole run.
const fn is_paused(run: &Run, activity: &Activity) -> bool {
    run.paused.is_some() || activity.paused.is_some()
}

/// Attempts in all; none without limit.
pub(super) fn maximum_attempts(activity: &Activity) -> Option<u32> {
    (activity.maximum_attempts != 0).then_some(activity.maximum_attempts)
}

/// When the next attempt is due; none while that is held up.
pub(crate) fn next_attempt_at<'a>(run: &Run, activity: &'a Activity) -> Option<&'a Timestamp> {
    match &activity.state {
        ActivityState::Backoff { .. } if is_paused(run, activity) => None,
        ActivityState::Backoff { next_attempt_at } => Some(next_attempt_at),
        ActivityState::Held
        | ActivityState::Queued
        | ActivityState::Running { .. }
        | ActivityState::Parked => None,
    }
}

/// A task that waits shorter than this in a queue that nobody reads is no reason to say so: workers come and go.
pub const NO_WORKER_AFTER: Millis = Millis::from_secs(5);

/// Whether its task lies in a queue that nobody reads.
pub(super) fn is_unread(view: &View<'_>, activity: &Activity) -> bool {
    activity.state == ActivityState::Queued
        && view.unread_queues.contains(&activity.scheduled.task_queue)
        && view.server_time.since(activity.sent_at) >= NO_WORKER_AFTER
}

/// `attempt 8 of 100`, or `attempt 8` without limit.
pub(super) fn attempt_of(activity: &Activity, attempt: Attempt) -> String {
    match maximum_attempts(activity) {
        Some(maximum) => format!("attempt {attempt} of {maximum}"),
        None => format!("attempt {attempt}"),
    }
}

/// `GatewayDown: connection refused`: the type, and the first line of the message.
pub(super) fn cause_of(failure: &Failure) -> String {
    let line = failure
        .message
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .trim_end_matches('.');
    match line.is_empty() {
        true => String::from(failure.error_type.as_str()),
        false => format!("{}: {}", failure.error_type, cut(line)),
    }
}

/// A sentence takes this much of a message, in characters; the rest stands on the page.
const MESSAGE_CHARS_MAX: usize = 200;

fn cut(line: &str) -> String {
    match line.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", line.split_at(at).0),
        None => String::from(line),
    }
}
