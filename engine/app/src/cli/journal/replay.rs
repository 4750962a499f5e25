//! `journal replay`: every history that the journal holds, against the workflows of this binary: what would differ after a
//! deploy is found before it.

use std::collections::BTreeMap;

use clap::Args;
use sagaline_core::{RunId, Transition, WorkflowId};
use sagaline_journal::{Batch, Error, ErrorKind, Item, JournalReader};
use sagaline_sdk::{
    Workflows,
    recorded::{Recorded, Runs, check},
};
use serde::Serialize;

use super::Session;
use crate::{
    cli::workflow_id,
    fault::{Exit, Fault, Outcome},
    journal::Journal,
    output::{Format, Progress, visible},
};

/// What `journal replay` takes.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Only the runs of this workflow id
    #[arg(short, long, value_name = "ID", value_parser = workflow_id)]
    workflow_id: Option<WorkflowId>,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Runs that were replayed.
    compared: u64,
    /// Closed runs of workflows, or versions, that this binary does not have.
    passed_over: u64,
    differing: Vec<Difference>,
}

impl Report {
    /// Whether the journal has no run that was meant.
    const fn is_of_none(&self) -> bool {
        self.compared == 0 && self.passed_over == 0
    }
}

#[derive(Debug, Serialize)]
struct Difference {
    workflow_id: WorkflowId,
    run_id: RunId,
    workflow: String,
    version: String,
    open: bool,
    error_type: String,
    message: String,
}

pub(super) fn replay(session: &Session, workflows: &Workflows, args: &ReplayArgs) -> Outcome {
    let journal = Journal::open(session)?;
    let partitions = match &args.workflow_id {
        Some(id) => {
            let partition = journal.partition_of(id)?;
            partition..partition.saturating_add(1)
        }
        None => 0..journal.partitions,
    };
    let progress = Progress::new(journal.offsets(partitions.clone())?, "records");
    let mut report = Report::default();
    for partition in partitions {
        let mut replay = Replay {
            workflows,
            only: args.workflow_id.as_ref(),
            runs: Runs::default(),
            report: &mut report,
        };
        let beginning = journal.beginning(partition)?;
        for (id, run) in beginning.state.runs() {
            if replay.only.is_none_or(|only| only == id) {
                replay.runs.resume(id, run);
            }
        }
        let mut reader = JournalReader::after(beginning.footing());
        let mut items = Vec::new();
        journal.read((partition, beginning.next_offset()), |record| {
            progress.one();
            reader.read(record, &mut items)?;
            for item in items.drain(..) {
                match item {
                    Item::Batch(batch) => replay.batch(batch)?,
                    Item::Claim(_) | Item::Void(_) => {}
                }
            }
            Ok(())
        })?;
        replay.finish();
    }
    drop(progress);
    if let Some(id) = args.workflow_id.as_ref().filter(|_| report.is_of_none()) {
        return Err(unknown(id));
    }
    print(session, &report)?;
    match report.differing.len() {
        0 => Ok(()),
        differing => {
            let message = format!("{differing} of {} runs differ", report.compared);
            Err(Fault::new(Exit::Failed, message).hint(
                "keep what they have behind them as it is, and change what comes later with `cx.version`",
            ))
        }
    }
}

/// A gate that lets pass what it has not looked at is none.
fn unknown(id: &WorkflowId) -> Fault {
    Fault::quoting(
        Exit::Refused,
        &format!("the journal has no run of workflow {id}"),
    )
    .hint("`workflow list` shows what it has; without --workflow-id all of it is replayed")
}

/// The runs of one partition that are still to be compared.
struct Replay<'a> {
    workflows: &'a Workflows,
    only: Option<&'a WorkflowId>,
    runs: Runs,
    report: &'a mut Report,
}

impl Replay<'_> {
    /// Takes a batch, and compares the runs that close with it.
    fn batch(&mut self, batch: Batch) -> Result<(), Error> {
        let mut inputs: Vec<Transition> = Vec::new();
        for one in batch.transitions {
            append(&mut inputs, one.transition);
        }
        let mut closed = Vec::new();
        for input in inputs {
            let is_meant = |id| self.only.is_none_or(|only| only == id);
            let (Some(run_id), true) = (
                input.run_id,
                input.workflow_id.as_ref().is_some_and(is_meant),
            ) else {
                continue;
            };
            self.runs
                .take(input)
                .map_err(|wrong| Error::new(ErrorKind::Corrupt, "journal-history-broken", wrong))?;
            let is_closed = |one: &&Recorded| one.run.closed.is_some();
            closed.extend(self.runs.get(run_id).filter(is_closed).map(|_| run_id));
        }
        for run_id in closed {
            self.compare(run_id);
            self.runs.forget(run_id);
        }
        Ok(())
    }

    /// Compares the runs that are open.
    fn finish(&mut self) {
        let open: Vec<RunId> = self.runs.iter().map(|one| one.run.run_id).collect();
        open.into_iter().for_each(|run_id| self.compare(run_id));
    }

    fn compare(&mut self, run_id: RunId) {
        let Some(recorded) = self.runs.get(run_id) else {
            return;
        };
        let (run, started) = (&recorded.run, &recorded.run.started);
        let open = run.closed.is_none();
        let version = match &*started.version {
            "" => self.workflows.resolve(started.workflow.as_str(), None),
            version => Some(version),
        };
        let name = started.workflow.as_str();
        let is_here =
            version.is_some_and(|version| self.workflows.program(name, version).is_some());
        if !open && !is_here {
            self.report.passed_over += 1;
            return;
        }
        self.report.compared += 1;
        if let Err(error) = check(self.workflows, recorded) {
            self.report.differing.push(Difference {
                workflow_id: recorded.workflow_id.clone(),
                run_id,
                workflow: name.to_owned(),
                version: started.version.to_string(),
                open,
                error_type: error.error_type().to_owned(),
                message: error.message().to_owned(),
            });
        }
    }
}

/// Adds a record; those of one run and input that follow each other are one.
fn append(inputs: &mut Vec<Transition>, next: Transition) {
    let goes_on = |last: &&mut Transition| last.run_id == next.run_id && last.cause == next.cause;
    match inputs.last_mut().filter(goes_on) {
        Some(last) if last.run_id.is_some() => last.events.extend(next.events),
        _ => inputs.push(next),
    }
}

fn print(session: &Session, report: &Report) -> Outcome {
    if session.output.format != Format::Table {
        return Ok(session.output.json(report)?);
    }
    let mut by_error: BTreeMap<&str, u64> = BTreeMap::new();
    for one in &report.differing {
        *by_error.entry(&one.error_type).or_default() += 1;
        session.output.line(&visible(&one.message))?;
    }
    let mut line = format!(
        "{} runs replayed, {} differ",
        report.compared,
        report.differing.len()
    );
    for (error_type, count) in by_error {
        line.push_str(&format!("; {error_type}: {count}"));
    }
    if report.passed_over > 0 {
        line.push_str(&format!(
            "; {} closed ones are of workflows or versions that are not here",
            report.passed_over
        ));
    }
    Ok(session.output.line(&line)?)
}
