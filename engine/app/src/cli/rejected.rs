//! `input`: records that the engine could not take, as `GET /inputs/rejected` has them, and sending them again.
//!
//! Each is an `InputRejected` in the journal, with the reason and the first 64 KB of its value. Its id is where that lies:
//! `<partition>.<offset>` of the journal.

mod redrive;

use clap::{Args, Subcommand};
use sagaline_core::{Cause, WorkflowId};
use sagaline_journal::{Item, JournalReader};
use sagaline_runtime::RejectedInput;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Session,
    api::{Api, Door, Path},
    rows::{self, Rows},
    workflow_id,
};
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
        match self {
            Self::ListRejected(args) => match session.door()? {
                Door::Http(api) => by_pages(session.output, &api, &args),
                Door::Kafka => list(session, &args),
            },
            Self::Redrive(args) => {
                session.by_topics("`input redrive`")?;
                redrive::redrive(session, &args)
            }
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
struct List {
    inputs: Vec<Box<RawValue>>,
    next_page_token: Option<String>,
}

/// What is shown of one to people.
#[derive(Deserialize)]
struct Seen {
    id: String,
    workflow_id: Option<String>,
    at: String,
    reason: String,
    message: String,
    cause: Place,
}

/// Where a record lies.
#[derive(Deserialize)]
struct Place {
    topic: String,
    partition: i32,
    offset: i64,
}

impl Seen {
    fn cells(self, output: Output) -> Vec<String> {
        let Place {
            topic,
            partition,
            offset,
        } = self.cause;
        vec![
            self.id,
            output.time_of(&self.at),
            self.reason,
            self.workflow_id.unwrap_or_else(|| "–".to_owned()),
            format!("{topic}/{partition} at {offset}"),
            self.message,
        ]
    }
}

/// As a server has them.
fn by_pages(output: Output, api: &Api, args: &ListArgs) -> Outcome {
    let id = args.workflow_id.as_ref().map(WorkflowId::as_str);
    let path = Path::new("inputs")
        .then("rejected")
        .maybe("workflow_id", id);
    let rows = Rows::read(api, &path, "inputs", args.limit)?;
    let list = List {
        inputs: rows.rows,
        next_page_token: rows.next_page_token,
    };
    print(output, &list)?;
    if rows.is_cut {
        aside("… more: --limit");
    }
    Ok(())
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
    let rows = all.iter().map(|one| to_raw_value(&one.view()));
    let list = List {
        inputs: rows.collect::<Result<_, _>>()?,
        next_page_token: None,
    };
    print(session.output, &list)?;
    if count > args.limit {
        aside(&format!("… {} more: --limit", count - args.limit));
    }
    Ok(())
}

fn print(output: Output, list: &List) -> Outcome {
    let inputs = &list.inputs;
    match output.format {
        Format::Json => output.json(list)?,
        Format::Jsonl => inputs.iter().try_for_each(|row| output.json(row))?,
        Format::Table => {
            let seen: Vec<Seen> = rows::parsed(inputs)?;
            let rows = seen.into_iter().map(|one| one.cells(output));
            output.table(
                &["ID", "REJECTED", "REASON", "WORKFLOW ID", "RECORD", ""],
                &rows.collect::<Vec<_>>(),
            )?;
        }
    }
    Ok(())
}

/// What was rejected according to a partition of the journal, in its order.
fn rejected(journal: &Journal, partition: i32) -> Outcome<Vec<RejectedInput>> {
    let mut reader = JournalReader::new();
    let mut items = Vec::new();
    let mut found = Vec::new();
    journal.read(partition, |record| {
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
