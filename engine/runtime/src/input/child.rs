//! What a run and its children tell each other. That a record is genuine was checked where it was routed.

use sagaline_core::{
    ActivityId, ChildClosed, ChildEnd, Command, Event, IdConflict, Parent, Start, Stop, StopChild,
    WorkflowId,
    event::{ParentClosePolicy, RejectReason},
};
use sagaline_journal::{
    Record,
    wire::{ce_type, header},
};
use sagaline_schemas::decode_transition;

use super::{
    Reading, Refusal,
    delayed::{number, required},
    workflow,
};
use crate::envelope::{Envelope, bad_header};

/// What a record of a run says to another.
pub(super) fn command(
    reading: &Reading,
    record: &Record,
    envelope: &Envelope<'_>,
    (ce_type, workflow_id): (&str, WorkflowId),
) -> Result<Command, Refusal> {
    match ce_type {
        ce_type::CHILD_START => {
            let start = workflow::start(reading, record, envelope, workflow_id)?;
            Ok(Command::Start(Start {
                id_conflict: IdConflict::Fail,
                reply: None,
                parent: Some(Box::new(parent(envelope)?)),
                ..start
            }))
        }
        ce_type::CHILD_STOP => {
            let word = envelope.required(header::ACT)?;
            let how = match word {
                CANCEL => Stop::Cancel,
                TERMINATE => Stop::Terminate,
                other => {
                    let expected = "cancel or terminate is expected";
                    return Err(bad_header(header::ACT, other, expected));
                }
            };
            Ok(Command::StopChild(Box::new(StopChild {
                workflow_id,
                of: (
                    required(envelope, header::RUN_ID, "a run id is a UUID")?,
                    number(envelope, header::CHILD_ID, ActivityId::new)?,
                ),
                how,
                reason: workflow::reason(envelope)?,
            })))
        }
        ce_type::CHILD_CLOSED => {
            closed(envelope, workflow_id).map(|closed| Command::ChildClosed(Box::new(closed)))
        }
        other => {
            let shown: String = other.chars().take(80).collect();
            let message = format!("ce_type `{shown}` is not known");
            Err(Refusal::new(RejectReason::UnknownType, message))
        }
    }
}

fn parent(envelope: &Envelope<'_>) -> Result<Parent, Refusal> {
    let policy = envelope.required(header::PARENT_CLOSE)?;
    let policies = [
        ParentClosePolicy::Terminate,
        ParentClosePolicy::Cancel,
        ParentClosePolicy::Abandon,
    ];
    let close_policy = policies.into_iter().find(|one| one.as_str() == policy);
    let expected = "terminate, cancel or abandon is expected";
    Ok(Parent {
        workflow_id: workflow_id(envelope, header::WORKFLOW_ID)?,
        run_id: required(envelope, header::RUN_ID, "a run id is a UUID")?,
        child_id: number(envelope, header::CHILD_ID, ActivityId::new)?,
        close_policy: close_policy
            .ok_or_else(|| bad_header(header::PARENT_CLOSE, policy, expected))?,
        root: workflow_id(envelope, header::ROOT_ID)?,
        depth: number(envelope, header::DEPTH, Some)?,
    })
}

/// The workflow id that a header has.
pub(super) fn workflow_id(
    envelope: &Envelope<'_>,
    name: &'static str,
) -> Result<WorkflowId, Refusal> {
    let text = envelope.required(name)?;
    WorkflowId::new(text).map_err(|error| bad_header(name, text, &error.to_string()))
}

