//! What operators do about incidents. That the record is genuine was checked where it was routed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sagaline_core::{Act, Name, Operate, Payload, RunId, Seq, WorkflowId, event::RejectReason};
use sagaline_journal::wire::{act, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Reading, Refusal, workflow::reason};
use crate::envelope::{Envelope, bad_header};

/// The body of an act, as the API has it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    reason: Option<String>,
}

pub(super) fn operate(
    reading: &Reading,
    envelope: &Envelope<'_>,
    workflow_id: WorkflowId,
) -> Result<Operate, Refusal> {
    let body = match envelope.payload().data() {
        [] => Body::default(),
        value => serde_json::from_slice(value)
            .map_err(|error| refused(format!("the body of the act is no JSON of it: {error}")))?,
    };
    let act = match envelope.required(header::ACT)? {
        act::INCIDENT_RETRY => Act::Retry {
            input: body.input.map(payload).transpose()?,
        },
        act::INCIDENT_SKIP => {
            let result = body
                .result
                .ok_or_else(|| refused("the body of incident-skip has no `result`".to_owned()))?;
            Act::Skip {
                result: payload(result)?,
            }
        }
        act::INCIDENT_FAIL => Act::Fail,
        other => {
            let expected = "incident-retry, incident-skip or incident-fail is expected";
            return Err(bad_header(header::ACT, other, expected));
        }
    };
    let (run_id, incident_seq) = incident(envelope)?;
    let actor = envelope.required(header::ACTOR)?;
    Ok(Operate {
        run_id,
        incident_seq,
        act,
        actor: Name::new(actor)
            .map_err(|error| bad_header(header::ACTOR, actor, &error.to_string()))?,
        reason: match reason(envelope)? {
            Some(reason) => Some(reason),
            None => body
                .reason
                .map(|reason| reason.chars().take(REASON_CHARS_MAX).collect()),
        },
        reply: reading.reply_to(envelope)?,
        workflow_id,
    })
}

/// As much of a reason is kept.
const REASON_CHARS_MAX: usize = 1_000;

/// `<run id>.<seq>`.
fn incident(envelope: &Envelope<'_>) -> Result<(RunId, Seq), Refusal> {
    let id = envelope.required(header::INCIDENT)?;
    let parts = id.split_once('.');
    let parsed = parts.and_then(|(run_id, seq)| Some((run_id.parse().ok()?, seq.parse().ok()?)));
    parsed.ok_or_else(|| bad_header(header::INCIDENT, id, "an incident's id is <run id>.<seq>"))
}

/// Bytes that are not JSON.
#[derive(Deserialize)]
struct Bytes<'a> {
    #[serde(rename = "$base64")]
    base64: &'a str,
    content_type: Option<&'a str>,
}

/// A payload as the API has it: JSON as it stands, other bytes as `{"$base64","content_type"}`.
fn payload(json: &RawValue) -> Result<Payload, Refusal> {
    let text = json.get();
    let Ok(bytes) = serde_json::from_str::<Bytes<'_>>(text) else {
        return Ok(Payload::json(text.as_bytes()));
    };
    let data = STANDARD
        .decode(bytes.base64)
        .map_err(|error| refused(format!("$base64: {error}")))?;
    let content_type = bytes.content_type.unwrap_or("application/octet-stream");
    Ok(Payload::new(content_type, data))
}

fn refused(message: String) -> Refusal {
    Refusal::new(RejectReason::BadEnvelope, message)
}
