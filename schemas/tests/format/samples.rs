//! One claim, two footers, and at least one transition per event, with a value in every field.

mod activities;
mod values;
mod workflows;

use sagaline_core::{Cause, Event, Failure, Payload, Seq, Timestamp, Transition, event};
use sagaline_schemas::{Claim, Footer, InputPosition, Trying};

use activities::{activity_events, compensation_events, timed_events};
use values::{at, cause, run, text, workflow};
use workflows::{
    chain_events, child_events, events_of_no_history, external_events, other_events, pause_events,
    queue_events, refused_child, refused_signal, signal_events, started_with_attributes,
    update_events, workflow_events,
};

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
            InputPosition {
                topic: "sagaline.inbox".into(),
                next_offset: 4_711,
            },
            InputPosition {
                topic: "sagaline.results".into(),
                next_offset: 0,
            },
        ],
        effects_done: 1_230,
        open_runs: 41,
        digest: 0xFEDC_BA98_7654_3210,
        trying: Some(Trying {
            run_id: run(),
            workflow_id: workflow(),
            cause: cause(),
        }),
    }
}

/// Transitions by the name of their golden file.
pub(crate) fn transitions() -> Vec<(String, Transition)> {
    let mut transitions: Vec<(String, Transition)> = [
        workflow_events(),
        activity_events(),
        compensation_events(),
        other_events(),
        pause_events(),
        signal_events(),
        child_events(),
        external_events(),
    ]
    .into_iter()
    .flatten()
    .map(|event| (event.name().to_owned(), transition(3, vec![event])))
    .collect();
    let of_no_history = events_of_no_history().into_iter().chain(queue_events());
    transitions.extend(of_no_history.map(|event| {
        let name = event.name().to_owned();
        (
            name,
            Transition {
                run_id: None,
                ..transition(0, vec![event])
            },
        )
    }));
    transitions.push((
        "ReplyRequested-of-a-child".into(),
        Transition {
            run_id: None,
            ..transition(0, vec![refused_child()])
        },
    ));
    transitions.push((
        "ReplyRequested-of-a-signal".into(),
        Transition {
            run_id: None,
            ..transition(0, vec![refused_signal()])
        },
    ));
    transitions.push((
        "WorkflowStarted-with-attributes".into(),
        transition(1, vec![started_with_attributes()]),
    ));
    transitions.extend(
        timed_events()
            .into_iter()
            .chain(chain_events())
            .chain(update_events())
            .map(|(name, event)| (name.to_owned(), transition(3, vec![event]))),
    );
    transitions.push(("several-events".into(), transition(1, activity_events())));
    transitions.push(("nothing".into(), nothing()));
    transitions
}

/// Every optional field is absent, every list and text is empty.
fn nothing() -> Transition {
    let empty = Failure {
        error_type: "-".into(),
        message: "".into(),
        details: None,
        non_retryable: false,
    };
    let events = vec![
        event::WorkflowStarted {
            workflow: "w".into(),
            version: "".into(),
            input: Payload::empty(),
            trace: None,
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
        event::IncidentRaised {
            kind: event::IncidentKind::Deadlock,
            activity_id: None,
            activity: None,
            failure: empty,
        }
        .into(),
    ];
    let cause = Cause {
        source: text(""),
        id: text(""),
        topic: text(""),
        partition: 0,
        offset: -1,
    };
    Transition {
        run_id: None,
        workflow_id: None,
        first_seq: 0,
        at: Timestamp::from_micros(-1),
        cause,
        events,
    }
}

fn transition(first_seq: Seq, events: Vec<Event>) -> Transition {
    Transition {
        run_id: Some(run()),
        workflow_id: Some(workflow()),
        first_seq,
        at: at(1_500),
        cause: cause(),
        events,
    }
}
