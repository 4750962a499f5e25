//! `workflow reset`: a run ends, and another goes on in its place from one of its events.

use clap::{Args, ValueEnum};
use sagaline_core::Seq;
use sagaline_journal::wire::act;

use super::{
    Session,
    act::{ActArgs, tell_one},
    api::{Door, Method, Path},
    bulk::Doing,
    describe::unknown,
    operate::{Body, Operation, tell_all},
};
use crate::{fault::Outcome, journal::Journal};

/// What `reset` takes.
#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    act: ActArgs,
    /// The last event that holds, as `workflow history` numbers them
    #[arg(long, value_name = "SEQ")]
    event_seq: Seq,
    /// What becomes of signals that came behind it
    #[arg(long, value_enum, default_value = "signals")]
    reapply: Reapply,
}

/// What becomes of later signals.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reapply {
    /// They come to the new run, in order
    Signals,
    /// Nothing
    None,
}

impl ResetArgs {
    fn body(&self) -> Body {
        Body {
            event_seq: Some(self.event_seq),
            reapply: Some(match self.reapply {
                Reapply::Signals => "signals",
                Reapply::None => "none",
            }),
            ..Body::default()
        }
    }
}

/// Resets a run, or without one the newest; returns when that is in the journal.
pub(crate) fn reset(session: &Session, args: &ResetArgs) -> Outcome {
    let (seq, body) = (args.event_seq, args.body());
    let Some(id) = args.act.id() else {
        let doing = (Doing::Reset { event_seq: seq }, act::RESET);
        return tell_all(session, (&args.act.many, &args.act.why), doing, &body);
    };
    if let Door::Http(api) = session.door()? {
        let path = Path::run(id, args.act.run_id).then("reset");
        let told = args.act.why.tell(&api, (Method::Post, path), &body)?;
        let done = format!(
            "Workflow {id} is reset to event {seq}{} goes on.",
            told.run()
        );
        return told.print(session.output, &done);
    }
    let (_, runs) = Journal::open(session)?.runs_of(id)?;
    let seen = runs.find(id, args.act.run_id);
    // The engine forgets closed runs after some days: the journal knows which is meant.
    let run_id = seen.ok_or_else(|| unknown(id, args.act.run_id))?.run.run_id;
    let operation = Operation {
        workflow_id: id,
        run_id: Some(run_id),
        act: act::RESET,
        target: None,
    };
    let question = operation.signed(session, &args.act.why, &body)?;
    tell_one(session, &args.act, question, |run| {
        format!("Workflow {id} is reset to event {seq} of run {run_id}{run} goes on.")
    })
}
