//! `workflow update`: asks an open run to change, and prints what came of it.

pub(super) mod http;

use std::{ops::ControlFlow, time::Duration};

use clap::{Args, Subcommand};
use sagaline_core::{
    Name, Payload, Run, RunId, WorkflowId, error_type,
    run::{EndedUpdate, UpdateOutcome},
};
use sagaline_journal::wire::{ce_type, header, outcome};
use serde::{Deserialize, Serialize};

use super::{
    RunOf, Session,
    api::Door,
    describe::{refuse_deleted, unknown},
    input::Input,
    name,
    result::print_payload,
};
use crate::{
    clock::Deadline,
    fault::{Exit, Fault, Outcome},
    inbox::{Answer, Asked, Inbox, Question, new_id},
    journal::Journal,
    output::{Format, Output},
    settings::Span,
};

/// What can be done with updates.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Ask a run to change; returns when it has said that it will
    Start(UpdateArgs),
    /// Ask a run to change, wait until it has and print the answer
    Execute(UpdateArgs),
    /// Wait for an update and print the answer
    Result(ResultArgs),
}

impl Verb {
    pub(crate) fn run(&self, session: &Session) -> Outcome {
        match self {
            Self::Start(args) => start(session, args),
            Self::Execute(args) => execute(session, args),
            Self::Result(args) => result(session, args),
        }
    }
}

/// What `update start` and `update execute` take.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    of: RunOf,
    /// Name of the update
    #[arg(long, value_parser = name)]
    name: Name,
    #[command(flatten)]
    input: Input,
    /// Says which update this is: the same again is not done again [default: a random UUID]
    #[arg(long, value_name = "ID", value_parser = name)]
    update_id: Option<Name>,
    /// Give up waiting after this long, as in 30s
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
}

/// What `update result` takes.
#[derive(Debug, Args)]
pub(crate) struct ResultArgs {
    #[command(flatten)]
    of: RunOf,
    /// Which update
    #[arg(long, value_name = "ID", value_parser = name)]
    update_id: Name,
    /// Give up after this long, as in 30s; otherwise it waits for as long as it takes
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
}

/// A run has said that it will change.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Accepted {
    pub(super) workflow_id: String,
    pub(super) run_id: Option<RunId>,
    pub(super) update_id: String,
    /// Its end follows.
    #[serde(default)]
    pub(super) stage: Stage,
}

/// How far an update is that has not ended.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    #[default]
    Accepted,
}

impl Accepted {
    pub(super) fn print(&self, output: Output, name: &Name) -> Outcome {
        match output.format {
            Format::Json | Format::Jsonl => output.json(self)?,
            Format::Table => {
                let (id, update_id) = (&self.workflow_id, &self.update_id);
                let run = self.run_id;
                let run = run.map_or_else(String::new, |run_id| format!(", run {run_id}"));
                output.say(&format!("{id}{run} takes {name}, update {update_id}."))?;
            }
        }
        Ok(())
    }
}

fn start(session: &Session, args: &UpdateArgs) -> Outcome {
    if let Door::Http(api) = session.door()? {
        return http::start(session.output, &api, args);
    }
    ask(session, args)?.accepted(session, args.timeout.map(Span::get))
}

fn execute(session: &Session, args: &UpdateArgs) -> Outcome {
    if let Door::Http(api) = session.door()? {
        return http::execute(session.output, &api, args);
    }
    let wait = args.timeout.map(Span::get);
    let deadline = Deadline::after(wait);
    ask(session, args)?.ended(session, wait, deadline)
}

/// An update that is in the inbox.
#[derive(Debug)]
pub(super) struct AskedUpdate {
    pub(super) inbox: Inbox,
    pub(super) asked: Asked,
    pub(super) id: WorkflowId,
    pub(super) name: Name,
    pub(super) update_id: String,
}

impl AskedUpdate {
    fn what(&self) -> String {
        format!("update {} of {}", self.name, self.id)
    }

    /// The first answer; of one that is refused why.
    fn first(&self, wait: Option<Duration>) -> Outcome<Answer> {
        let answer = self.inbox.first(&self.asked, wait)?;
        match answer.outcome.as_str() {
            outcome::REJECTED => Err(refused(&self.what(), &answer)),
            _ => Ok(answer),
        }
    }

    /// Waits until its run has said that it will, and prints which update it is.
    pub(super) fn accepted(&self, session: &Session, wait: Option<Duration>) -> Outcome {
        let answer = self.first(wait)?;
        let accepted = Accepted {
            workflow_id: self.id.as_str().to_owned(),
            run_id: answer.run_id,
            update_id: self.update_id.clone(),
            stage: Stage::Accepted,
        };
        accepted.print(session.output, &self.name)
    }

    /// Waits until it has ended, and prints the answer.
    pub(super) fn ended(
        &self,
        session: &Session,
        wait: Option<Duration>,
        deadline: Deadline,
    ) -> Outcome {
        let first = self.first(wait)?;
        let answer = match first.is_final() {
            true => Some(first),
            false => self.inbox.answer(&self.asked, deadline, Answer::is_final)?,
        };
        match answer {
            Some(answer) => {
                let value = answered(&self.what(), answer)?;
                Ok(print_payload(session.output, &value)?)
            }
            None => Err(pending(self.id.as_str(), &self.update_id)),
        }
    }
}

