//! Events of workflows, incidents, replies and inputs.

use sagaline_core::{
    Attempt, Choice, Event, Fields, IdReuse, Name, Parent, PausedType, QueueTask, ReplyTo, Sender,
    Wait, WaitFor, event, event::CarriedChild, event::Chain,
};

use super::values::{activity_id, at, binary, failure, json, run, text, trace, workflow};

pub(crate) fn workflow_events() -> Vec<Event> {
    vec![
        event::WorkflowStarted {
            workflow: "order".into(),
            version: "2.1".into(),
            input: json(),
            trace: Some(trace()),
            attributes: None,
            memo: None,
            run_timeout_ms: None,
            execution_timeout_ms: None,
            parent: None,
            chain: None,
            start_at: None,
            retry: None,
            reset_of: None,
            reset: None,
        }
        .into(),
        event::WorkflowCompleted { result: json() }.into(),
        event::WorkflowFailed {
            failure: failure(),
            new_run_id: None,
        }
        .into(),
        event::WorkflowCanceled {
            reason: Some("out of stock".into()),
        }
        .into(),
        event::WorkflowTerminated {
            reason: Some("wrong customer".into()),
            new_run_id: None,
            hands_over_below: None,
        }
        .into(),
        event::WorkflowCancelRequested {
            reason: Some("out of stock".into()),
            compensate: true,
        }
        .into(),
    ]
}

