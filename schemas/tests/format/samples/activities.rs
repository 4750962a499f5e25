//! Events of activities and compensations.

use sagaline_core::{Attempt, Event, Name, OnExhausted, Outcome, RetryPolicy, event};

use super::values::{activity_id, at, binary, failure, json, retry};

#[expect(clippy::too_many_lines, reason = "a table of samples")]
pub(crate) fn activity_events() -> Vec<Event> {
    let (activity_id, activity, attempt) = (
        activity_id(5),
        Name::from("charge-card"),
        Attempt::new(3).unwrap(),
    );
    let worker = Some(Name::from("worker-1"));
    vec![
        event::ActivityScheduled {
            activity_id,
            activity: activity.clone(),
            task_queue: "payments".into(),
            input: json(),
            retry: retry(),
            start_to_close_ms: 60_000,
            compensable: true,
            compensates: Some(super::values::activity_id(2)),
        }
        .into(),
        event::ActivityAttemptScheduled {
            activity_id,
            activity: activity.clone(),
            attempt,
        }
        .into(),
        event::ActivityStarted {
            activity_id,
            activity: activity.clone(),
            attempt,
            worker: worker.clone(),
        }
        .into(),
        event::ActivityCancelRequested {
            activity_id,
            activity: activity.clone(),
        }
        .into(),
        event::ActivityAttemptFailed {
            activity_id,
            activity: activity.clone(),
            attempt,
            failure: failure(),
            next_attempt_at: Some(at(9_000)),
            uncounted: true,
            worker: worker.clone(),
        }
        .into(),
        event::ActivityCompleted {
            activity_id,
            activity: activity.clone(),
            attempt,
            result: binary(),
            worker,
        }
        .into(),
        event::ActivityFailed {
            activity_id,
            activity: activity.clone(),
            failure: failure(),
        }
        .into(),
        event::ActivityTimedOut {
            activity_id,
            activity: activity.clone(),
            failure: failure(),
        }
        .into(),
        event::ActivityCanceled {
            activity_id,
            activity,
            details: Some(binary()),
        }
        .into(),
    ]
}

pub(crate) fn compensation_events() -> Vec<Event> {
    let (activity_id, compensates, activity) =
        (activity_id(9), activity_id(5), Name::from("refund-card"));
    vec![
        event::CompensationRegistered {
            activity_id,
            activity: activity.clone(),
            task_queue: "payments".into(),
            input: json(),
            retry: RetryPolicy {
                on_exhausted: OnExhausted::Park,
                ..retry()
            },
            start_to_close_ms: 30_000,
            compensates,
            group: Some(1),
        }
        .into(),
        event::CompensationStarted {
            outcome: Outcome::Failed,
            failure: Some(failure()),
            reason: Some("asked for".into()),
            forced: true,
        }
        .into(),
        event::CompensationCompleted {
            activity_id,
            activity: activity.clone(),
            compensates,
        }
        .into(),
        event::CompensationFailed {
            activity_id,
            activity,
            compensates,
            failure: failure(),
        }
        .into(),
    ]
}