fn ask(session: &Session, args: &UpdateArgs) -> Outcome<AskedUpdate> {
    let update_id = args.update_id.as_ref().map(Name::to_string);
    let update_id = update_id.unwrap_or_else(new_id);
    let run_id = args.of.run_id.map(|run_id| run_id.to_string());
    let question = Question::new(ce_type::WORKFLOW_UPDATE, args.of.id.get())
        .header(header::UPDATE, Some(args.name.to_string()))
        .header(header::UPDATE_ID, Some(update_id.clone()))
        .header(header::RUN_ID, run_id)
        .value(args.input.payload()?);
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    Ok(AskedUpdate {
        inbox,
        asked,
        id: args.of.id.get().clone(),
        name: args.name.clone(),
        update_id,
    })
}

/// Reads the journal, as one does who was not told.
fn result(session: &Session, args: &ResultArgs) -> Outcome {
    let (id, update_id) = (args.of.id.get(), &args.update_id);
    let deadline = Deadline::after(args.timeout.map(Span::get));
    if let Door::Http(api) = session.door()? {
        return http::result(session.output, &api, (args, deadline));
    }
    let journal = Journal::open(session)?;
    let (partition, mut runs) = journal.runs_of(id)?;
    let seen = runs.find(id, args.of.run_id);
    let seen = seen.ok_or_else(|| unknown(id, args.of.run_id))?;
    refuse_deleted(id, seen)?;
    let run_id = seen.run.run_id;
    if let Some(ended) = ended(&seen.run, update_id) {
        return print(session, update_id, ended);
    }
    if seen.run.updates.pending_of(update_id).is_none() {
        let text = format!("run {run_id} of workflow {id} knows no update {update_id}");
        return Err(Fault::refused(text));
    }
    let from = runs.next_offset();
    let ended = journal.follow((partition, from), deadline, |record| {
        runs.record(record)?;
        let run = runs.find(id, Some(run_id)).map(|seen| &seen.run);
        let ended = run.and_then(|run| ended(run, update_id));
        Ok(ended.map_or(ControlFlow::Continue(()), ControlFlow::Break))
    })?;
    match ended {
        Some(ended) => print(session, update_id, ended),
        None => Err(pending(id.as_str(), update_id.as_str())),
    }
}

/// How an update has ended, if it has: with its run at the latest.
fn ended(run: &Run, update_id: &Name) -> Option<Option<UpdateOutcome>> {
    if let Some(EndedUpdate { outcome, .. }) = run.updates.ended_of(update_id) {
        return Some(outcome.clone());
    }
    run.closed.as_ref().map(|_| None)
}

fn print(session: &Session, update_id: &Name, ended: Option<UpdateOutcome>) -> Outcome {
    let (failure, how) = match ended {
        Some(UpdateOutcome::Completed(answer)) => {
            return Ok(print_payload(session.output, &answer)?);
        }
        Some(UpdateOutcome::Failed(failure)) => (failure, "failed"),
        Some(UpdateOutcome::Rejected(failure)) => (failure, "was refused"),
        None => {
            let text = format!("the run closed before update {update_id} ended");
            return Err(Fault::new(Exit::Failed, text));
        }
    };
    let how = format!("update {update_id} {how}");
    let why = (failure.error_type.as_str(), &*failure.message);
    Err(fault(Exit::Failed, &how, why))
}

fn pending(id: &str, update_id: &str) -> Fault {
    let text = format!("update {update_id} of {id} has not ended");
    Fault::new(Exit::TimedOut, text).hint(format!(
        "`workflow update result {id} --update-id {update_id}` waits on"
    ))
}

/// The value of an answer; of `what` that failed why.
pub(super) fn answered(what: &str, answer: Answer) -> Outcome<Payload> {
    match answer.outcome.as_str() {
        outcome::COMPLETED => Ok(answer.value),
        _ => {
            let why = (answer.error_type.as_str(), answer.error_message.as_str());
            Err(fault(Exit::Failed, &format!("{what} failed"), why))
        }
    }
}

/// Why `what` was refused.
fn refused(what: &str, answer: &Answer) -> Fault {
    let why = (answer.error_type.as_str(), answer.error_message.as_str());
    fault(Exit::Refused, &format!("{what} was refused"), why)
}

/// An error with its type, which says whose it is.
fn fault(exit: Exit, how: &str, (error_type, message): (&str, &str)) -> Fault {
    let fault = Fault::quoting(exit, &format!("{how}: {error_type}: {message}"));
    match error_type {
        error_type::PANIC => {
            fault.hint("its code panicked: the log of the engine, or of the worker, says where")
        }
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(error_type: &str) -> Answer {
        Answer {
            outcome: outcome::REJECTED.to_owned(),
            run_id: None,
            event_seq: None,
            error_type: error_type.to_owned(),
            error_message: "the validator has\na bug".to_owned(),
            value: Payload::empty(),
        }
    }

    #[test]
    fn a_refusal_says_of_what_it_is_its_type_and_what_to_do_about_a_panic() {
        let panicked = refused("update add of b-1", &answer("sagaline.Panic"));
        let refused = refused("update add of b-1", &answer("TooMany"));

        assert_eq!(panicked.exit(), Exit::Refused);
        let panicked = panicked.to_string();
        assert!(
            panicked.starts_with(
                "error: update add of b-1 was refused: sagaline.Panic: the validator has␊a bug\nhint: "
            ),
            "{panicked}"
        );
        assert_eq!(
            refused.to_string(),
            "error: update add of b-1 was refused: TooMany: the validator has␊a bug"
        );
    }
}