fn closed(envelope: &Envelope<'_>, workflow_id: WorkflowId) -> Result<ChildClosed, Refusal> {
    let refused = |message| Refusal::new(RejectReason::BadEnvelope, message);
    let end = decode_transition(envelope.payload().data())
        .map_err(|error| refused(format!("the body is no end of a child: {error}")))?;
    let mut events = end.events.into_iter();
    let first = events.next();
    let end_of_run = match first {
        Some(Event::WorkflowCompleted(completed)) => {
            let registered = events.map(|event| match event {
                Event::CompensationRegistered(registered) => Some(registered),
                _ => None,
            });
            let registrations: Option<Vec<_>> = registered.collect();
            registrations.map(|registrations| ChildEnd::Completed {
                result: completed.result,
                registrations,
            })
        }
        Some(Event::WorkflowFailed(failed)) => Some(ChildEnd::Failed {
            failure: Box::new(failed.failure),
        }),
        Some(Event::WorkflowCanceled(canceled)) => Some(ChildEnd::Canceled {
            reason: canceled.reason,
        }),
        Some(_) | None => None,
    };
    Ok(ChildClosed {
        workflow_id,
        run_id: required(envelope, header::RUN_ID, "a run id is a UUID")?,
        child_id: number(envelope, header::CHILD_ID, ActivityId::new)?,
        child_run_id: end.run_id,
        end: end_of_run.ok_or_else(|| refused("the body is no end of a child".to_owned()))?,
    })
}

/// The word for how a child is stopped.
pub(crate) const fn stop_word(how: Stop) -> &'static str {
    match how {
        Stop::Cancel => CANCEL,
        Stop::Terminate => TERMINATE,
    }
}

