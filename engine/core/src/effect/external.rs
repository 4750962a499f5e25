//! What a run that sends a signal, and the run that it goes to, tell each other.

use alloc::boxed::Box;

use super::Effect;
use crate::{
    Event, ExternalMessage, ExternalSignal, Failure, Name, Run, Sender, SignalOutcome, SignalTold,
    State, WorkflowId, error_type,
    event::{ExternalSignalSent, ReplyRequested, SignalReceived},
};

impl ExternalMessage {
    /// Whether it is still worth sending, when a new owner finds it not yet sent: not once its sender was told what became
    /// of it. So what was refused, and acted upon, is not delivered afterwards.
    pub(super) fn is_wanted(&self, state: &State) -> bool {
        match self {
            Self::Signal(signal) if signal.sender.awaited => {
                let sender = &signal.sender;
                let run = state.run(&sender.workflow_id);
                let told = run.is_some_and(|run| {
                    run.run_id == sender.run_id && !run.signals_sent.contains(&sender.signal_id)
                });
                !told
            }
            Self::Signal(_) | Self::Told(_) => true,
        }
    }
}

/// What an event asks of the run that a signal goes to, or of the one that sent it; `run` is the state after it.
pub(super) fn asked(workflow_id: &WorkflowId, run: &Run, event: &Event) -> Option<Effect> {
    if let Event::ExternalSignalSent(event) = event {
        return Some(sent(workflow_id, run, event));
    }
    let Event::SignalReceived(event) = event else {
        return None;
    };
    received(workflow_id, run, event)
}

/// The signal that an event sends.
fn sent(workflow_id: &WorkflowId, run: &Run, event: &ExternalSignalSent) -> Effect {
    let child = event.child_id.map(|child_id| {
        let started_by = run.child(child_id).map(|child| child.started_by);
        (started_by.unwrap_or(run.run_id), child_id)
    });
    message(ExternalMessage::Signal(ExternalSignal {
        workflow_id: event.workflow_id.clone(),
        run_id: event.run_id,
        child,
        signal: event.signal.clone(),
        input: event.input.clone(),
        sender: Sender {
            workflow_id: workflow_id.clone(),
            run_id: run.run_id,
            signal_id: event.signal_id,
            awaited: event.awaited,
        },
    }))
}

/// What a sender that waits is told of a signal that arrived.
fn received(workflow_id: &WorkflowId, run: &Run, event: &SignalReceived) -> Option<Effect> {
    let sender = event.sender.as_deref().filter(|sender| sender.awaited)?;
    Some(told(
        sender,
        workflow_id,
        SignalOutcome::Delivered(run.run_id),
    ))
}

/// What a sender is told of a signal that nobody takes.
pub(super) fn refused(target: &WorkflowId, refused: &ReplyRequested) -> Option<Effect> {
    let sender = refused.sender.as_ref()?;
    let failure = Failure::new(
        refused
            .answer
            .error_type
            .clone()
            .unwrap_or_else(|| Name::from(error_type::NOT_FOUND)),
        refused.answer.error_message.as_deref().unwrap_or_default(),
    );
    let failure = Box::new(failure.non_retryable());
    Some(told(sender, target, SignalOutcome::Refused(failure)))
}

fn told(sender: &Sender, target: &WorkflowId, outcome: SignalOutcome) -> Effect {
    message(ExternalMessage::Told(SignalTold {
        sender: sender.clone(),
        target: target.clone(),
        outcome,
    }))
}

fn message(message: ExternalMessage) -> Effect {
    Effect::External(Box::new(message))
}
