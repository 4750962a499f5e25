//! Rejected inputs as a server has them, and sending them again by it.

use std::io;

use sagaline_core::WorkflowId;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{ListArgs, Verb, redrive::RedriveArgs};
use crate::{
    cli::{
        api::{Api, Change, Path},
        rows::{self, Rows},
    },
    fault::{Exit, Fault, Outcome},
    output::{Format, Output, aside},
};

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

/// What became of one that was sent again.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Redriven {
    outcome: String,
}

pub(super) fn run(output: Output, api: &Api, verb: &Verb) -> Outcome {
    match verb {
        Verb::ListRejected(args) => list(output, api, args),
        Verb::Redrive(args) => redrive(output, api, args),
    }
}

fn path() -> Path {
    Path::new("inputs").then("rejected")
}

fn list(output: Output, api: &Api, args: &ListArgs) -> Outcome {
    let id = args.workflow_id.as_ref().map(WorkflowId::as_str);
    let path = path().maybe("workflow_id", id);
    let rows = Rows::read(api, &path, "inputs", args.limit)?;
    match output.format {
        Format::Json => output.json(&List {
            inputs: rows.rows,
            next_page_token: rows.next_page_token,
        })?,
        Format::Jsonl => rows.rows.iter().try_for_each(|row| output.json(row))?,
        Format::Table => {
            let seen: Vec<Seen> = rows::parsed(&rows.rows)?;
            let cells: Vec<Vec<String>> = seen.into_iter().map(|one| one.cells(output)).collect();
            output.table(
                &["ID", "REJECTED", "REASON", "WORKFLOW ID", "RECORD", ""],
                &cells,
            )?;
        }
    }
    if rows.is_cut {
        aside("… more: --limit");
    }
    Ok(())
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

/// One by one; what is rejected again is told, and the others follow.
fn redrive(output: Output, api: &Api, args: &RedriveArgs) -> Outcome {
    let mut refused = 0;
    for id in &args.ids {
        let path = path().then(&id.to_string()).then("redrive");
        let nothing = RawValue::from_string("{}".to_owned()).map_err(io::Error::from)?;
        let told = api.change(&Change {
            timeout: args.timeout,
            ..Change::post(path, nothing)
        });
        match told {
            Ok(answer) if output.format == Format::Table => {
                let Redriven { outcome } = api.parsed(&answer.json)?;
                let outcome = match outcome.as_str() {
                    "" => "taken",
                    outcome => outcome,
                };
                output.say(&format!("{id} was {outcome}."))?;
            }
            Ok(answer) => output.json(&answer.json)?,
            Err(fault) if fault.is("input_rejected_again") => {
                refused += 1;
                again(output, &id.to_string(), &fault)?;
            }
            Err(fault) => return Err(fault),
        }
    }
    match refused {
        0 => Ok(()),
        refused => {
            let text = format!("{refused} of {} rejected again", args.ids.len());
            Err(Fault::new(Exit::Refused, text))
        }
    }
}

/// What was rejected again, as the others are told.
fn again(output: Output, id: &str, fault: &Fault) -> Outcome {
    #[derive(Serialize)]
    struct Again<'a> {
        id: &'a str,
        outcome: &'static str,
        message: &'a str,
    }
    let message = fault.message();
    match output.format {
        Format::Table => output.say(message)?,
        Format::Json | Format::Jsonl => {
            let again = Again {
                id,
                outcome: "rejected",
                message,
            };
            output.json(&to_raw_value(&again)?)?;
        }
    }
    Ok(())
}
