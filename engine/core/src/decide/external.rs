//! Signals between runs: what one comes to where it arrives, and what its sender makes of that.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::{Ignored, Rejection, cancel, refusal, signal};
use crate::{
    Cause, Event, ExternalSignal, Failure, Name, Overlay, ReplyTo, Run, RunId, SignalOutcome,
    SignalTold, error_type,
    event::{
        ExternalSignalDelivered, ExternalSignalFailed, RejectReason, ReplyRequested, SignalReceived,
    },
};

/// The run that a signal goes to, or why none takes it; `run_id` is the open run of the chain that was named.
pub(crate) fn target<'a>(
    overlay: &'a Overlay<'_>,
    run_id: Option<RunId>,
    cause: &Cause,
    command: &ExternalSignal,
) -> Result<&'a Run, Rejection> {
    let workflow_id = &command.workflow_id;
    let run = match cancel::open_run(overlay, workflow_id, run_id, Some(&ReplyTo::nobody())) {
        Ok(run) => run,
        Err(rejection) => {
            let said = rejection.reply.as_ref();
            let error_type = said.and_then(|said| said.answer.error_type.clone());
            let error_type = error_type.unwrap_or_else(|| Name::from(error_type::NOT_FOUND));
            return Err(refused(
                command,
                rejection.reason,
                error_type,
                rejection.message.into(),
            ));
        }
    };
    if let Some((parent, child_id)) = command.child {
        let of = run.started.parent.as_ref();
        if !of.is_some_and(|of| of.is(parent, child_id)) {
            let message = format!("run {} of workflow {workflow_id} is no child", run.run_id);
            let not_found = Name::from(error_type::NOT_FOUND);
            return Err(refused(
                command,
                RejectReason::NoOpenRun,
                not_found,
                message,
            ));
        }
    }
    if let Some(message) = signal::full(run, cause, workflow_id) {
        let full = Name::from(error_type::HISTORY_FULL);
        return Err(refused(command, RejectReason::HistoryFull, full, message));
    }
    Ok(run)
}

/// It is journaled once, in the order in which it came.
pub(crate) fn signal(
    run: &Run,
    cause: &Cause,
    command: &ExternalSignal,
) -> Result<Vec<Event>, Ignored> {
    if run.seen.contains(cause.identity()) {
        return Err(Ignored::Repeat);
    }
    let received = SignalReceived {
        signal: command.signal.clone(),
        input: command.input.clone(),
        sender: Some(Box::new(command.sender.clone())),
    };
    Ok(Vec::from([received.into()]))
}

/// The sender is told of a signal's end; the first word of one that its program waits for counts.
pub(crate) fn told(run: &Run, cause: &Cause, command: &SignalTold) -> Result<Vec<Event>, Ignored> {
    let SignalTold {
        sender,
        target,
        outcome,
    } = command;
    let signal_id = sender.signal_id;
    if sender.run_id != run.run_id || signal_id >= run.next_activity_id {
        return Err(Ignored::Stale);
    }
    let is_awaited = run.signals_sent.contains(&signal_id);
    if sender.awaited && !is_awaited {
        return Err(Ignored::Stale);
    }
    let workflow_id = target.clone();
    Ok(Vec::from([match outcome {
        SignalOutcome::Delivered(run_id) => ExternalSignalDelivered {
            signal_id,
            workflow_id,
            run_id: *run_id,
        }
        .into(),
        SignalOutcome::Refused(_) if run.seen.contains(cause.identity()) => {
            return Err(Ignored::Repeat);
        }
        SignalOutcome::Refused(failure) => ExternalSignalFailed {
            signal_id,
            workflow_id,
            failure: Failure::clone(failure),
        }
        .into(),
    }]))
}

/// A refusal that is kept as any, and told to the sender.
fn refused(
    command: &ExternalSignal,
    reason: RejectReason,
    error_type: Name,
    message: String,
) -> Rejection {
    let told = format!("signal {}: {message}", command.signal);
    let mut rejection = Rejection::new(reason, message);
    let mut answer = refusal(&ReplyTo::nobody(), error_type::NOT_FOUND, told);
    answer.answer.error_type = Some(error_type);
    rejection.reply = Some(Box::new(ReplyRequested {
        sender: Some(command.sender.clone()),
        ..answer
    }));
    rejection
}