const CANCEL: &str = "cancel";
const TERMINATE: &str = "terminate";

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use sagaline_core::{
        ChildMessage, Failure, Fields, IdReuse, Name, Payload, RetryPolicy, RunId, Timestamp,
        Trace,
        event::{ChildStarted, CompensationRegistered},
    };
    use sagaline_journal::NewRecord;

    use super::*;
    use crate::{Keys, input::Input, output::Writing};

    const PARTITIONS: i32 = 4;

    pub(in crate::input) fn writing() -> Writing {
        Writing {
            namespace: "ns".to_owned(),
            keys: Keys::development(),
            inbox: "ns.inbox".into(),
            results: "ns.results".into(),
            control: "ns.control".into(),
            partitions: PARTITIONS,
        }
    }

    fn arrives(record: &NewRecord) -> Result<Command, RejectReason> {
        let reading = Reading::new("ns", PARTITIONS, Keys::development());
        match reading.input(&record.placed(7, Timestamp::default()), record.partition) {
            Input::Command { command, .. } => Ok(*command),
            Input::Refused { refusal, .. } => Err(refusal.reason),
            other => panic!("{other:?}"),
        }
    }

    fn id(text: &str) -> WorkflowId {
        WorkflowId::new(text).unwrap()
    }

    fn run_id() -> RunId {
        RunId::derive("ns", &id("batch-1"), b"1")
    }

    fn number(number: u32) -> ActivityId {
        ActivityId::new(number).unwrap()
    }

    fn start() -> (ChildStarted, Parent, Trace) {
        let field = |name: &'static str, json: &str| {
            let fields = [(Name::from(name), json.into())];
            Fields::new(fields.into()).unwrap()
        };
        let child = ChildStarted {
            child_id: number(7),
            workflow: Name::from("mail"),
            version: Some("1.2.0".into()),
            workflow_id: id("mail/7"),
            input: Payload::new("text/plain", *b"ann@example.org"),
            parent_close_policy: ParentClosePolicy::Cancel,
            id_reuse: IdReuse::AllowDuplicateFailedOnly,
            attributes: field("customer", "\"c-7\""),
            memo: field("note", "1.50"),
            run_timeout_ms: Some(60_000),
            execution_timeout_ms: Some(600_000),
            start_at: Some(Timestamp::from_millis(7)),
            retry: Some(RetryPolicy {
                maximum_attempts: 3,
                non_retryable_error_types: vec![Name::from("NoSuchAddress")],
                ..RetryPolicy::default()
            }),
        };
        let parent = Parent {
            workflow_id: id("batch-1"),
            run_id: run_id(),
            child_id: number(7),
            close_policy: ParentClosePolicy::Cancel,
            root: id("night"),
            depth: 2,
        };
        let trace = Trace {
            parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            state: None,
        };
        (child, parent, trace)
    }

    #[test]
    fn a_child_begins_with_all_that_its_parent_said() {
        let (child, parent, trace) = start();
        let message = ChildMessage::Start {
            child: Arc::new(child.clone()),
            parent: parent.clone(),
            trace: Some(trace.clone()),
        };

        let Ok(Command::Start(start)) = arrives(&writing().child(&message)) else {
            panic!("it is no start")
        };

        assert_eq!(start.workflow_id, child.workflow_id);
        assert_eq!(
            (start.workflow, start.version),
            (child.workflow, child.version)
        );
        assert_eq!((start.input, start.id_reuse), (child.input, child.id_reuse));
        assert_eq!(
            (start.attributes, start.memo),
            (child.attributes, child.memo)
        );
        assert_eq!(start.run_timeout.map(|span| span.0), child.run_timeout_ms);
        let execution = start.execution_timeout.map(|span| span.0);
        assert_eq!(execution, child.execution_timeout_ms);
        assert_eq!(start.start_at, child.start_at);
        assert_eq!(start.retry.as_deref(), child.retry.as_ref());
        assert_eq!(start.parent.as_deref(), Some(&parent));
        assert_eq!(start.trace, Some(trace));
        assert_eq!(start.id_conflict, IdConflict::Fail);
    }

    #[test]
    fn a_child_is_told_to_stop_and_its_parent_of_its_end() {
        let registered = CompensationRegistered {
            activity_id: number(3),
            activity: Name::from("unsend"),
            task_queue: Name::from("mail"),
            input: Payload::json(*b"7"),
            retry: RetryPolicy::default(),
            start_to_close_ms: 1_000,
            compensates: number(2),
            group: Some(2),
            schedule_to_start_ms: None,
            schedule_to_close_ms: None,
            heartbeat_ms: None,
            child_workflow_id: Some(id("mail/7")),
            child_step: Some(Name::from("send")),
        };
        for how in [Stop::Cancel, Stop::Terminate] {
            let stop = StopChild {
                workflow_id: id("mail/7"),
                of: (run_id(), number(7)),
                how,
                reason: Some("store closes".into()),
            };
            let record = writing().child(&ChildMessage::Stop(stop.clone()));
            assert_eq!(arrives(&record), Ok(Command::StopChild(Box::new(stop))));
        }
        for end in [
            ChildEnd::Completed {
                result: Payload::new("text/plain", *b"sent"),
                registrations: vec![Arc::new(registered)],
            },
            ChildEnd::Failed {
                failure: Box::new(Failure::new(Name::from("NoSuchAddress"), "ann")),
            },
            ChildEnd::Canceled { reason: None },
        ] {
            let closed = ChildClosed {
                workflow_id: id("batch-1"),
                run_id: run_id(),
                child_id: number(7),
                child_run_id: Some(RunId::derive("ns", &id("mail/7"), b"1")),
                end,
            };
            let message = ChildMessage::Closed {
                child: id("mail/7"),
                closed: closed.clone(),
            };
            let record = writing().child(&message);
            assert_eq!(arrives(&record), Ok(Command::ChildClosed(Box::new(closed))));
        }
    }

    #[test]
    fn what_nobody_signed_comes_from_no_parent_and_no_child() {
        let (child, parent, _) = start();
        let message = ChildMessage::Start {
            child: Arc::new(child),
            parent,
            trace: None,
        };
        let mut forged = writing().child(&message);
        forged.push_header(header::MAC, "development:AAAA");
        let mut garbage = writing().child(&message);
        garbage.push_header(header::CE_TYPE, ce_type::CHILD_CLOSED);
        Keys::development().sign_record(&mut garbage);

        assert_eq!(arrives(&forged), Err(RejectReason::Forged));
        assert_eq!(arrives(&garbage), Err(RejectReason::BadEnvelope));
    }
}
