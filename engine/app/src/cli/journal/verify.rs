//! `journal verify`: reads every partition from its first record and checks what must hold.
//!
//! Batches count by the validity function; the fold must have the open runs and the digest of every footer; the events
//! of every run are numbered without a gap, begin with its start and end with its end.

use std::collections::HashMap;

use clap::Args;
use sagaline_core::{Event, RunId, Seq};
use sagaline_journal::{Batch, Item, JournalReader};
use sagaline_runtime::Fold;
use serde::Serialize;

use super::Session;
use crate::{
    fault::{Exit, Fault, Outcome},
    journal::Journal,
    output::{Format, Progress},
};

/// What `journal verify` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Only this partition
    #[arg(long)]
    partition: Option<i32>,
}

/// What was found in a partition.
#[derive(Debug, Default, Serialize)]
struct Report {
    partition: i32,
    records: u64,
    epoch: u64,
    batches: u64,
    transitions: u64,
    events: u64,
    void_claims: u64,
    foreign_records: u64,
    open_runs: u64,
    digest: String,
}

#[derive(Serialize)]
struct Reports<'a> {
    partitions: &'a [Report],
}

pub(super) fn verify(session: &Session, args: &VerifyArgs) -> Outcome {
    let journal = Journal::open(session)?;
    let all = args
        .partition
        .map_or(0..journal.partitions, |only| only..only.saturating_add(1));
    let progress = Progress::new(journal.offsets(all.clone())?, "records");
    let mut reports = Vec::new();
    let mut broken = Vec::new();
    for partition in all {
        match verify_one(&journal, partition, &progress) {
            Ok(report) => reports.push(report),
            Err(fault) if fault.exit() == Exit::Failed => {
                progress.aside(&fault.to_string());
                broken.push(partition.to_string());
            }
            Err(fault) => return Err(fault),
        }
    }
    drop(progress);
    print(session, &reports)?;
    if broken.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} does not hold what it must in partition {}",
        journal.topic,
        broken.join(", ")
    );
    Err(Fault::new(Exit::Failed, message)
        .hint("keep the topic as it is and report it: nothing was changed"))
}

fn verify_one(journal: &Journal, partition: i32, progress: &Progress) -> Outcome<Report> {
    let mut fold = journal.beginning(partition)?;
    let mut reader = JournalReader::after(fold.footing());
    let mut histories = Histories::of(&fold);
    let mut report = Report {
        partition,
        ..Report::default()
    };
    let mut items = Vec::new();
    journal.read((partition, fold.next_offset()), |record| {
        report.records += 1;
        progress.one();
        reader.read(record.clone(), &mut items)?;
        fold.record(record)?;
        for item in items.drain(..) {
            match item {
                Item::Batch(batch) => {
                    report.batches += 1;
                    report.transitions += batch.transitions.len() as u64;
                    report.events += histories.batch(&batch)?;
                }
                Item::Claim(seen) => report.void_claims += u64::from(!seen.valid),
                Item::Void(_) => {}
            }
        }
        Ok(())
    })?;
    report.epoch = fold.footing().epoch;
    report.foreign_records = reader.foreign();
    report.open_runs = fold.state.open_runs();
    report.digest = format!("{:016x}", fold.state.digest());
    Ok(report)
}

/// The last position of every open run.
#[derive(Debug, Default)]
struct Histories(HashMap<RunId, Seq>);

impl Histories {
    /// Of the runs that were open where the journal begins.
    fn of(beginning: &Fold) -> Self {
        let runs = beginning.state.runs().into_iter();
        Self(runs.map(|(_, run)| (run.run_id, run.seq)).collect())
    }

    /// Checks the events of a batch and counts them.
    fn batch(&mut self, batch: &Batch) -> Result<u64, sagaline_journal::Error> {
        let mut events = 0;
        for one in &batch.transitions {
            let transition = &one.transition;
            events += transition.events.len() as u64;
            let Some(run_id) = transition.run_id else {
                continue;
            };
            for (seq, event) in (transition.first_seq..).zip(&transition.events) {
                let last = self.0.get(&run_id).copied();
                let expected = last.map_or(1, |last| last + 1);
                let is_start = matches!(event, Event::WorkflowStarted(_));
                if seq != expected || is_start != (seq == 1) {
                    let text = format!(
                        "offset {}: {} is event {seq} of run {run_id}, where {expected} is next",
                        one.offset,
                        event.name()
                    );
                    return Err(sagaline_journal::Error::new(
                        sagaline_journal::ErrorKind::Corrupt,
                        "journal-history-broken",
                        text,
                    ));
                }
                self.0.insert(run_id, seq);
            }
        }
        Ok(events)
    }
}

fn print(session: &Session, reports: &[Report]) -> Outcome {
    let output = session.output;
    match output.format {
        Format::Json => output.json(&Reports {
            partitions: reports,
        })?,
        Format::Jsonl => reports.iter().try_for_each(|report| output.json(report))?,
        Format::Table => {
            let rows: Vec<Vec<String>> = reports
                .iter()
                .map(|one| {
                    let numbers = [
                        one.epoch,
                        one.batches,
                        one.transitions,
                        one.events,
                        one.void_claims,
                        one.foreign_records,
                        one.open_runs,
                    ];
                    let first = [one.partition.to_string(), one.records.to_string()];
                    first
                        .into_iter()
                        .chain(numbers.map(|number| number.to_string()))
                        .chain([one.digest.clone()])
                        .collect()
                })
                .collect();
            let headings = [
                "PARTITION",
                "RECORDS",
                "EPOCH",
                "BATCHES",
                "TRANSITIONS",
                "EVENTS",
                "VOID CLAIMS",
                "FOREIGN",
                "OPEN RUNS",
                "DIGEST",
            ];
            output.table(&headings, &rows)?;
        }
    }
    Ok(())
}
