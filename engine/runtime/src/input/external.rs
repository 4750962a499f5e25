//! What a run that sends a signal, and the run that it goes to, tell each other. That a record is genuine was checked where
//! it was routed.

use sagaline_core::{
    ActivityId, Command, ExternalSignal, Failure, Sender, SignalOutcome, SignalTold, WorkflowId,
    event::RejectReason,
};
use sagaline_journal::wire::{ce_type, header};

use super::{
    Refusal, child,
    delayed::{number, required},
    workflow,
};
use crate::envelope::{Envelope, bad_header};

/// What a record of a run says to another.
pub(super) fn command(
    envelope: &Envelope<'_>,
    (ce_type, workflow_id): (&str, WorkflowId),
) -> Result<Command, Refusal> {
    match ce_type {
        ce_type::SIGNAL_EXTERNAL => {
            let sender = child::workflow_id(envelope, header::WORKFLOW_ID)?;
            let signal = ExternalSignal {
                workflow_id,
                run_id: workflow::run_id(envelope)?,
                child: child_of(envelope)?,
                signal: workflow::name(envelope, header::SIGNAL)?,
                input: workflow::payload(envelope)?,
                sender: sent_by(envelope, sender)?,
            };
            Ok(Command::ExternalSignal(Box::new(signal)))
        }
        ce_type::SIGNAL_DELIVERED | ce_type::SIGNAL_REFUSED => {
            let outcome = match ce_type {
                ce_type::SIGNAL_DELIVERED => SignalOutcome::Delivered(run_id(envelope)?),
                _ => SignalOutcome::Refused(Box::new(refused(envelope)?)),
            };
            Ok(Command::SignalTold(Box::new(SignalTold {
                target: child::workflow_id(envelope, header::WORKFLOW_ID)?,
                sender: sent_by(envelope, workflow_id)?,
                outcome,
            })))
        }
        other => {
            let shown: String = other.chars().take(80).collect();
            let message = format!("ce_type `{shown}` is not known");
            Err(Refusal::new(RejectReason::UnknownType, message))
        }
    }
}

fn sent_by(envelope: &Envelope<'_>, workflow_id: WorkflowId) -> Result<Sender, Refusal> {
    let awaited = envelope.required(header::AWAITED)?;
    Ok(Sender {
        workflow_id,
        run_id: required(envelope, header::SENDER_RUN_ID, RUN_ID_EXPECTED)?,
        signal_id: number(envelope, header::SIGNAL_ID, ActivityId::new)?,
        awaited: awaited
            .parse()
            .map_err(|_| bad_header(header::AWAITED, awaited, "true or false is expected"))?,
    })
}

/// The child that alone is meant, if one is: who started it, and its number there.
fn child_of(
    envelope: &Envelope<'_>,
) -> Result<Option<(sagaline_core::RunId, ActivityId)>, Refusal> {
    let started_by = envelope.parsed(header::PARENT_RUN_ID, RUN_ID_EXPECTED)?;
    let Some(started_by) = started_by else {
        return Ok(None);
    };
    let child_id = number(envelope, header::CHILD_ID, ActivityId::new)?;
    Ok(Some((started_by, child_id)))
}

fn run_id(envelope: &Envelope<'_>) -> Result<sagaline_core::RunId, Refusal> {
    required(envelope, header::RUN_ID, RUN_ID_EXPECTED)
}

fn refused(envelope: &Envelope<'_>) -> Result<Failure, Refusal> {
    let error_type = workflow::name(envelope, header::ERROR_TYPE)?;
    let message = envelope.header(header::ERROR_MESSAGE)?.unwrap_or_default();
    Ok(Failure::new(error_type, message).non_retryable())
}

const RUN_ID_EXPECTED: &str = "a run id is a UUID";

#[cfg(test)]
mod tests {
    use sagaline_core::{ExternalMessage, Name, Payload, RunId, Timestamp};
    use sagaline_journal::NewRecord;

    use super::*;
    use crate::{
        Keys,
        input::{Input, Reading, child::tests::writing},
    };

    fn arrives(record: &NewRecord) -> Result<Command, RejectReason> {
        let reading = Reading::new("ns", 4, Keys::development());
        match reading.input(&record.placed(7, Timestamp::default()), record.partition) {
            Input::Command { command, .. } => Ok(*command),
            Input::Refused { refusal, .. } => Err(refusal.reason),
            other => panic!("{other:?}"),
        }
    }

    fn id(text: &str) -> WorkflowId {
        WorkflowId::new(text).unwrap()
    }

    fn run_of(workflow_id: &str) -> RunId {
        RunId::derive("ns", &id(workflow_id), b"1")
    }

    fn sender(awaited: bool) -> Sender {
        Sender {
            workflow_id: id("order-7"),
            run_id: run_of("order-7"),
            signal_id: ActivityId::new(3).unwrap(),
            awaited,
        }
    }

    fn signal() -> ExternalSignal {
        ExternalSignal {
            workflow_id: id("pool"),
            run_id: None,
            child: None,
            signal: Name::from("acquire"),
            input: Payload::json(*b"{\"for\":\"order-7\"}"),
            sender: sender(true),
        }
    }

    #[test]
    fn a_signal_of_a_run_arrives_as_it_was_sent() {
        let child = (run_of("order-7"), ActivityId::new(2).unwrap());
        let to_child = ExternalSignal {
            run_id: Some(run_of("pool")),
            child: Some(child),
            sender: sender(false),
            input: Payload::new("text/plain", *b"now"),
            ..signal()
        };
        for signal in [signal(), to_child] {
            let record = writing().external(&ExternalMessage::Signal(signal.clone()));
            let arrived = Command::ExternalSignal(Box::new(signal));
            assert_eq!(arrives(&record), Ok(arrived));
        }
    }

    #[test]
    fn a_sender_is_told_what_became_of_its_signal() {
        let failure = Failure::new(Name::from("sagaline.Closed"), "pool is Completed");
        for outcome in [
            SignalOutcome::Delivered(run_of("pool")),
            SignalOutcome::Refused(Box::new(failure.non_retryable())),
        ] {
            let told = SignalTold {
                sender: sender(true),
                target: id("pool"),
                outcome,
            };
            let record = writing().external(&ExternalMessage::Told(told.clone()));
            assert_eq!(arrives(&record), Ok(Command::SignalTold(Box::new(told))));
        }
    }

    #[test]
    fn what_nobody_of_ours_signed_is_forged() {
        let mut record = writing().external(&ExternalMessage::Signal(signal()));
        record.value = Some(b"{\"for\":\"order-8\"}".to_vec());
        assert_eq!(arrives(&record), Err(RejectReason::Forged));
    }
}
