//! Events of activities and compensations.

use sagaline_core::{
    Attempt, Event, NO_TIMEOUT, Name, OnExhausted, Outcome, RetryChange, RetryPolicy,
    TimeoutsChange, event,
};

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
            schedule_to_start_ms: None,
            schedule_to_close_ms: None,
            heartbeat_ms: None,
        }
        .into(),
        event::ActivityAttemptScheduled {
            activity_id,
            activity: activity.clone(),
            attempt,
            held: None,
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
            reason: None,
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
            schedule_to_start_ms: None,
            schedule_to_close_ms: None,
            heartbeat_ms: None,
            child_workflow_id: None,
            child_step: None,
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

/// Those that came with time-outs, by the name of their golden file.
pub(crate) fn timed_events() -> Vec<(&'static str, Event)> {
    let (activity_id, activity) = (activity_id(5), Name::from("charge-card"));
    let (schedule_to_start_ms, schedule_to_close_ms, heartbeat_ms) =
        (Some(300_000), Some(3_600_000), Some(5_000));
    let scheduled = event::ActivityScheduled {
        activity_id,
        activity: activity.clone(),
        task_queue: "payments".into(),
        input: json(),
        retry: retry(),
        start_to_close_ms: 60_000,
        compensable: false,
        compensates: None,
        schedule_to_start_ms,
        schedule_to_close_ms,
        heartbeat_ms,
    };
    let registered = event::CompensationRegistered {
        activity_id: super::values::activity_id(9),
        activity: Name::from("refund-card"),
        task_queue: "payments".into(),
        input: json(),
        retry: retry(),
        start_to_close_ms: 30_000,
        compensates: activity_id,
        group: None,
        schedule_to_start_ms,
        schedule_to_close_ms,
        heartbeat_ms,
        child_workflow_id: Some(super::values::workflow()),
        child_step: Some("charge-card".into()),
    };
    let heartbeat = event::ActivityHeartbeatRecorded {
        activity_id,
        activity: activity.clone(),
        attempt: Attempt::new(3).unwrap(),
        progress: Some(json()),
        worker: Some(Name::from("worker-1")),
    };
    let updated = event::ActivityOptionsUpdated {
        activity_id,
        activity,
        input: None,
        actor: Some(Name::from("sagaline.cli/ann")),
        reason: Some("the bank is back".into()),
        retry: Some(RetryChange {
            initial_interval_ms: Some(200),
            backoff_coefficient_permille: Some(1_500),
            maximum_interval_ms: Some(0),
            maximum_attempts: Some(20),
            non_retryable_error_types: Some(vec!["CardDeclined".into()]),
            jitter_permille: Some(250),
            on_exhausted: Some(OnExhausted::Park),
        }),
        timeouts_ms: Some(TimeoutsChange {
            schedule_to_start: Some(300_000),
            start_to_close: Some(30_000),
            schedule_to_close: Some(NO_TIMEOUT),
            heartbeat: None,
        }),
        next_attempt_at: Some(at(2_500)),
    };
    vec![
        ("ActivityScheduled-with-timeouts", scheduled.into()),
        ("CompensationRegistered-with-timeouts", registered.into()),
        ("ActivityAttemptScheduled-held", held()),
        ("ActivityHeartbeatRecorded", heartbeat.into()),
        ("WorkflowTimedOut", timed_out()),
        ("ActivityOptionsUpdated-with-options", updated.into()),
    ]
}

/// An attempt of a limited queue.
fn held() -> Event {
    event::ActivityAttemptScheduled {
        activity_id: activity_id(5),
        activity: Name::from("charge-card"),
        attempt: Attempt::FIRST,
        held: Some(true),
    }
    .into()
}

/// A run that took too long and is tried again.
fn timed_out() -> Event {
    event::WorkflowTimedOut {
        failure: failure(),
        new_run_id: Some(super::values::run()),
    }
    .into()
}
