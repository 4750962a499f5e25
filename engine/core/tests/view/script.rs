//! A run whose events are given one by one, and a clock that is set by hand.

use std::{collections::BTreeMap, sync::Arc};

use sagaline_core::{
    ActivityId, Attempt, Cause, Event, Failure, Fields, IdentityRing, Name, Outcome, Payload,
    Place, Queue, RetryPolicy, Run, RunId, Timestamp, WorkflowId,
    event::{
        ActivityAttemptFailed, ActivityAttemptScheduled, ActivityCompleted, ActivityFailed,
        ActivityScheduled, CompensationCompleted, CompensationRegistered, CompensationStarted,
        WorkflowStarted,
    },
    run::Carried,
    view::View,
};
use serde_json::Value;

pub(crate) const START_MS: i64 = 1_000_000;

pub(crate) struct Script {
    pub(crate) id: WorkflowId,
    pub(crate) run: Run,
    pub(crate) now_ms: i64,
    pub(crate) unread: Vec<Name>,
    pub(crate) queues: Option<BTreeMap<Name, Queue>>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::about(None, None)
    }

    /// A run that was started with search attributes or a memo.
    pub(crate) fn about(attributes: Option<Fields>, memo: Option<Fields>) -> Self {
        let id = WorkflowId::new("order-1").unwrap();
        let started = Arc::new(WorkflowStarted {
            workflow: Name::from("order"),
            version: "1".into(),
            input: Payload::json(*br#"{"total":49.90}"#),
            trace: None,
            attributes,
            memo,
            run_timeout_ms: None,
            execution_timeout_ms: None,
            parent: None,
            chain: None,
            start_at: None,
            retry: None,
            reset_of: None,
            reset: None,
        });
        let place = Place {
            seq: 1,
            at: Timestamp::from_millis(START_MS),
            cause: &cause(),
        };
        let run_id = RunId::derive("test", &id, b"start");
        let mut run = Run::start(
            run_id,
            place,
            &started,
            IdentityRing::default(),
            Carried::default(),
        );
        run.end_transition(place.at);
        Self {
            id,
            run,
            now_ms: START_MS,
            unread: Vec::new(),
            queues: None,
        }
    }

    /// One transition, `after_ms` after the last.
    pub(crate) fn then(mut self, after_ms: i64, events: impl IntoIterator<Item = Event>) -> Self {
        self.now_ms += after_ms;
        let at = Timestamp::from_millis(self.now_ms);
        for event in events {
            let seq = self.run.seq + 1;
            self.run.apply(
                Place {
                    seq,
                    at,
                    cause: &cause(),
                },
                &event,
            );
        }
        self.run.end_transition(at);
        self
    }

    pub(crate) fn later(mut self, ms: i64) -> Self {
        self.now_ms += ms;
        self
    }

    pub(crate) fn view(&self) -> View<'_> {
        View {
            unread_queues: &self.unread,
            queues: self.queues.as_ref(),
            ..View::new(&self.id, &self.run, 3, Timestamp::from_millis(self.now_ms))
        }
    }

    pub(crate) fn text(&self) -> String {
        self.view().waiting_for().text
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::to_value(self.view().describe()).unwrap()
    }
}

pub(crate) fn cause() -> Cause {
    Cause {
        source: "s".into(),
        id: "1".into(),
        topic: "inbox".into(),
        partition: 3,
        offset: 7,
    }
}

pub(crate) fn number(id: u32) -> ActivityId {
    ActivityId::new(id).unwrap()
}

pub(crate) fn policy(maximum_attempts: u32) -> RetryPolicy {
    RetryPolicy {
        maximum_attempts,
        ..RetryPolicy::default()
    }
}

pub(crate) fn scheduled(id: u32, activity: &'static str, maximum_attempts: u32) -> [Event; 2] {
    let (activity_id, activity) = (number(id), Name::from(activity));
    let attempt = Attempt::FIRST;
    [
        ActivityScheduled {
            activity_id,
            activity: activity.clone(),
            task_queue: Name::from("orders"),
            input: Payload::json(*b"[1]"),
            retry: policy(maximum_attempts),
            start_to_close_ms: 60_000,
            schedule_to_start_ms: None,
            schedule_to_close_ms: None,
            heartbeat_ms: None,
            compensable: activity.as_str() != "ship",
            compensates: None,
        }
        .into(),
        ActivityAttemptScheduled {
            activity_id,
            activity,
            attempt,
            held: None,
        }
        .into(),
    ]
}

