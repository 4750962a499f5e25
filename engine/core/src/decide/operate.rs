//! A person steps in: solves an incident (try again, go on without, or give up), or changes what goes on.

mod activity;
pub(crate) mod delete;
mod options;
mod pause;

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::{
    Ignored, accepted,
    activity::{completed, given_up, next_attempt, too_large},
    cancel, refusal, undo,
};
use crate::{
    Act, Activity, Cause, Event, IncidentAct, Operate, Run, Seq, Timestamp, error_type,
    event::{ActivityOptionsUpdated, IncidentKind, IncidentResolved, Outcome},
    run::Incident,
};

/// Why an act cannot be.
struct Refused(&'static str, String);

/// The events of an act, and the answer to whoever did it; one that cannot be is only answered.
pub(crate) fn operate(
    run: &Run,
    now: Timestamp,
    cause: &Cause,
    command: &Operate,
) -> Result<Vec<Event>, Ignored> {
    let reply = command.reply.as_ref();
    let accepted = || reply.map(|reply| Event::from(accepted(reply, false)));
    if run.seen.contains(cause.identity()) {
        return accepted()
            .map(|answer| Vec::from([answer]))
            .ok_or(Ignored::Repeat);
    }
    match act(run, now, command) {
        Ok(mut events) => {
            // Beside what was asked for: an event that ends the run is its last.
            let behind = events.len().min(1);
            events.splice(behind..behind, accepted());
            match events.is_empty() {
                true => Err(Ignored::Already),
                false => Ok(events),
            }
        }
        Err(Refused(error_type, message)) => reply
            .map(|reply| Vec::from([refusal(reply, error_type, message).into()]))
            .ok_or(Ignored::Already),
    }
}

/// The events of an act; none where it is so already.
fn act(run: &Run, now: Timestamp, command: &Operate) -> Result<Vec<Event>, Refused> {
    match &command.act {
        Act::Incident { seq, act } => {
            let incident = incident_of(run, command, *seq)?;
            solve(run, incident, command, act)
        }
        Act::Activity {
            activity_id,
            act,
            even_if_running,
        } => {
            let asked = activity::Asked {
                command,
                even_if_running: *even_if_running,
            };
            activity::act(run, now, *activity_id, act, &asked)
        }
        Act::Pause => Ok(pause::pause(run, command)),
        Act::Resume => Ok(pause::resume(run, now, command)),
        // Decided where it was read: it takes more than the run as it is.
        Act::Reset(_) => Ok(Vec::new()),
        Act::Delete => Err(Refused(
            error_type::OPEN,
            delete::open(&command.workflow_id, run),
        )),
    }
}

fn incident_of<'a>(run: &'a Run, command: &Operate, seq: Seq) -> Result<&'a Incident, Refused> {
    let open = run.incidents.iter().find(|incident| incident.seq == seq);
    open.ok_or_else(|| {
        let id = format!("{}.{seq}", run.run_id);
        match run.resolved.iter().rev().find(|one| one.seq == seq) {
            Some(solved) => Refused(
                error_type::INCIDENT_RESOLVED,
                format!(
                    "incident {id} was solved by {} at {}: {}",
                    solved.actor,
                    solved.at.to_rfc3339(),
                    solved.act
                ),
            ),
            None => Refused(
                error_type::NOT_FOUND,
                format!("workflow {} has no open incident {id}", command.workflow_id),
            ),
        }
    })
}

fn solve(
    run: &Run,
    incident: &Incident,
    command: &Operate,
    act: &IncidentAct,
) -> Result<Vec<Event>, Refused> {
    let mut events = Vec::from([resolved(incident, command, act)]);
    let activity = incident.activity_id.and_then(|id| run.activity(id));
    events.extend(match activity {
        Some(activity) => of_activity(run, incident, activity, act)?,
        None if incident.kind.blocks_program() => of_program(run, incident, act)?,
        None if incident.activity_id.is_some() => of_step(run, incident, act)?,
        None => of_termination(act, command.reason.as_deref())?,
    });
    Ok(events)
}

fn resolved(incident: &Incident, command: &Operate, act: &IncidentAct) -> Event {
    IncidentResolved {
        incident_seq: incident.seq,
        act: act.as_str().into(),
        actor: command.actor.clone(),
        reason: command.reason.clone(),
    }
    .into()
}