/// The last event of a run, the first of the one that goes on in its place, and what that says about itself.
pub(crate) fn chain_events() -> [(&'static str, Event); 7] {
    let chain = Chain {
        continued_from: run(),
        first_run_id: run(),
        first_started_at: at(7),
        first_activity_id: activity_id(9),
        carried_events: 3,
        children: vec![CarriedChild {
            child_id: activity_id(7),
            workflow: "mail".into(),
            workflow_id: workflow(),
            close_policy: event::ParentClosePolicy::Abandon,
            result: Some(json()),
            failure: Some(failure()),
            canceled: true,
        }],
        attempt: Some(Attempt::new(2).expect("it counts from 1")),
    };
    let started = event::WorkflowStarted {
        workflow: "order".into(),
        version: "2.1".into(),
        input: json(),
        trace: None,
        attributes: None,
        memo: None,
        run_timeout_ms: None,
        execution_timeout_ms: None,
        parent: None,
        chain: Some(Box::new(chain)),
        start_at: Some(at(9)),
        retry: Some(super::values::retry()),
        reset_of: None,
        reset: None,
    };
    let upserted = event::AttributesUpserted {
        attributes: fields(&[("state", "\"paid\"")]),
        memo: fields(&[("note", "null")]),
    };
    let delayed = event::WorkflowDelayEnded { start_at: at(9) };
    let failed = event::WorkflowFailed {
        failure: failure(),
        new_run_id: Some(run()),
    };
    let ended = event::WorkflowContinuedAsNew { new_run_id: run() };
    let terminated = event::WorkflowTerminated {
        reason: Some("it was reset: a bug".into()),
        new_run_id: Some(run()),
        hands_over_below: Some(activity_id(4)),
    };
    [
        ("WorkflowContinuedAsNew", ended.into()),
        ("WorkflowStarted-in-a-chain", started.into()),
        ("AttributesUpserted", upserted.into()),
        ("WorkflowDelayEnded", delayed.into()),
        ("WorkflowFailed-and-tried-again", failed.into()),
        ("WorkflowTerminated-and-reset", terminated.into()),
        ("WorkflowStarted-by-a-reset", started_by_reset().into()),
    ]
}

fn started_by_reset() -> event::WorkflowStarted {
    let reset = event::Reset {
        event_seq: 12,
        started_at: at(9),
        continued_from: run(),
        first_run_id: run(),
        first_started_at: at(1),
        origins: vec![event::Origin {
            run_id: run(),
            event_seq: 12,
        }],
        actor: "sagaline.cli/ada".into(),
        reason: Some("a bug".into()),
    };
    event::WorkflowStarted {
        workflow: "order".into(),
        version: "2.1".into(),
        input: json(),
        trace: None,
        attributes: None,
        memo: None,
        run_timeout_ms: None,
        execution_timeout_ms: None,
        parent: None,
        chain: None,
        start_at: None,
        retry: None,
        reset_of: Some(run()),
        reset: Some(Box::new(reset)),
    }
}

pub(crate) fn started_with_attributes() -> Event {
    event::WorkflowStarted {
        workflow: "order".into(),
        version: "2.1".into(),
        input: json(),
        trace: None,
        attributes: fields(&[("customer", "\"c-7\""), ("total", "49.90")]),
        memo: fields(&[("note", r#"{"by": "ann"}"#)]),
        run_timeout_ms: Some(3_600_000),
        execution_timeout_ms: Some(86_400_000),
        parent: Some(parent()),
        chain: None,
        start_at: None,
        retry: None,
        reset_of: None,
        reset: None,
    }
    .into()
}

fn fields(pairs: &[(&'static str, &str)]) -> Option<Fields> {
    let pairs = pairs
        .iter()
        .map(|(name, json)| ((*name).into(), (*json).into()));
    Fields::new(pairs.collect()).expect("they are few and small")
}

pub(crate) fn other_events() -> Vec<Event> {
    vec![
        event::MarkerRecorded {
            kind: "side-effect".into(),
            name: "now".into(),
            value: json(),
        }
        .into(),
        event::ActivityOptionsUpdated {
            activity_id: activity_id(5),
            activity: "ship".into(),
            input: Some(json()),
            actor: Some("sagaline.cli/ann".into()),
            reason: Some("a typo".into()),
            retry: None,
            timeouts_ms: None,
            next_attempt_at: None,
        }
        .into(),
        event::TimerStarted {
            timer_id: activity_id(6),
            due_at: sagaline_core::Timestamp::from_millis(1_803_859_200_000),
        }
        .into(),
        event::TimerFired {
            timer_id: activity_id(6),
        }
        .into(),
        event::TimerCanceled {
            timer_id: activity_id(7),
        }
        .into(),
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
            reply: ReplyTo {
                topic: text("sagaline.replies"),
                partition: 0,
                correlation: text("c-1"),
            },
            answer: event::Answer {
                outcome: event::AnswerOutcome::Rejected,
                error_type: Some("sagaline.AlreadyStarted".into()),
                error_message: Some("o-1 is open".into()),
                result: Some(json()),
            },
            follow: true,
            parent: None,
            update_id: None,
            sender: None,
        }
        .into(),
    ]
}

fn parent() -> Parent {
    Parent {
        workflow_id: workflow(),
        run_id: run(),
        child_id: activity_id(11),
        close_policy: event::ParentClosePolicy::Cancel,
        root: workflow(),
        depth: 2,
    }
}

/// What a parent is told when its child is not started.
pub(crate) fn refused_child() -> Event {
    event::ReplyRequested {
        reply: ReplyTo {
            topic: text("-"),
            partition: 0,
            correlation: text("-"),
        },
        answer: event::Answer {
            outcome: event::AnswerOutcome::Rejected,
            error_type: Some("sagaline.AlreadyStarted".into()),
            error_message: Some("mail/1 is open".into()),
            result: Some(json()),
        },
        follow: false,
        parent: Some(parent()),
        update_id: None,
        sender: None,
    }
    .into()
}

/// What a run is told whose signal nobody takes.
pub(crate) fn refused_signal() -> Event {
    let Event::ReplyRequested(refused) = refused_child() else {
        unreachable!("it is one");
    };
    event::ReplyRequested {
        parent: None,
        sender: Some(sender()),
        ..*refused
    }
    .into()
}

fn sender() -> Sender {
    Sender {
        workflow_id: workflow(),
        run_id: run(),
        signal_id: activity_id(12),
        awaited: true,
    }
}

/// Signals to other runs.
pub(crate) fn external_events() -> Vec<Event> {
    let (signal_id, workflow_id) = (activity_id(12), workflow());
    vec![
        event::ExternalSignalSent {
            signal_id,
            workflow_id: workflow_id.clone(),
            run_id: Some(run()),
            child_id: Some(activity_id(11)),
            signal: "resource-free".into(),
            input: json(),
            awaited: true,
        }
        .into(),
        event::ExternalSignalDelivered {
            signal_id,
            workflow_id: workflow_id.clone(),
            run_id: run(),
        }
        .into(),
        event::ExternalSignalFailed {
            signal_id,
            workflow_id,
            failure: failure(),
        }
        .into(),
    ]
}

pub(crate) fn child_events() -> Vec<Event> {
    let (child_id, child) = (activity_id(11), Name::from("mail"));
    let run_id = Some(run());
    vec![
        event::ChildStarted {
            child_id,
            workflow: child.clone(),
            version: Some("1.2.0".into()),
            workflow_id: workflow(),
            input: json(),
            parent_close_policy: event::ParentClosePolicy::Abandon,
            id_reuse: IdReuse::AllowDuplicateFailedOnly,
            attributes: fields(&[("customer", "\"c-7\"")]),
            memo: fields(&[("note", "1")]),
            run_timeout_ms: Some(3_600_000),
            execution_timeout_ms: Some(86_400_000),
            start_at: Some(at(9)),
            retry: Some(super::values::retry()),
        }
        .into(),
        event::ChildCancelRequested {
            child_id,
            workflow: child.clone(),
            workflow_id: workflow(),
            terminate: Some(true),
        }
        .into(),
        event::ChildCompleted {
            child_id,
            workflow: child.clone(),
            workflow_id: workflow(),
            run_id,
            result: json(),
            compensations: 2,
        }
        .into(),
        event::ChildFailed {
            child_id,
            workflow: child.clone(),
            workflow_id: workflow(),
            run_id,
            failure: failure(),
        }
        .into(),
        event::ChildCanceled {
            child_id,
            workflow: child,
            workflow_id: workflow(),
            run_id,
            reason: Some("out of stock".into()),
        }
        .into(),
    ]
}

/// What a person holds up and lets go on.
pub(crate) fn pause_events() -> Vec<Event> {
    vec![
        event::WorkflowPaused {
            actor: "sagaline.cli/ann".into(),
            reason: Some("the bank migrates".into()),
        }
        .into(),
        event::WorkflowResumed {
            actor: "sagaline.cli/ann".into(),
            reason: None,
        }
        .into(),
        event::ActivityPaused {
            activity_id: activity_id(5),
            activity: "ship".into(),
            actor: "sagaline.cli/ann".into(),
            reason: Some("no stamps".into()),
        }
        .into(),
        event::ActivityResumed {
            activity_id: activity_id(5),
            activity: "ship".into(),
            actor: "sagaline.cli/ann".into(),
            reason: None,
        }
        .into(),
    ]
}

pub(crate) fn events_of_no_history() -> Vec<Event> {
    vec![
        event::WorkflowDeleted {
            run_id: run(),
            actor: "sagaline.cli/ann".into(),
            reason: Some("a customer asked".into()),
        }
        .into(),
        event::InputForwarded {
            target_partition: 7,
        }
        .into(),
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

/// What is journaled of limited queues.
pub(crate) fn queue_events() -> Vec<Event> {
    let queue = Name::from("payments");
    let task = QueueTask {
        partition: 3,
        workflow_id: workflow(),
        run_id: run(),
        activity_id: activity_id(5),
        activity: "charge-card".into(),
        attempt: Attempt::FIRST,
    };
    let (at_home, copy) = (true, task.clone());
    vec![
        event::QueueChanged {
            queue: queue.clone(),
            version: 3,
            home_partition: 7,
            max_outstanding: Some(10),
            rate_per_hour: Some(1_800),
            paused: vec![PausedType {
                activity: Some("charge-card".into()),
                at: at(1_000),
                actor: "sagaline.cli/ada".into(),
                reason: Some("the bank is down".into()),
            }],
            actor: "sagaline.cli/ada".into(),
            reason: Some("slow it down".into()),
        }
        .into(),
        event::QueueTaskOffered {
            queue: queue.clone(),
            task: task.clone(),
        }
        .into(),
        event::QueueTaskReleased {
            queue: queue.clone(),
            at_home,
            task: copy,
        }
        .into(),
        event::QueueTaskEnded {
            queue,
            at_home: false,
            task,
        }
        .into(),
    ]
}

/// What a run is sent, and what it waits for.
pub(crate) fn signal_events() -> Vec<Event> {
    let wait = Wait {
        kind: WaitFor::Children,
        name: "approve".into(),
        since: at(1_000),
        deadline: Some(at(9_000)),
        choices: vec![Choice {
            label: "Approve".to_owned(),
            input: json(),
        }],
        total: Some(600),
    };
    vec![
        event::SignalReceived {
            signal: "approve".into(),
            input: json(),
            sender: Some(Box::new(sender())),
        }
        .into(),
        event::WaitRecorded { waits: vec![wait] }.into(),
    ]
}

/// A run is asked to change.
pub(crate) fn update_events() -> Vec<(&'static str, Event)> {
    let (update_id, update) = ("u-1", "change-address");
    let completed = event::UpdateCompleted {
        update_id: update_id.into(),
        update: update.into(),
        result: Some(json()),
        failure: None,
    };
    vec![
        (
            "UpdateAccepted",
            event::UpdateAccepted {
                update_id: update_id.into(),
                update: update.into(),
                input: json(),
            }
            .into(),
        ),
        (
            "ReplyRequested-for-update",
            event::ReplyRequested {
                reply: ReplyTo {
                    topic: text("sagaline.replies"),
                    partition: 0,
                    correlation: text("c-2"),
                },
                answer: event::Answer {
                    outcome: event::AnswerOutcome::Accepted,
                    error_type: None,
                    error_message: None,
                    result: None,
                },
                follow: false,
                parent: None,
                update_id: Some(update_id.into()),
                sender: None,
            }
            .into(),
        ),
        ("UpdateCompleted", completed.clone().into()),
        (
            "UpdateCompleted-failed",
            event::UpdateCompleted {
                result: None,
                failure: Some(failure()),
                ..completed
            }
            .into(),
        ),
        (
            "UpdateRejected",
            event::UpdateRejected {
                update_id: update_id.into(),
                update: update.into(),
                failure: failure(),
            }
            .into(),
        ),
    ]
}