pub(crate) fn gateway_down() -> Failure {
    Failure::new(Name::from("GatewayDown"), "connection refused")
}

pub(crate) fn attempt_failed(
    id: u32,
    activity: &'static str,
    attempt: u32,
    next_ms: Option<i64>,
) -> Event {
    ActivityAttemptFailed {
        activity_id: number(id),
        activity: Name::from(activity),
        attempt: Attempt::new(attempt).unwrap(),
        failure: gateway_down(),
        next_attempt_at: next_ms.map(Timestamp::from_millis),
        uncounted: false,
        worker: Some(Name::from("orders-1")),
    }
    .into()
}

pub(crate) fn attempt(id: u32, activity: &'static str, attempt: u32) -> Event {
    let attempt = Attempt::new(attempt).unwrap();
    ActivityAttemptScheduled {
        activity_id: number(id),
        activity: Name::from(activity),
        attempt,
        held: None,
    }
    .into()
}

/// The step completes and its compensation is registered under the next number.
pub(crate) fn completed(id: u32, activity: &'static str, compensation: &'static str) -> [Event; 2] {
    let (activity_id, compensates) = (number(id + 1), number(id));
    [
        ActivityCompleted {
            activity_id: compensates,
            activity: Name::from(activity),
            attempt: Attempt::FIRST,
            result: Payload::json(*b"1"),
            worker: None,
            reason: None,
        }
        .into(),
        CompensationRegistered {
            activity_id,
            activity: Name::from(compensation),
            task_queue: Name::from("orders"),
            input: Payload::json(*b"1"),
            retry: policy(3),
            start_to_close_ms: 60_000,
            schedule_to_start_ms: None,
            schedule_to_close_ms: None,
            heartbeat_ms: None,
            compensates,
            group: None,
            child_workflow_id: None,
            child_step: None,
        }
        .into(),
    ]
}

pub(crate) fn failed(id: u32, activity: &'static str) -> Event {
    ActivityFailed {
        activity_id: number(id),
        activity: Name::from(activity),
        failure: gateway_down(),
    }
    .into()
}

pub(crate) fn compensation_started(outcome: Outcome, reason: Option<&str>) -> Event {
    let failure = (outcome == Outcome::Failed).then(gateway_down);
    CompensationStarted {
        outcome,
        failure,
        reason: reason.map(Box::from),
        forced: false,
    }
    .into()
}

pub(crate) fn undo_scheduled(id: u32, activity: &'static str, compensates: u32) -> Event {
    let [event, _] = scheduled(id, activity, 3);
    let Event::ActivityScheduled(event) = event else {
        unreachable!()
    };
    ActivityScheduled {
        compensates: Some(number(compensates)),
        compensable: false,
        ..Arc::unwrap_or_clone(event)
    }
    .into()
}

pub(crate) fn undone(id: u32, activity: &'static str, compensates: u32) -> [Event; 2] {
    let (activity_id, name) = (number(id), Name::from(activity));
    [
        ActivityCompleted {
            activity_id,
            activity: name.clone(),
            attempt: Attempt::FIRST,
            result: Payload::empty(),
            worker: None,
            reason: None,
        }
        .into(),
        CompensationCompleted {
            activity_id,
            activity: name,
            compensates: number(compensates),
        }
        .into(),
    ]
}

/// Stock is held (1, undone by 2), the card is charged (3, undone by 4), and shipping (5) failed for good.
pub(crate) fn ship_failed() -> Script {
    Script::new()
        .then(0, scheduled(1, "reserve-stock", 3))
        .then(100, completed(1, "reserve-stock", "release-stock"))
        .then(0, scheduled(3, "charge-card", 3))
        .then(100, completed(3, "charge-card", "refund-card"))
        .then(0, scheduled(5, "ship", 1))
        .then(100, [attempt_failed(5, "ship", 1, None), failed(5, "ship")])
        .then(
            0,
            [
                compensation_started(Outcome::Failed, None),
                undo_scheduled(4, "refund-card", 3),
            ],
        )
}
