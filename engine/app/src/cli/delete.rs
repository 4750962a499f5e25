//! `workflow delete`: nobody is shown any more what a closed run was given and gave.

use clap::Args;
use sagaline_journal::wire::act;

use super::{
    RunOf, Session,
    api::{Door, Method, Path},
    describe::unknown,
    operate::{Body, Operation, Why},
};
use crate::{fault::Outcome, journal::Journal};

/// What `delete` takes.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    of: RunOf,
    #[command(flatten)]
    why: Why,
}

/// Deletes a run, or without one the newest, and those in whose place it went on; returns when that is in the journal.
pub(crate) fn delete(session: &Session, args: &DeleteArgs) -> Outcome {
    let id = args.of.id.get();
    if let Door::Http(api) = session.door()? {
        let call = (Method::Delete, Path::run(id, args.of.run_id));
        let told = args.why.tell(&api, call, &Body::default())?;
        let done = format!("Workflow {id}{} is deleted.", told.run());
        return told.print(session.output, &done);
    }
    let (_, runs) = Journal::open(session)?.runs_of(id)?;
    let seen = runs.find(id, args.of.run_id);
    // The engine forgets closed runs after some days: the journal knows which is meant.
    let run_id = seen.ok_or_else(|| unknown(id, args.of.run_id))?.run.run_id;
    let operation = Operation {
        workflow_id: id,
        run_id: Some(run_id),
        act: act::DELETE,
        target: None,
    };
    let done = format!("Run {run_id} of workflow {id} is deleted.");
    operation.tell(session, &args.why, &Body::default(), &done)
}
