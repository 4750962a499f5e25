//! Updates: a request that may change a run, and is answered.
//!
//! ```text
//! known:  under way ─▶ accepted, told later     ended ─▶ told how
//! new:    no program that could take it ─▶ refused, and decided anew when it comes again
//!         its program does not want it  ─▶ rejected, and remembered        wants it ─▶ accepted, told later
//! ```

use alloc::{format, string::String, vec::Vec};

use super::{Ignored, accepted, activity::too_large, refusal};
use crate::{
    Event, Failure, Name, Payload, ReplyTo, Run, Update,
    error_type::{
        BLOCKED, CLOSED, DEFINITION_MISSING, LIMIT, NONDETERMINISM, PAYLOAD_TOO_LARGE, QUARANTINED,
    },
    event::{
        Answer, AnswerOutcome, ReplyRequested, UpdateAccepted, UpdateCompleted, UpdateRejected,
    },
    run::{EndedUpdate, UPDATE_REPLIES_MAX, UPDATES_PENDING_MAX, UpdateOutcome},
};

/// `ask` asks the run's program whether it would take the update.
pub(crate) fn update(
    run: &Run,
    command: &Update,
    ask: impl FnOnce(&Run) -> Result<(), Failure>,
) -> Result<Vec<Event>, Ignored> {
    let (id, reply) = (&command.update_id, command.reply.as_ref());
    if let Some(pending) = run.updates.pending_of(id) {
        let reply = reply.ok_or(Ignored::Repeat)?;
        let is_known = pending.replies.contains(reply);
        if !is_known && pending.replies.len() >= UPDATE_REPLIES_MAX {
            let message = format!("{UPDATE_REPLIES_MAX} callers wait for update {id} already");
            return Ok(Vec::from([refusal(reply, LIMIT, message).into()]));
        }
        return Ok(Vec::from([following(reply, id)]));
    }
    if let Some(ended) = run.updates.ended_of(id) {
        let reply = reply.ok_or(Ignored::Repeat)?;
        return Ok(Vec::from([told(run, reply, ended)]));
    }
    if let Err((error_type, message)) = takes_updates(run, command) {
        let reply = reply.ok_or(Ignored::Already)?;
        return Ok(Vec::from([refusal(reply, error_type, message).into()]));
    }
    let (update_id, update) = (id.clone(), command.update.clone());
    let failure = match ask(run) {
        Ok(()) => {
            let event = UpdateAccepted {
                update_id,
                update,
                input: command.input.clone(),
            };
            let answer = reply.map(|reply| following(reply, id));
            return Ok([event.into()].into_iter().chain(answer).collect());
        }
        Err(failure) => failure,
    };
    let answer = |reply| Event::from(answered(reply, rejected(&failure)));
    if cannot_be_asked(&failure) {
        return reply
            .map(|reply| Vec::from([answer(reply)]))
            .ok_or(Ignored::Already);
    }
    let answer = reply.map(answer);
    let event = UpdateRejected {
        update_id,
        update,
        failure,
    };
    Ok([event.into()].into_iter().chain(answer).collect())
}

/// Why no update can be taken now, whatever the program would say.
fn takes_updates(run: &Run, command: &Update) -> Result<(), (&'static str, String)> {
    let run_id = run.run_id;
    if run.undo.is_some() {
        let message = format!("the end of run {run_id} is fixed: what it has done is being undone");
        return Err((CLOSED, message));
    }
    if let Some(at) = run.delayed_until {
        let message = format!("run {run_id} begins at {}", at.to_rfc3339());
        return Err((BLOCKED, message));
    }
    let blocking = run.incidents.iter().find(|one| one.kind.blocks_program());
    if let Some(incident) = blocking {
        let message = format!(
            "run {run_id} cannot go on before incident {run_id}.{} is solved: {}",
            incident.seq, incident.failure.message
        );
        return Err((BLOCKED, message));
    }
    if run.updates.pending().len() >= UPDATES_PENDING_MAX {
        let message = format!("run {run_id} has {UPDATES_PENDING_MAX} updates under way already");
        return Err((LIMIT, message));
    }
    if command.input.is_too_large() {
        let message = too_large(&command.update, &command.input).message;
        return Err((PAYLOAD_TOO_LARGE, message.into_string()));
    }
    Ok(())
}

/// Whether it is not the program that says no: another engine, or another build, may say yes.
fn cannot_be_asked(failure: &Failure) -> bool {
    let lacking = [BLOCKED, DEFINITION_MISSING, NONDETERMINISM, QUARANTINED];
    lacking.contains(&failure.error_type.as_str())
}

/// What a program's word on an update comes to.
pub(crate) fn completed(
    run: &Run,
    update_id: Name,
    outcome: Result<Payload, Failure>,
) -> Result<UpdateCompleted, String> {
    let Some(pending) = run.updates.pending_of(&update_id) else {
        return Err(format!(
            "the end of update {update_id}, which is not under way"
        ));
    };
    let update = pending.update.clone();
    let (result, failure) = match outcome {
        Ok(result) if result.is_too_large() => (None, Some(too_large(&update, &result))),
        Ok(result) => (Some(result), None),
        Err(mut failure) => {
            failure.details = failure.details.filter(|details| !details.is_too_large());
            (None, Some(failure))
        }
    };
    Ok(UpdateCompleted {
        update_id,
        update,
        result,
        failure,
    })
}

/// It is accepted; its outcome follows.
fn following(reply: &ReplyTo, update_id: &Name) -> Event {
    Event::from(ReplyRequested {
        update_id: Some(update_id.clone()),
        ..accepted(reply, false)
    })
}

/// How an update ended, once more.
fn told(run: &Run, reply: &ReplyTo, ended: &EndedUpdate) -> Event {
    let answer = match &ended.outcome {
        Some(UpdateOutcome::Completed(result)) => completed_with(result.clone()),
        Some(UpdateOutcome::Failed(failure)) => failed(failure),
        Some(UpdateOutcome::Rejected(failure)) => rejected(failure),
        None => {
            let (id, run_id, seq) = (&ended.update_id, run.run_id, ended.seq);
            let message = format!(
                "update {id} has ended; how, is event {seq} of run {run_id} in the journal"
            );
            return refusal(reply, LIMIT, message).into();
        }
    };
    answered(reply, answer).into()
}

fn answered(reply: &ReplyTo, answer: Answer) -> ReplyRequested {
    ReplyRequested {
        reply: reply.clone(),
        answer,
        follow: false,
        parent: None,
        update_id: None,
        sender: None,
    }
}

/// The answer of an update that came to something.
pub(crate) fn completed_with(result: Payload) -> Answer {
    Answer {
        outcome: AnswerOutcome::Completed,
        error_type: None,
        error_message: None,
        result: Some(result),
    }
}

/// The answer of one that came to nothing.
pub(crate) fn failed(failure: &Failure) -> Answer {
    Answer {
        outcome: AnswerOutcome::Failed,
        ..rejected(failure)
    }
}

fn rejected(failure: &Failure) -> Answer {
    Answer {
        outcome: AnswerOutcome::Rejected,
        error_type: Some(failure.error_type.clone()),
        error_message: Some(failure.message.clone()),
        result: failure.details.clone(),
    }
}
