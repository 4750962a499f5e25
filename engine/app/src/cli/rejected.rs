//! `input`: records that the engine could not take, as `GET /inputs/rejected` has them, and sending them again.
//!
//! Each is an `InputRejected` in the journal, with the reason and the first 64 KB of its value. Its id is where that lies:
//! `<partition>.<offset>` of the journal.

mod http;
mod redrive;

use clap::{Args, Subcommand};
use sagaline_core::{Cause, WorkflowId};
use sagaline_journal::{Item, JournalReader};
use sagaline_runtime::{RejectedInput, RejectedView};
use serde::Serialize;

use super::{Session, api::Door, workflow_id};
use crate::{
    fault::Outcome,
    journal::Journal,
    output::{Format, Output, aside},
};

/// What can be done with inputs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print inputs that could not be taken, the newest first, and why
    ListRejected(ListArgs),
    /// Send the original record again, once what was wrong is mended
    Redrive(redrive::RedriveArgs),
}

impl Verb {
    pub(crate) fn run(self, session: &Session) -> Outcome {
        if let Door::Http(api) = session.door()? {
            return http::run(session.output, &api, &self);
        }
        match self {
            Self::ListRejected(args) => list(session, &args),
            Self::Redrive(args) => redrive::redrive(session, &args),
        }
    }
}

/// What `list-rejected` takes.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those for this workflow id
    #[arg(short, long, value_name = "ID", value_parser = workflow_id)]
    workflow_id: Option<WorkflowId>,
    /// Most rows that are printed
    #[arg(long, default_value_t = 50, value_name = "ROWS")]
    limit: usize,
}

#[derive(Serialize)]
struct List<'a> {
    inputs: Vec<RejectedView<'a>>,
    next_page_token: Option<()>,
}

fn cells(rejected: &RejectedInput, output: Output) -> Vec<String> {
    let Cause {
        topic,
        partition,
        offset,
        ..
    } = &rejected.cause;
    let id = rejected.workflow_id.as_ref();
    vec![
        rejected.id.to_string(),
        output.time(rejected.at),
        rejected.event.reason.as_str().to_owned(),
        id.map_or_else(|| "–".to_owned(), ToString::to_string),
        format!("{topic}/{partition} at {offset}"),
        rejected.event.message.to_string(),
    ]
}

fn list(session: &Session, args: &ListArgs) -> Outcome {
    let journal = Journal::open(session)?;
    let wanted = |one: &RejectedInput| {
        let id = args.workflow_id.as_ref();
        id.is_none_or(|id| one.workflow_id.as_ref() == Some(id))
    };
    let mut all = Vec::new();
    for partition in 0..journal.partitions {
        all.extend(rejected(&journal, partition)?.into_iter().filter(wanted));
    }
    all.sort_by_key(|one| std::cmp::Reverse((one.at, one.id)));
    let count = all.len();
    all.truncate(args.limit);
    let (output, rows) = (session.output, all.iter().map(RejectedInput::view));
    match output.format {
        Format::Json => output.json(&List {
            inputs: rows.collect(),
            next_page_token: None,
        })?,
        Format::Jsonl => rows.into_iter().try_for_each(|row| output.json(&row))?,
        Format::Table => {
            let rows: Vec<Vec<String>> = all.iter().map(|one| cells(one, output)).collect();
            output.table(
                &["ID", "REJECTED", "REASON", "WORKFLOW ID", "RECORD", ""],
                &rows,
            )?;
        }
    }
    if count > args.limit {
        aside(&format!("… {} more: --limit", count - args.limit));
    }
    Ok(())
}

/// What was rejected according to a partition of the journal, in its order.
fn rejected(journal: &Journal, partition: i32) -> Outcome<Vec<RejectedInput>> {
    let beginning = journal.beginnings().of(partition)?;
    let from = beginning.offset.saturating_add(1);
    let mut reader = JournalReader::after(beginning);
    let mut items = Vec::new();
    let mut found = Vec::new();
    journal.read((partition, from), |record| {
        reader.read(record, &mut items)?;
        for item in items.drain(..) {
            if let Item::Batch(batch) = item {
                found.extend(RejectedInput::of_batch(batch, partition));
            }
        }
        Ok(())
    })?;
    Ok(found)
}
