//! A start over HTTP: the flags as the body of `POST /workflows`.

use sagaline_core::{Timestamp, WorkflowId};
use sagaline_journal::wire::{ce_type, header};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Beside, StartArgs, Started, object, start_at, whole_millis};
use crate::{
    cli::{
        Session,
        api::{Api, Change, Path, shown},
        workflow_id,
    },
    fault::{Exit, Fault, Outcome},
    inbox::new_id,
};

/// The body.
#[derive(Serialize)]
struct Body<'a> {
    workflow: &'a str,
    id: &'a WorkflowId,
    input: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    id_conflict: &'static str,
    id_reuse: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<Message<'a>>,
}

/// A message that goes with the start.
#[derive(Serialize)]
struct Message<'a> {
    name: &'a str,
    input: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

/// A start that was answered.
pub(super) struct Asked {
    pub(super) started: Started,
}

/// Whether its run is open.
#[derive(Deserialize)]
struct Ended {
    closed_at: Option<String>,
    #[serde(default)]
    run_id: String,
}

/// What came of which request.
#[derive(Deserialize)]
struct History {
    events: Vec<Caused>,
}

#[derive(Deserialize)]
struct Caused {
    cause: Cause,
}

#[derive(Deserialize)]
struct Cause {
    id: String,
}

pub(super) fn ask(
    session: &Session,
    api: &Api,
    (args, beside): (&StartArgs, Option<&Beside>),
) -> Outcome<Asked> {
    let id = match &args.id {
        Some(id) => id.clone(),
        None => workflow_id(&new_id()).map_err(Fault::usage)?,
    };
    let message = beside.map(message).transpose()?;
    let is_signal = beside.is_some_and(|one| one.ce_type == ce_type::WORKFLOW_SIGNAL_WITH_START);
    let (signal, update) = match is_signal {
        true => (message, None),
        false => (None, message),
    };
    let body = Body {
        workflow: &args.workflow,
        id: &id,
        input: shown(&args.input.payload()?)?,
        version: args.version.as_deref(),
        id_conflict: args.id_conflict.as_str(),
        id_reuse: args.id_reuse.as_str(),
        run_timeout_ms: args.run_timeout.map(whole_millis),
        execution_timeout_ms: args.execution_timeout.map(whole_millis),
        start_at: start_at(session, args).map(Timestamp::to_rfc3339),
        retry: raw(args.retry.clone())?,
        attributes: raw(object(&args.search_attribute)?)?,
        memo: raw(object(&args.memo)?)?,
        signal,
        update,
    };
    // By it is known afterwards whether an open run has taken it.
    let key = args.idempotency_key.clone().unwrap_or_else(new_id);
    let answer = api.change(&Change {
        key: Some(&key),
        timeout: args.timeout,
        ..Change::post(
            Path::new("workflows"),
            serde_json::value::to_raw_value(&body)?,
        )
    })?;
    let started: Started = api.parsed(&answer.json)?;
    if !started.started {
        refuse_used(api, &started, &key)?;
    }
    Ok(Asked { started })
}

/// Events at the end of a history among which what an open run took is looked for.
const LOOKED_AT: &str = "1000";

/// The API says of an id that is not to be used again which run has it. Who starts something wants more than that.
fn refuse_used(api: &Api, started: &Started, key: &str) -> Outcome {
    let id = &started.workflow_id;
    let run = Path::run(id, started.run_id);
    let Ended { closed_at, run_id } = api.read(&run)?;
    let Some(at) = closed_at else { return Ok(()) };
    let last = run.then("history").param("order", "desc");
    let last = last.param("payloads", "none").param("page_size", LOOKED_AT);
    let History { events } = api.read(&last)?;
    // It was open then, and has ended since.
    if events.iter().any(|event| event.cause.id == key) {
        return Ok(());
    }
    let text = format!("workflow {id} was used before: run {run_id} ended at {at}");
    Err(Fault::quoting(Exit::Refused, &text).hint("--id-reuse says when an id may be used again"))
}

fn message(beside: &Beside) -> Outcome<Message<'_>> {
    let of = |wanted: &str| {
        let mut headers = beside.headers.iter();
        headers.find_map(|(name, value)| (*name == wanted).then_some(value.as_str()))
    };
    Ok(Message {
        name: of(header::SIGNAL)
            .or(of(header::UPDATE))
            .unwrap_or_default(),
        input: shown(&beside.input)?,
        id: of(header::UPDATE_ID),
    })
}

fn raw(json: Option<String>) -> Outcome<Option<Box<RawValue>>> {
    Ok(json.map(RawValue::from_string).transpose()?)
}
