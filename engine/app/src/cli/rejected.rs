//! `input`: records that the engine could not take, as `GET /inputs/rejected` has them, and sending them again.
//!
//! Each is an `InputRejected` in the journal, with the reason and the first 64 KB of its value. Its id is where that lies:
//! `<partition>.<offset>` of the journal.

mod redrive;

use std::{fmt, str::FromStr};

use clap::{Args, Subcommand};
use sagaline_core::{
    Cause, Event, Payload, Timestamp, WorkflowId, event::InputRejected, show::Shown,
};
use sagaline_journal::{Item, JournalReader};
use serde::{Serialize, Serializer};

use super::{Session, workflow_id};
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

/// Where the word on a rejected input lies in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct InputId {
    partition: i32,
    offset: i64,
}

impl fmt::Display for InputId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.partition, self.offset)
    }
}

impl FromStr for InputId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('.').and_then(|(partition, offset)| {
            let (partition, offset) = (partition.parse().ok()?, offset.parse().ok()?);
            (partition >= 0 && offset >= 0).then_some(Self { partition, offset })
        });
        numbers.ok_or_else(|| "an id is as in `3.1042`: `input list-rejected` prints it".to_owned())
    }
}

impl Serialize for InputId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An input that was rejected.
#[derive(Debug)]
struct Rejected {
    id: InputId,
    at: Timestamp,
    workflow_id: Option<WorkflowId>,
    cause: Cause,
    event: InputRejected,
}

/// The same for programs.
#[derive(Serialize)]
struct Row<'a> {
    id: InputId,
    workflow_id: Option<&'a WorkflowId>,
    at: Shown<'a, Timestamp>,
    reason: &'static str,
    message: &'a str,
    ce_type: Option<&'a str>,
    /// Where the record lies, and what it says that it is.
    cause: &'a Cause,
    key: Option<Shown<'a, Payload>>,
    value: Shown<'a, Payload>,
    value_bytes: u64,
    sha256: &'a str,
}

#[derive(Serialize)]
struct List<'a> {
    inputs: Vec<Row<'a>>,
    next_page_token: Option<()>,
}

impl Rejected {
    fn row(&self) -> Row<'_> {
        let InputRejected {
            reason,
            message,
            key,
            ce_type,
            value,
            value_bytes,
            sha256,
        } = &self.event;
        Row {
            id: self.id,
            workflow_id: self.workflow_id.as_ref(),
            at: Shown(&self.at),
            reason: reason.as_str(),
            message,
            ce_type: ce_type.as_deref(),
            cause: &self.cause,
            key: key.as_ref().map(Shown),
            value: Shown(value),
            value_bytes: *value_bytes,
            sha256,
        }
    }

    fn cells(&self, output: Output) -> Vec<String> {
        let Cause {
            topic,
            partition,
            offset,
            ..
        } = &self.cause;
        let id = self.workflow_id.as_ref();
        vec![
            self.id.to_string(),
            output.time(self.at),
            self.event.reason.as_str().to_owned(),
            id.map_or_else(|| "–".to_owned(), ToString::to_string),
            format!("{topic}/{partition} at {offset}"),
            self.event.message.to_string(),
        ]
    }
}

fn list(session: &Session, args: &ListArgs) -> Outcome {
    let journal = Journal::open(session)?;
    let wanted = |one: &Rejected| {
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
    let (output, rows) = (session.output, all.iter().map(Rejected::row));
    match output.format {
        Format::Json => output.json(&List {
            inputs: rows.collect(),
            next_page_token: None,
        })?,
        Format::Jsonl => rows.into_iter().try_for_each(|row| output.json(&row))?,
        Format::Table => {
            let rows: Vec<Vec<String>> = all.iter().map(|one| one.cells(output)).collect();
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
fn rejected(journal: &Journal, partition: i32) -> Outcome<Vec<Rejected>> {
    let mut reader = JournalReader::new();
    let mut items = Vec::new();
    let mut found = Vec::new();
    journal.read(partition, |record| {
        reader.read(record, &mut items)?;
        for item in items.drain(..) {
            found.extend(of_item(item, partition));
        }
        Ok(())
    })?;
    Ok(found)
}

/// What was rejected in one batch.
fn of_item(item: Item, partition: i32) -> Vec<Rejected> {
    let Item::Batch(batch) = item else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for one in batch.transitions {
        let transition = one.transition;
        // The answer to whoever wants one may follow: there is one rejection in a record.
        let event = transition.events.into_iter().find_map(|event| match event {
            Event::InputRejected(event) => Some(*event),
            _ => None,
        });
        found.extend(event.map(|event| Rejected {
            id: InputId {
                partition,
                offset: one.offset,
            },
            at: transition.at,
            workflow_id: transition.workflow_id,
            cause: transition.cause,
            event,
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use sagaline_core::event::RejectReason;

    use super::*;
    use crate::scripted::{Script, transition};

    #[test]
    fn an_id_says_where_in_the_journal_it_stands() {
        let id: InputId = "3.1042".parse().unwrap();

        assert_eq!((id.partition, id.offset), (3, 1_042));
        assert_eq!(id.to_string(), "3.1042");
        for wrong in ["", "3", "3.", ".4", "-1.4", "3.-4", "3.4.5", "x.y"] {
            assert!(wrong.parse::<InputId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rejection_is_found_with_its_record_and_its_reason() {
        let mut refused = transition("a\u{1b}", 0, []);
        refused.run_id = None;
        refused.events = vec![
            InputRejected {
                reason: RejectReason::UnknownWorkflow,
                message: "no workflow order".into(),
                key: Some(Payload::new("application/octet-stream", *b"a")),
                ce_type: Some("sagaline.workflow.start.v1".into()),
                value: Payload::new("application/octet-stream", *b"{}"),
                value_bytes: 2,
                sha256: "44".into(),
            }
            .into(),
        ];
        let script = Script::new().batch(&[refused]);
        let mut reader = JournalReader::new();
        let mut items = Vec::new();
        for record in script.records {
            reader.read(record, &mut items).unwrap();
        }

        let found: Vec<Rejected> = items
            .into_iter()
            .flat_map(|item| of_item(item, 3))
            .collect();

        let [one] = &found[..] else {
            panic!("{found:?}")
        };
        let row = serde_json::to_value(one.row()).unwrap();
        assert_eq!(row["id"], "3.1");
        assert_eq!(row["reason"], "unknown-workflow");
        assert_eq!(row["cause"]["topic"], "ns.inbox");
        assert_eq!(row["value"]["$base64"], "e30=");
    }
}
