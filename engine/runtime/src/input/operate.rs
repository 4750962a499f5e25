//! What operators do. That the record is genuine was checked where it was routed.

mod options;

pub use options::retry_policy;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sagaline_core::{
    Act, ActivityAct, ActivityId, Failure, IncidentAct, Name, Operate, Payload, Reapply, ResetTo,
    RunId, Seq, WorkflowId, event::RejectReason,
};
use sagaline_journal::wire::{act, header};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Reading, Refusal, workflow::reason};
use crate::envelope::{Envelope, bad_header};

/// The body of an act, as the API has it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow, deserialize_with = "present")]
    input: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    reason: Option<String>,
    r#type: Option<String>,
    message: Option<String>,
    even_if_running: bool,
    event_seq: Option<Seq>,
    reapply: Option<String>,
}

/// A payload may be `null`: that is not the same as none.
fn present<'de, D: Deserializer<'de>>(json: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(json).map(Some)
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
    let (run_id, act) = act(envelope, &body)?;
    let actor = envelope.required(header::ACTOR)?;
    Ok(Operate {
        run_id,
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

/// What is to be done, and to which run if that is said.
fn act(envelope: &Envelope<'_>, body: &Body<'_>) -> Result<(Option<RunId>, Act), Refusal> {
    let name = envelope.required(header::ACT)?;
    let act = match name {
        act::INCIDENT_RETRY | act::INCIDENT_SKIP | act::INCIDENT_FAIL => {
            let (run_id, seq) = incident(envelope)?;
            let act = incident_act(name, body)?;
            return Ok((Some(run_id), Act::Incident { seq, act }));
        }
        act::PAUSE => Act::Pause,
        act::RESUME => Act::Resume,
        act::DELETE => Act::Delete,
        act::RESET => Act::Reset(Box::new(reset(body)?)),
        _ => Act::Activity {
            act: activity_act(name, envelope, body)?,
            activity_id: envelope
                .parsed(header::ACTIVITY_ID, "an activity's number is expected")?
                .and_then(ActivityId::new)
                .ok_or_else(|| {
                    let message = format!("{name} needs header {}", header::ACTIVITY_ID);
                    Refusal::new(RejectReason::MissingHeader, message)
                })?,
            even_if_running: body.even_if_running,
        },
    };
    let run_id = envelope.parsed(header::RUN_ID, "a run id is a UUID")?;
    Ok((run_id, act))
}

/// Whoever decides it reads the history first.
fn reset(body: &Body<'_>) -> Result<ResetTo, Refusal> {
    let event_seq = body
        .event_seq
        .ok_or_else(|| refused(String::from("the body of reset has no `event_seq`")))?;
    let reapply = match body.reapply.as_deref() {
        None | Some("signals") => Reapply::Signals,
        Some("none") => Reapply::None,
        Some(other) => {
            let message =
                format!("`reapply` of the body is {other:?}; signals or none is expected");
            return Err(refused(message));
        }
    };
    Ok(ResetTo {
        event_seq,
        reapply,
        history: Arc::from([]),
    })
}

fn incident_act(name: &str, body: &Body<'_>) -> Result<IncidentAct, Refusal> {
    Ok(match name {
        act::INCIDENT_RETRY => IncidentAct::Retry {
            input: body.input.map(payload).transpose()?,
        },
        act::INCIDENT_SKIP => IncidentAct::Skip {
            result: result(name, body)?,
        },
        _ => IncidentAct::Fail,
    })
}

fn activity_act(
    name: &str,
    envelope: &Envelope<'_>,
    body: &Body<'_>,
) -> Result<ActivityAct, Refusal> {
    Ok(match name {
        act::ACTIVITY_RETRY => ActivityAct::Retry {
            input: body.input.map(payload).transpose()?,
        },
        act::ACTIVITY_COMPLETE => ActivityAct::Complete {
            result: result(name, body)?,
        },
        act::ACTIVITY_FAIL => {
            let error_type = body.r#type.as_deref().unwrap_or(FAILED_BY_HAND);
            let error_type = Name::new(error_type)
                .map_err(|error| refused(format!("`type` of the body: {error}")))?;
            let message = body.message.as_deref().unwrap_or_default();
            ActivityAct::Fail {
                failure: Failure::new(error_type, message),
            }
        }
        act::ACTIVITY_PAUSE => ActivityAct::Pause,
        act::ACTIVITY_RESUME => ActivityAct::Resume,
        act::ACTIVITY_UPDATE_OPTIONS => ActivityAct::UpdateOptions {
            change: options::change(envelope.payload().data()).map_err(refused)?,
        },
        other => {
            let expected = "incident-retry, -skip or -fail, activity-retry, -complete, -fail, -pause, -resume or -update-options, pause, resume, reset or delete is expected";
            return Err(bad_header(header::ACT, other, expected));
        }
    })
}

fn result(name: &str, body: &Body<'_>) -> Result<Payload, Refusal> {
    let result = body.result.map(payload).transpose()?;
    result.ok_or_else(|| refused(format!("the body of {name} has no `result`")))
}

/// The error type of an activity that a person fails without naming one.
const FAILED_BY_HAND: &str = "FailedByHand";

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
struct Bytes {
    #[serde(rename = "$base64")]
    base64: String,
    content_type: Option<String>,
}

/// A payload as the API has it: JSON as it stands, other bytes as `{"$base64","content_type"}`.
fn payload(json: &RawValue) -> Result<Payload, Refusal> {
    let text = json.get();
    let Ok(bytes) = serde_json::from_str::<Bytes>(text) else {
        return Ok(Payload::json(text.as_bytes()));
    };
    let data = STANDARD
        .decode(bytes.base64)
        .map_err(|error| refused(format!("$base64: {error}")))?;
    let content_type = bytes.content_type.as_deref();
    let content_type = content_type.unwrap_or("application/octet-stream");
    Ok(Payload::new(content_type, data))
}

fn refused(message: String) -> Refusal {
    Refusal::new(RejectReason::BadEnvelope, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_may_be_null_and_bytes_may_be_escaped() {
        let body: Body<'_> = serde_json::from_str(r#"{"result":null}"#).unwrap();
        let null = body.result.map(payload).transpose();
        assert!(matches!(null, Ok(Some(null)) if null == Payload::json(*b"null")));
        assert!(body.input.is_none());

        let bytes: &RawValue = serde_json::from_str(r#"{"$base64":"\/\/8="}"#).unwrap();

        let expected = Payload::new("application/octet-stream", vec![0xff, 0xff]);
        assert!(matches!(payload(bytes), Ok(bytes) if bytes == expected));
    }
}
