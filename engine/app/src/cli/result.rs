//! `workflow result`: waits for the end of a run and prints what it returned.

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

use clap::Args;
use sagaline_core::{
    Cause, Outcome as Ended, Payload, RunId, WorkflowId, run::ClosedBy, show::Shown,
};

use super::{
    RunOf, Session,
    api::{Api, Door, Path, payload},
    describe::{refuse_deleted, unknown},
};
use crate::{
    clock::Deadline,
    fault::{Exit, Fault, Outcome},
    journal::Journal,
    output::{Format, Output},
    runs::SeenRun,
    settings::Span,
};

/// What `result` takes.
#[derive(Debug, Args)]
pub(crate) struct ResultArgs {
    #[command(flatten)]
    of: RunOf,
    /// Give up after this long, as in 30s; otherwise it waits for as long as it takes
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
}

pub(crate) fn result(session: &Session, args: &ResultArgs) -> Outcome {
    let deadline = Deadline::after(args.timeout.map(Span::get));
    let of = (args.of.id.get(), args.of.run_id);
    match session.door()? {
        Door::Http(api) => wait_at(session.output, &api, of, deadline),
        Door::Kafka => wait(session, of, deadline),
    }
}

/// Has a server wait for the end of a run, in turns, and prints its result.
pub(super) fn wait_at(
    output: Output,
    api: &Api,
    (id, run_id): (&WorkflowId, Option<RunId>),
    deadline: Deadline,
) -> Outcome {
    let path = Path::run(id, run_id).then("result");
    match api.until(&path, deadline)? {
        Some(json) => Ok(print_payload(output, &payload(api, &json)?)?),
        None => Err(still_open(id)),
    }
}

fn still_open(id: &WorkflowId) -> Fault {
    Fault::new(Exit::TimedOut, format!("workflow {id} is still open"))
        .hint(format!("`workflow describe {id}` says what it waits for"))
}

/// Waits for the end of a run, or without `run_id` of the newest, and prints its result: that of the run that stands last
/// in its chain.
pub(crate) fn wait(
    session: &Session,
    (id, run_id): (&WorkflowId, Option<RunId>),
    deadline: Deadline,
) -> Outcome {
    match end(session, (id, run_id), deadline)? {
        Some(closed) => print(session.output, id, &closed),
        None => Err(still_open(id)),
    }
}

/// Waits for the same end, and gives it; none when the deadline passes.
pub(super) fn end(
    session: &Session,
    of: (&WorkflowId, Option<RunId>),
    deadline: Deadline,
) -> Outcome<Option<Box<ClosedBy>>> {
    end_seen(session, of, deadline, |_| {})
}

/// The same, and shows `look` the run that stands last, whenever something may have happened to it.
pub(super) fn end_seen(
    session: &Session,
    (id, run_id): (&WorkflowId, Option<RunId>),
    deadline: Deadline,
    mut look: impl FnMut(&SeenRun),
) -> Outcome<Option<Box<ClosedBy>>> {
    let journal = Journal::open(session)?;
    let (partition, mut runs) = journal.runs_of(id)?;
    let named = runs.find(id, run_id).ok_or_else(|| unknown(id, run_id))?;
    let run_id = named.run.run_id;
    let seen = runs.end_of_chain(id, run_id).unwrap_or(named);
    refuse_deleted(id, seen)?;
    if let Some(closed) = &seen.run.closed {
        return Ok(Some(closed.clone()));
    }
    let from = runs.next_offset();
    journal.follow((partition, from), deadline, |record| {
        runs.record(record)?;
        let last = runs.end_of_chain(id, run_id);
        let closed = last.and_then(|seen| {
            look(seen);
            seen.run.closed.clone()
        });
        Ok(closed.map_or(ControlFlow::Continue(()), ControlFlow::Break))
    })
}

/// The newest run of a workflow, if it began with that start.
pub(super) fn run_of(session: &Session, id: &WorkflowId, start: &Cause) -> Outcome<Option<RunId>> {
    let (_, runs) = Journal::open(session)?.runs_of(id)?;
    let newest = runs.find(id, None).map(|seen| &seen.run);
    let began = newest.filter(|run| run.starts.contains(start.identity()));
    Ok(began.map(|run| run.run_id))
}

/// Prints the result of a completed run; of any other why there is none.
fn print(output: Output, id: &WorkflowId, closed: &ClosedBy) -> Outcome {
    match failed(id, closed) {
        Some(fault) => Err(fault),
        None => {
            let empty = Payload::empty();
            let result = closed.result.as_ref().unwrap_or(&empty);
            Ok(print_payload(output, result)?)
        }
    }
}

/// Why a closed run has no result; none where it has one.
pub(super) fn failed(id: &WorkflowId, closed: &ClosedBy) -> Option<Fault> {
    let reason = closed
        .reason
        .as_ref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    let message = match closed.outcome {
        Ended::Completed => return None,
        Ended::Failed => match &closed.failure {
            Some(failure) => format!(
                "workflow {id} failed: {}: {}",
                failure.error_type, failure.message
            ),
            None => format!("workflow {id} failed"),
        },
        Ended::Canceled => format!("workflow {id} was cancelled{reason}"),
        Ended::TimedOut => match &closed.failure {
            Some(failure) => format!("workflow {id} timed out: {}", failure.message),
            None => format!("workflow {id} timed out"),
        },
        Ended::Terminated => format!("workflow {id} was terminated{reason}"),
        Ended::ContinuedAsNew => format!("workflow {id} goes on in another run"),
    };
    Some(Fault::quoting(Exit::Failed, &message))
}

/// JSON on one line and otherwise as it stands; other bytes as they are, or as `$base64` where JSON is asked for.
pub(crate) fn print_payload(output: Output, payload: &Payload) -> io::Result<()> {
    let payload = &output.decoded(payload);
    if payload.is_json() || output.format != Format::Table {
        return output.json(&Shown(payload));
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(payload.data())?;
    stdout.flush()
}
