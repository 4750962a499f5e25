//! One claim, two footers, and at least one transition per event, with a value in every field.

use std::sync::Arc;

use sagaline_core::{
    ActivityId, Attempt, Cause, Event, Failure, Name, OnExhausted, Outcome, Payload, ReplyTo, RetryPolicy, RunId, Seq,
    Timestamp, Trace, Transition, WorkflowId, event,
};
use sagaline_schemas::{Claim, Footer, InputPosition, Trying};

/// A claim.
pub(crate) fn claim() -> Claim {
    Claim {
        epoch: 7,
        owner: "0d9f6b0e-6f6b-4f3e-9a39-5b1f8f2d7c11".into(),
        partitions: 12,
        app: "orders".into(),
        build: "1.4.2+9f3c2ab".into(),
        workflows: vec!["order".into(), "refund".into()],
        closed_retention_ms: 604_800_000,
    }
}

/// A footer that announces an activation; its digest is over 2^63.
pub(crate) fn footer() -> Footer {
    Footer {
        epoch: 7,
        batch_no: 1_234,
        count: 3,
        now: at(1_500),
        inputs: vec![
            InputPosition { topic: "sagaline.inbox".into(), next_offset: 4_711 },
            InputPosition { topic: "sagaline.results".into(), next_offset: 0 },
        ],
        effects_done: 1_230,
        open_runs: 41,
        digest: 0xFEDC_BA98_7654_3210,
        trying: Some(Trying { run_id: run(), workflow_id: workflow(), cause: cause() }),
    }
}

/// Transitions by the name of their golden file.
pub(crate) fn transitions() -> Vec<(String, Transition)> {
    let mut transitions: Vec<(String, Transition)> =
        [workflow_events(), activity_events(), compensation_events(), other_events()]
            .into_iter()
            .flatten()
            .map(|event| (event.name().to_owned(), transition(3, vec![event])))
            .collect();
    transitions.extend(events_of_no_history().into_iter().map(|event| {
        let name = event.name().to_owned();
        (name, Transition { run_id: None, ..transition(0, vec![event]) })
    }));
    transitions.push(("several-events".into(), transition(1, activity_events())));
    transitions.push(("nothing".into(), nothing()));
    transitions
}

/// Every optional field is absent, every list and text is empty.
fn nothing() -> Transition {
    let empty = Failure { error_type: "-".into(), message: "".into(), details: None, non_retryable: false };
    let events = vec![
        event::WorkflowStarted { workflow: "w".into(), version: "".into(), input: Payload::empty(), trace: None }
            .into(),
        event::IncidentRaised {
            kind: event::IncidentKind::Deadlock,
            activity_id: None,
            activity: None,
            failure: empty,
        }
        .into(),
    ];
    let cause = Cause { source: text(""), id: text(""), topic: text(""), partition: 0, offset: -1 };
    Transition { run_id: None, workflow_id: None, first_seq: 0, at: Timestamp::from_micros(-1), cause, events }
}

fn transition(first_seq: Seq, events: Vec<Event>) -> Transition {
    Transition { run_id: Some(run()), workflow_id: Some(workflow()), first_seq, at: at(1_500), cause: cause(), events }
}

fn workflow_events() -> Vec<Event> {
    vec![
        event::WorkflowStarted { workflow: "order".into(), version: "2.1".into(), input: json(), trace: Some(trace()) }
            .into(),
        event::WorkflowCompleted { result: json() }.into(),
        event::WorkflowFailed { failure: failure() }.into(),
        event::WorkflowCanceled { reason: Some("out of stock".into()) }.into(),
        event::WorkflowTerminated { reason: Some("wrong customer".into()) }.into(),
        event::WorkflowCancelRequested { reason: Some("out of stock".into()), compensate: true }.into(),
    ]
}

