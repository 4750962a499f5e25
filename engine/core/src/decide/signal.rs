//! A message for a run: journaled once, in the order in which it came, whether its program asks for it yet or not.

use alloc::{format, string::String, vec::Vec};

use super::{Ignored, Rejection, accepted, activity::too_large, refusal};
use crate::{
    Cause, Event, Run, Signal, WorkflowId, error_type,
    event::{RejectReason, SignalReceived},
    run::HistorySize,
};

/// Why a run cannot take one more, if it cannot: what it keeps is part of its history.
pub(crate) fn refused(run: &Run, cause: &Cause, command: &Signal) -> Option<Rejection> {
    let rejection = Rejection::new(
        RejectReason::HistoryFull,
        full(run, cause, &command.workflow_id)?,
    );
    Some(rejection.answered(command.reply.as_ref(), error_type::HISTORY_FULL))
}

/// Why a run's history takes none that is new, if it does not.
pub(super) fn full(run: &Run, cause: &Cause, workflow_id: &WorkflowId) -> Option<String> {
    let HistorySize { events, bytes } = run.history;
    (run.history.is_full() && !run.seen.contains(cause.identity())).then(|| {
        format!(
            "run {} of workflow {workflow_id} takes no more signals: its history has {events} events and {bytes} bytes",
            run.run_id
        )
    })
}

pub(crate) fn signal(run: &Run, cause: &Cause, command: &Signal) -> Result<Vec<Event>, Ignored> {
    let reply = command.reply.as_ref();
    let answer = reply.map(|reply| Event::from(accepted(reply, false)));
    if run.seen.contains(cause.identity()) {
        return answer.map(|one| Vec::from([one])).ok_or(Ignored::Repeat);
    }
    if command.input.is_too_large() {
        let message = too_large(&command.signal, &command.input).message;
        let refused = |reply| refusal(reply, error_type::PAYLOAD_TOO_LARGE, message);
        return reply
            .map(|reply| Vec::from([refused(reply).into()]))
            .ok_or(Ignored::Already);
    }
    let received = SignalReceived {
        signal: command.signal.clone(),
        input: command.input.clone(),
        sender: None,
    };
    Ok([received.into()].into_iter().chain(answer).collect())
}
