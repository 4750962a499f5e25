//! A message for a run: journaled once, in the order in which it came, whether its program asks for it yet or not.

use alloc::vec::Vec;

use super::{Ignored, accepted, activity::too_large, refusal};
use crate::{Cause, Event, Run, Signal, error_type, event::SignalReceived};

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
    };
    Ok([received.into()].into_iter().chain(answer).collect())
}
