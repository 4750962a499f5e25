//! `workflow signal`: a message for one run, or for all that a filter means.

use clap::Args;
use sagaline_core::{Name, Payload, WorkflowId, show::Shown};
use sagaline_journal::wire::{ce_type, header};
use sagaline_sdk::{batch::Batch, schedule::Json};
use serde::Serialize;

use super::{
    Session,
    act::{ActArgs, tell_one},
    api::{Door, Method, Path, shown},
    bulk::{Bulk, Doing},
    input::Input,
    name,
};
use crate::{
    fault::{Fault, Outcome},
    inbox::{Question, coding_fault},
};

/// What `signal` takes.
#[derive(Debug, Args)]
#[command(mut_arg("reason", |reason| reason.hide(true)))]
pub(crate) struct SignalArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Name of the signal
    #[arg(long, value_parser = name)]
    name: Name,
    #[command(flatten)]
    input: Input,
}

/// Sends it; returns when it is in the journal.
pub(crate) fn signal(session: &Session, args: &SignalArgs) -> Outcome {
    let SignalArgs { act, name, input } = args;
    if act.why.reason.is_some() {
        return Err(Fault::usage(
            "a signal has no --reason: what its workflow shall know is in --input",
        ));
    }
    let input = input.payload()?;
    let Some(id) = act.id() else {
        let bulk = Bulk {
            session,
            many: &act.many,
            doing: Doing::Signal,
            why: &act.why,
        };
        let input = session.coding.encode(input).map_err(coding_fault)?;
        let message = Message {
            name: name.as_str(),
            input: Json::of(&Shown(&input)),
        };
        return bulk.run(Batch::new("signal", &message));
    };
    if let Door::Http(api) = session.door()? {
        let path = Path::run(id, act.run_id)
            .then("signals")
            .then(name.as_str());
        let told = act.why.send(&api, (Method::Post, path), shown(&input)?)?;
        let done = format!("Sent {name} to {id}{}.", told.run());
        return told.print(session.output, &done);
    }
    let run_id = act.run_id.map(|run_id| run_id.to_string());
    let question = question(id, name, &input).header(header::RUN_ID, run_id);
    tell_one(session, act, question, |run| {
        format!("Sent {name} to {id}{run}.")
    })
}

/// The same for many, as a batch takes it.
#[derive(Serialize)]
struct Message<'a> {
    name: &'a str,
    input: Json,
}

fn question(id: &WorkflowId, name: &Name, input: &Payload) -> Question {
    Question::new(ce_type::WORKFLOW_SIGNAL, id)
        .header(header::SIGNAL, Some(name.to_string()))
        .value(input.clone())
}
