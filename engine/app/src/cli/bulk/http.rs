//! An act on many that a server does: it finds what is meant, here it is told in numbers and asked about.

use std::io;

use sagaline_sdk::{batch::Batch, schedule::Json};
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;

use super::{Begun, Bulk, Covered, confirmed, number};
use crate::{
    cli::api::{Api, Change, Method, Path},
    fault::{Exit, Fault, Outcome},
    output::Format,
};

/// The body of the API.
#[derive(Serialize)]
struct Asked<'a> {
    query: Option<&'a str>,
    act: &'a str,
    arguments: &'a Json,
    reason: Option<&'a str>,
    per_second: Option<f64>,
    dry_run: bool,
}

/// What is meant, in numbers.
#[derive(Deserialize)]
struct Meant {
    matched: usize,
    #[serde(flatten)]
    covered: Covered,
}

/// What has begun; no id: there was nothing to act on.
#[derive(Deserialize)]
struct Answered {
    batch_id: Option<String>,
    matched: usize,
}

/// Counts, asks, and has it begun.
pub(super) fn run(bulk: &Bulk<'_>, api: &Api, batch: Batch) -> Outcome {
    let output = bulk.session.output;
    let meant = post(bulk, api, (&batch, true))?;
    let Meant { matched, covered } = api.parsed(&meant)?;
    if bulk.many.dry_run {
        match output.format {
            Format::Json | Format::Jsonl => output.json(&meant)?,
            Format::Table => output.line(&format!("{} matched", number(matched)))?,
        }
        return Ok(());
    }
    let question = || bulk.doing.question_by_numbers(matched, &covered);
    if matched > 0 && !bulk.many.yes && !confirmed(&question())? {
        return Err(Fault::new(Exit::Failed, "not confirmed: nothing was done"));
    }
    let begun = match matched {
        0 => Begun::of(None, 0)?,
        _ => {
            let answer: Answered = api.parsed(&post(bulk, api, (&batch, false))?)?;
            Begun::of(answer.batch_id, answer.matched)?
        }
    };
    match bulk.many.wait {
        true => {
            begun.announce(bulk)?;
            begun.wait(bulk)
        }
        false => begun.print(bulk),
    }
}

fn post(
    bulk: &Bulk<'_>,
    api: &Api,
    (batch, dry_run): (&Batch, bool),
) -> Outcome<Box<serde_json::value::RawValue>> {
    let body = to_raw_value(&Asked {
        query: batch.query.as_deref(),
        act: &batch.act,
        arguments: &batch.arguments,
        reason: batch.reason.as_deref(),
        per_second: batch.per_second,
        dry_run,
    });
    let change = Change {
        method: Method::Post,
        path: Path::new("batches"),
        body: body.map_err(io::Error::from)?,
        key: None,
        // With --wait it is the end that is waited for so long.
        timeout: bulk.why.timeout.filter(|_| !bulk.many.wait),
    };
    Ok(api.change(&change)?.json)
}
