//! `workflow cancel`, `terminate`, `pause` and `resume`.

use clap::Args;
use sagaline_core::{RunId, Seq, WorkflowId};
use sagaline_journal::wire::{act, ce_type, header};
use serde::Serialize;

use super::{
    RunOf, Session,
    operate::{Body, Operation, Why},
};
use crate::{
    fault::Outcome,
    inbox::{Inbox, Question},
    output::Format,
    settings::Span,
};

/// What both acts take.
#[derive(Debug, Args)]
struct ActArgs {
    #[command(flatten)]
    of: RunOf,
    #[command(flatten)]
    why: Why,
}

/// What `cancel` takes.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Leave completed steps as they are
    #[arg(long)]
    no_compensate: bool,
}

/// What `terminate` takes.
#[derive(Debug, Args)]
pub(crate) struct TerminateArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Compensate completed steps first
    #[arg(long)]
    compensate: bool,
}

/// What `pause` and `resume` take.
#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    of: RunOf,
    #[command(flatten)]
    why: Why,
}

/// Holds up a run; returns when that is in the journal.
pub(crate) fn pause(session: &Session, args: HoldArgs) -> Outcome {
    hold(session, args, act::PAUSE, "is paused")
}

/// Lets a paused run go on; returns when that is in the journal.
pub(crate) fn resume(session: &Session, args: HoldArgs) -> Outcome {
    hold(session, args, act::RESUME, "goes on")
}

fn hold(session: &Session, args: HoldArgs, act: &'static str, done: &str) -> Outcome {
    let workflow_id = args.of.id.get();
    let operation = Operation {
        workflow_id,
        run_id: args.of.run_id,
        act,
        target: None,
    };
    let done = format!("{workflow_id} {done}.");
    operation.tell(session, args.why, &Body::default(), &done)
}

/// Asks a run to stop; returns when that is in the journal.
pub(crate) fn cancel(session: &Session, args: CancelArgs) -> Outcome {
    tell(
        session,
        args.act,
        ce_type::WORKFLOW_CANCEL,
        !args.no_compensate,
    )
}

/// Ends a run; returns when that is in the journal.
pub(crate) fn terminate(session: &Session, args: TerminateArgs) -> Outcome {
    tell(
        session,
        args.act,
        ce_type::WORKFLOW_TERMINATE,
        args.compensate,
    )
}

#[derive(Serialize)]
struct Told<'a> {
    workflow_id: &'a WorkflowId,
    run_id: Option<RunId>,
    event_seq: Option<Seq>,
}

fn tell(session: &Session, args: ActArgs, ce_type: &'static str, compensate: bool) -> Outcome {
    let id = args.of.id.get();
    let mut question = Question::new(ce_type, id)
        .header(
            header::RUN_ID,
            args.of.run_id.map(|run_id| run_id.to_string()),
        )
        .header(header::REASON, args.why.reason)
        .header(header::COMPENSATE, Some(compensate.to_string()));
    if let Some(key) = args.why.idempotency_key {
        question = question.id(key);
    }
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    let answer = inbox.accepted(&asked, args.why.timeout.map(Span::get))?;
    match session.output.format {
        Format::Json | Format::Jsonl => session.output.json(&Told {
            workflow_id: id,
            run_id: answer.run_id,
            event_seq: answer.event_seq,
        })?,
        Format::Table => {
            let run = answer
                .run_id
                .map(|run_id| format!(", run {run_id}"))
                .unwrap_or_default();
            session.output.line(&match (ce_type, compensate) {
                (ce_type::WORKFLOW_CANCEL, true) => {
                    format!("Asked {id}{run} to stop; completed steps are compensated.")
                }
                (ce_type::WORKFLOW_CANCEL, false) => {
                    format!("Asked {id}{run} to stop; completed steps stay done.")
                }
                (_, true) => {
                    format!("Terminating {id}{run}; completed steps are compensated first.")
                }
                (_, false) => format!("Terminated {id}{run}; completed steps stay done."),
            })?;
        }
    }
    Ok(())
}
