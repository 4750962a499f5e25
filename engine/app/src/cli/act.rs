//! `workflow cancel`, `terminate`, `pause` and `resume`: of one run, or of all that a filter means.

use clap::Args;
use sagaline_core::{RunId, WorkflowId};
use sagaline_journal::wire::{act, ce_type, header};
use sagaline_sdk::batch::Batch;
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::{
    Session,
    api::{Door, Method, Path},
    bulk::{Bulk, Doing, Many},
    operate::{Body, Operation, Told, Why, tell_all},
    workflow_id,
};
use crate::{
    fault::Outcome,
    inbox::{Inbox, Question},
    settings::Span,
};

/// What every act takes: which run, or which many, and why.
#[derive(Debug, Args)]
pub(super) struct ActArgs {
    /// Workflow id
    #[arg(
        value_name = "ID",
        value_parser = workflow_id,
        required_unless_present_any = ["workflow_id", "query"],
        conflicts_with_all = ["workflow_id", "query", "yes", "dry_run"]
    )]
    positional: Option<WorkflowId>,
    /// Workflow id
    #[arg(
        short,
        long,
        value_name = "ID",
        value_parser = workflow_id,
        conflicts_with_all = ["query", "yes", "dry_run"]
    )]
    workflow_id: Option<WorkflowId>,
    /// Only this run; otherwise the newest
    #[arg(short, long, conflicts_with = "query")]
    pub(super) run_id: Option<RunId>,
    #[command(flatten)]
    pub(super) many: Many,
    #[command(flatten)]
    pub(super) why: Why,
}

impl ActArgs {
    /// The one workflow; none where many are meant.
    pub(super) fn id(&self) -> Option<&WorkflowId> {
        self.positional.as_ref().or(self.workflow_id.as_ref())
    }
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
    act: ActArgs,
}

/// Holds up runs; returns when that is in the journal.
pub(crate) fn pause(session: &Session, args: &HoldArgs) -> Outcome {
    hold(session, &args.act, (Doing::Pause, act::PAUSE), "is paused")
}

/// Lets paused runs go on; returns when that is in the journal.
pub(crate) fn resume(session: &Session, args: &HoldArgs) -> Outcome {
    hold(session, &args.act, (Doing::Resume, act::RESUME), "goes on")
}

fn hold(
    session: &Session,
    args: &ActArgs,
    (doing, act): (Doing, &'static str),
    done: &str,
) -> Outcome {
    let body = Body::default();
    let Some(workflow_id) = args.id() else {
        return tell_all(session, (&args.many, &args.why), (doing, act), &body);
    };
    let operation = Operation {
        workflow_id,
        run_id: args.run_id,
        act,
        target: None,
    };
    operation.tell(session, &args.why, &body, &format!("{workflow_id} {done}."))
}

/// Asks runs to stop; returns when that is in the journal.
pub(crate) fn cancel(session: &Session, args: &CancelArgs) -> Outcome {
    let stop = Stop {
        ce_type: ce_type::WORKFLOW_CANCEL,
        compensate: !args.no_compensate,
    };
    stop.tell(session, &args.act)
}

/// Ends runs; returns when that is in the journal.
pub(crate) fn terminate(session: &Session, args: &TerminateArgs) -> Outcome {
    let stop = Stop {
        ce_type: ce_type::WORKFLOW_TERMINATE,
        compensate: args.compensate,
    };
    stop.tell(session, &args.act)
}

/// Asks one run; prints what was done, which is told `, run …`.
pub(super) fn tell_one(
    session: &Session,
    args: &ActArgs,
    mut question: Question,
    done: impl FnOnce(&str) -> String,
) -> Outcome {
    let Some(id) = args.id() else { return Ok(()) };
    if let Some(key) = &args.why.idempotency_key {
        question = question.id(key.clone());
    }
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    let answer = inbox.accepted(&asked, args.why.timeout.map(Span::get))?;
    let told = Told::of(id, &answer);
    told.print(session.output, &done(&told.run()))
}

/// The body of the API.
#[derive(Serialize)]
struct Stopped<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    compensate: bool,
}

/// The same of many, as a batch takes it.
#[derive(Serialize)]
struct HowToStop {
    compensate: bool,
}

/// How a run is to end.
#[derive(Clone, Copy)]
struct Stop {
    ce_type: &'static str,
    compensate: bool,
}

impl Stop {
    fn tell(self, session: &Session, args: &ActArgs) -> Outcome {
        let ActArgs {
            run_id, many, why, ..
        } = args;
        let compensate = self.compensate;
        let Some(id) = args.id() else {
            let (doing, act) = match self.ce_type {
                ce_type::WORKFLOW_CANCEL => (Doing::Cancel { compensate }, "cancel"),
                _ => (Doing::Terminate { compensate }, "terminate"),
            };
            let bulk = Bulk {
                session,
                many,
                doing,
                why,
            };
            return bulk.run(Batch::new(act, &HowToStop { compensate }));
        };
        if let Door::Http(api) = session.door()? {
            let path = Path::run(id, *run_id).then(match self.ce_type {
                ce_type::WORKFLOW_CANCEL => "cancel",
                _ => "terminate",
            });
            let reason = why.reason.as_deref();
            let body = to_raw_value(&Stopped { reason, compensate })?;
            let told = why.send(&api, (Method::Post, path), body)?;
            return told.print(session.output, &self.done(id, &told.run()));
        }
        let question = self.question(id, *run_id, why);
        tell_one(session, args, question, |run| self.done(id, run))
    }

    fn question(self, id: &WorkflowId, run_id: Option<RunId>, why: &Why) -> Question {
        Question::new(self.ce_type, id)
            .header(header::RUN_ID, run_id.map(|run_id| run_id.to_string()))
            .header(header::REASON, why.reason.clone())
            .header(header::COMPENSATE, Some(self.compensate.to_string()))
    }

    fn done(self, id: &WorkflowId, run: &str) -> String {
        match (self.ce_type, self.compensate) {
            (ce_type::WORKFLOW_CANCEL, true) => {
                format!("Asked {id}{run} to stop; completed steps are compensated.")
            }
            (ce_type::WORKFLOW_CANCEL, false) => {
                format!("Asked {id}{run} to stop; completed steps stay done.")
            }
            (_, true) => format!("Terminating {id}{run}; completed steps are compensated first."),
            (_, false) => format!("Terminated {id}{run}; completed steps stay done."),
        }
    }
}