fn activity_events() -> Vec<Event> {
    let (activity_id, activity, attempt) = (activity_id(5), Name::from("charge-card"), Attempt::new(3).unwrap());
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
            compensates: Some(self::activity_id(2)),
        }
        .into(),
        event::ActivityAttemptScheduled { activity_id, activity: activity.clone(), attempt }.into(),
        event::ActivityStarted { activity_id, activity: activity.clone(), attempt, worker: worker.clone() }.into(),
        event::ActivityCancelRequested { activity_id, activity: activity.clone() }.into(),
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
        event::ActivityCompleted { activity_id, activity: activity.clone(), attempt, result: binary(), worker }.into(),
        event::ActivityFailed { activity_id, activity: activity.clone(), failure: failure() }.into(),
        event::ActivityTimedOut { activity_id, activity: activity.clone(), failure: failure() }.into(),
        event::ActivityCanceled { activity_id, activity, details: Some(binary()) }.into(),
    ]
}

fn compensation_events() -> Vec<Event> {
    let (activity_id, compensates, activity) = (activity_id(9), activity_id(5), Name::from("refund-card"));
    vec![
        event::CompensationRegistered {
            activity_id,
            activity: activity.clone(),
            task_queue: "payments".into(),
            input: json(),
            retry: RetryPolicy { on_exhausted: OnExhausted::Park, ..retry() },
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
        event::CompensationCompleted { activity_id, activity: activity.clone(), compensates }.into(),
        event::CompensationFailed { activity_id, activity, compensates, failure: failure() }.into(),
    ]
}

fn other_events() -> Vec<Event> {
    vec![
        event::MarkerRecorded { kind: "side-effect".into(), name: "now".into(), value: json() }.into(),
        event::IncidentRaised {
            kind: event::IncidentKind::AttemptsExhausted,
            activity_id: Some(activity_id(5)),
            activity: Some("charge-card".into()),
            failure: failure(),
        }
        .into(),
        event::IncidentResolved {
            incident_seq: 17,
            act: "retry".into(),
            actor: "sagaline.cli/ann".into(),
            reason: Some("the bank is back".into()),
        }
        .into(),
        event::ReplyRequested {
            reply: ReplyTo { topic: text("sagaline.replies"), partition: 0, correlation: text("c-1") },
            answer: event::Answer {
                outcome: event::AnswerOutcome::Rejected,
                error_type: Some("sagaline.AlreadyStarted".into()),
                error_message: Some("o-1 is open".into()),
                result: Some(json()),
            },
            follow: true,
        }
        .into(),
    ]
}

fn events_of_no_history() -> Vec<Event> {
    vec![
        event::InputForwarded { target_partition: 7 }.into(),
        event::InputRejected {
            reason: event::RejectReason::UnknownType,
            message: "ce_type `order.placed` is none of ours".into(),
            key: Some(binary()),
            ce_type: Some("order.placed".into()),
            value: json(),
            value_bytes: 70_000,
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        }
        .into(),
    ]
}

fn run() -> RunId {
    RunId::derive("sagaline", &workflow(), b"start")
}

fn workflow() -> WorkflowId {
    WorkflowId::new("o-1 \u{e4}/\u{1f4e6}").unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

fn cause() -> Cause {
    Cause { source: text("shop"), id: text("order-1"), topic: text("sagaline.inbox"), partition: 3, offset: 4_710 }
}

fn json() -> Payload {
    Payload::json(*br#"{"amount": 12.50}"#)
}

fn binary() -> Payload {
    Payload::new("application/octet-stream", [0x00, 0xC3, 0x01, 0xFF])
}

fn failure() -> Failure {
    Failure::new("CardDeclined".into(), "insufficient funds").non_retryable().with_details(json())
}

fn retry() -> RetryPolicy {
    RetryPolicy {
        initial_interval_ms: 500,
        backoff_coefficient_permille: 1_500,
        maximum_interval_ms: 60_000,
        maximum_attempts: 5,
        non_retryable_error_types: vec!["CardDeclined".into(), "bad.*".into()],
        jitter_permille: 100,
        on_exhausted: OnExhausted::Fail,
    }
}

fn trace() -> Trace {
    Trace { parent: text("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), state: Some(text("vendor=1")) }
}

fn activity_id(number: u32) -> ActivityId {
    ActivityId::new(number).unwrap()
}

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}