/// Whether no attempt of it may begin.
fn is_paused(run: &Run, activity: &Activity) -> bool {
    run.paused.is_some() || activity.paused.is_some()
}

fn paused(activity: &Activity) -> Refused {
    let message = format!("{} is paused: resume it first", activity.scheduled.activity);
    Refused(error_type::PAUSED, message)
}

/// Its attempts are used up.
fn of_activity(
    run: &Run,
    incident: &Incident,
    activity: &Activity,
    act: &IncidentAct,
) -> Result<Vec<Event>, Refused> {
    let name = &activity.scheduled.activity;
    match act {
        IncidentAct::Retry { .. } if is_paused(run, activity) => Err(paused(activity)),
        IncidentAct::Retry { input: None } => Ok(Vec::from([next_attempt(activity)])),
        IncidentAct::Retry { input: Some(input) } | IncidentAct::Skip { result: input }
            if input.is_too_large() =>
        {
            let message = too_large(name, input).message.into_string();
            Err(Refused(error_type::PAYLOAD_TOO_LARGE, message))
        }
        IncidentAct::Retry { input: Some(input) } => {
            let changed = ActivityOptionsUpdated {
                activity_id: activity.activity_id,
                activity: name.clone(),
                input: Some(input.clone()),
                actor: None,
                reason: None,
                retry: None,
                timeouts_ms: None,
                next_attempt_at: None,
            };
            Ok(Vec::from([changed.into(), next_attempt(activity)]))
        }
        IncidentAct::Skip { result } => Ok(completed(activity, result, None)),
        IncidentAct::Fail => {
            let last = activity.last_failure.as_ref().map(|last| &last.failure);
            let failure = last.unwrap_or(&incident.failure).clone();
            Ok(given_up(activity, failure))
        }
    }
}

/// The program is not to be had, or broke.
fn of_program(run: &Run, incident: &Incident, act: &IncidentAct) -> Result<Vec<Event>, Refused> {
    let refused = |text: &str| Err(Refused(error_type::INVALID_INPUT, String::from(text)));
    match act {
        IncidentAct::Retry { input: Some(_) } => refused("a program's input cannot be changed"),
        IncidentAct::Retry { .. }
            if incident.kind == IncidentKind::Deadlock && run.unseen.is_empty() =>
        {
            refused(
                "there is nothing to try again: the program waits for nothing; cancel or fail it",
            )
        }
        IncidentAct::Retry { .. } => Ok(Vec::new()),
        IncidentAct::Skip { .. } => refused("a program cannot be skipped: retry it or fail it"),
        IncidentAct::Fail if run.undo.is_some() => {
            refused("the run's end is fixed already, and what was done is being undone")
        }
        IncidentAct::Fail => {
            let end = undo::End {
                outcome: Outcome::Failed,
                // What a person gives up is not tried again.
                failure: Some(incident.failure.clone().non_retryable()),
                reason: None,
                forced: true,
            };
            Ok(undo::end(run, end, true))
        }
    }
}

/// A completed step that nothing could undo; its program may have said meanwhile what does.
fn of_step(run: &Run, incident: &Incident, act: &IncidentAct) -> Result<Vec<Event>, Refused> {
    let step = incident.activity_id;
    let mut registered = run.registrations.iter();
    match act {
        IncidentAct::Skip { .. } | IncidentAct::Fail => Ok(Vec::new()),
        IncidentAct::Retry { input: None }
            if registered.any(|one| Some(one.registered.compensates) == step) =>
        {
            Ok(Vec::new())
        }
        IncidentAct::Retry { .. } => Err(Refused(
            error_type::INVALID_INPUT,
            String::from("how to undo it was never registered: undo it by hand, then skip it"),
        )),
    }
}

/// The run was terminated while it was being undone.
fn of_termination(act: &IncidentAct, reason: Option<&str>) -> Result<Vec<Event>, Refused> {
    match act {
        IncidentAct::Retry { input: None } => Ok(Vec::new()),
        IncidentAct::Retry { input: Some(_) } => Err(Refused(
            error_type::INVALID_INPUT,
            String::from("there is no input to change: retry it as it is"),
        )),
        IncidentAct::Fail => Ok(Vec::from([cancel::terminated(reason.map(Box::from))])),
        IncidentAct::Skip { .. } => Err(Refused(
            error_type::INVALID_INPUT,
            String::from("retry it to go on undoing, or fail it to leave what is still done"),
        )),
    }
}
