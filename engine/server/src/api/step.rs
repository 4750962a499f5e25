//! By hand: an activity is completed, failed, tried again, held up or changed; an incident is solved.

use axum::{extract::State, response::Response};
use sagaline_core::{Payload, RunId, Seq, WorkflowId};
use sagaline_journal::wire::{act, header};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    Api,
    act::{OF_RUN, json},
    call::Call,
    payload,
    refusal::Subject,
    start::present,
};
use crate::problem::Problem;

/// The body of every act: which of its fields an act has is looked at where it is done.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByHand {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<serde_json::Value>)]
    result: Option<Box<RawValue>>,
    r#type: Option<String>,
    message: Option<String>,
    even_if_running: Option<bool>,
    #[schema(value_type = Option<Object>)]
    retry: Option<Box<RawValue>>,
    #[schema(value_type = Option<Object>)]
    timeouts: Option<Box<RawValue>>,
    reason: Option<String>,
}

/// The body as it goes to the engine.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    even_if_running: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeouts: Option<&'a RawValue>,
}

/// Fields that an act takes beside `reason`.
const fn fields(act: &str) -> &'static [&'static str] {
    match act.as_bytes() {
        b"activity-complete" => &["result", "even_if_running"],
        b"activity-fail" => &["type", "message", "even_if_running"],
        b"activity-retry" => &["input", "even_if_running"],
        b"activity-update-options" => &["retry", "timeouts"],
        b"incident-retry" => &["input"],
        b"incident-skip" => &["result"],
        _ => &[],
    }
}

impl ByHand {
    /// Refuses fields that the act does not have.
    fn check(&self, act: &str) -> Result<(), Problem> {
        let invalid = |text: String| Err(Problem::bad_request("invalid_body", text));
        let given = [
            ("input", self.input.is_some()),
            ("result", self.result.is_some()),
            ("type", self.r#type.is_some()),
            ("message", self.message.is_some()),
            ("even_if_running", self.even_if_running.is_some()),
            ("retry", self.retry.is_some()),
            ("timeouts", self.timeouts.is_some()),
        ];
        let takes = fields(act);
        if let Some((name, _)) = given.iter().find(|(name, is)| *is && !takes.contains(name)) {
            return invalid(format!("unknown field `{name}`: {act} does not take it"));
        }
        if takes.contains(&"result") && self.result.is_none() {
            return invalid(format!("missing field `result`: {act} goes on with it"));
        }
        match takes.contains(&"retry") && self.retry.is_none() && self.timeouts.is_none() {
            true => invalid("`retry` or `timeouts` says what is to change".to_owned()),
            false => Ok(()),
        }
    }

    /// What goes to the engine, with its payloads encoded.
    fn told(&self, api: &Api) -> Result<Payload, Problem> {
        Ok(json(&Told {
            input: encoded(api, self.input.as_deref(), "`input`")?,
            result: encoded(api, self.result.as_deref(), "`result`")?,
            r#type: self.r#type.as_deref(),
            message: self.message.as_deref(),
            even_if_running: self.even_if_running,
            retry: self.retry.as_deref(),
            timeouts: self.timeouts.as_deref(),
        }))
    }
}

fn encoded(
    api: &Api,
    given: Option<&RawValue>,
    what: &str,
) -> Result<Option<Box<RawValue>>, Problem> {
    let Some(given) = given else { return Ok(None) };
    let plain = payload::read(given, what)?;
    if api.settings().coding.is_plain() {
        return Ok(Some(given.to_owned()));
    }
    let encoded = api.settings().coding.encode(plain);
    let encoded =
        encoded.map_err(|wrong| Problem::bad_request("payload_codec", wrong.message()))?;
    Ok(Some(payload::shown(&encoded)))
}

pub(crate) async fn complete(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    of_activity(&api, &call, act::ACTIVITY_COMPLETE).await
}

pub(crate) async fn fail(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    of_activity(&api, &call, act::ACTIVITY_FAIL).await
}

pub(crate) async fn retry(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    of_activity(&api, &call, act::ACTIVITY_RETRY).await
}

pub(crate) async fn pause(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    of_activity(&api, &call, act::ACTIVITY_PAUSE).await
}

pub(crate) async fn resume(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    of_activity(&api, &call, act::ACTIVITY_RESUME).await
}

pub(crate) async fn update_options(
    State(api): State<Api>,
    call: Call,
) -> Result<Response, Problem> {
    of_activity(&api, &call, act::ACTIVITY_UPDATE_OPTIONS).await
}

async fn of_activity(api: &Api, call: &Call, act: &'static str) -> Result<Response, Problem> {
    call.knows(&OF_RUN)?;
    let (id, activity_id) = (call.workflow_id()?, call.activity_id()?);
    let given = call.body::<ByHand>()?;
    given.check(act)?;
    let told = given.told(api)?;
    let request = call
        .operate(&id, act, given.reason, told)?
        .header(header::ACTIVITY_ID, Some(activity_id.to_string()));
    api.change(&id, request, Subject::Activity).await
}

/// `<run id>.<seq>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IncidentId {
    pub(super) run_id: RunId,
    pub(super) seq: Seq,
}

impl IncidentId {
    pub(super) fn of(call: &Call) -> Result<Self, Problem> {
        let parts = call.part("id").split_once('.');
        let id = parts.and_then(|(run_id, seq)| {
            Some(Self {
                run_id: run_id.parse().ok()?,
                seq: seq.parse().ok()?,
            })
        });
        id.ok_or_else(|| {
            Problem::bad_request("invalid_incident_id", "an incident's id is <run id>.<seq>")
        })
    }
}

impl std::fmt::Display for IncidentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.run_id, self.seq)
    }
}

pub(crate) async fn retry_incident(
    State(api): State<Api>,
    call: Call,
) -> Result<Response, Problem> {
    of_incident(&api, &call, act::INCIDENT_RETRY).await
}

pub(crate) async fn skip_incident(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    of_incident(&api, &call, act::INCIDENT_SKIP).await
}

pub(crate) async fn fail_incident(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    of_incident(&api, &call, act::INCIDENT_FAIL).await
}

async fn of_incident(api: &Api, call: &Call, act: &'static str) -> Result<Response, Problem> {
    call.knows(&[])?;
    let incident = IncidentId::of(call)?;
    let given = call.body::<ByHand>()?;
    given.check(act)?;
    let told = given.told(api)?;
    let id: WorkflowId = api.workflow_of(incident).await?;
    let request = call
        .operate(&id, act, given.reason, told)?
        .header(header::INCIDENT, Some(incident.to_string()));
    let changed = api.change(&id, request, Subject::Incident).await;
    match changed {
        // Of a run that has gone on, or ended, the owner may know no incident any more.
        Err(problem) if problem.code != "incident_resolved" => {
            Err(api.solved(&id, incident).await.unwrap_or(problem))
        }
        changed => changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(act: &str, body: &str) -> Result<(), &'static str> {
        let given: ByHand = serde_json::from_str(body).unwrap();
        given.check(act).map_err(|problem| problem.code)
    }

    #[test]
    fn an_act_has_its_own_fields_and_no_others() {
        for (act, body, is_taken) in [
            (
                act::ACTIVITY_COMPLETE,
                r#"{"result":null,"reason":"by hand"}"#,
                true,
            ),
            (act::ACTIVITY_COMPLETE, "{}", false),
            (act::ACTIVITY_COMPLETE, r#"{"result":1,"input":2}"#, false),
            (
                act::ACTIVITY_FAIL,
                r#"{"type":"Gone","message":"no"}"#,
                true,
            ),
            (act::ACTIVITY_RETRY, "{}", true),
            (act::ACTIVITY_RETRY, r#"{"result":1}"#, false),
            (act::ACTIVITY_PAUSE, r#"{"reason":"later"}"#, true),
            (act::ACTIVITY_PAUSE, r#"{"even_if_running":true}"#, false),
            (act::ACTIVITY_UPDATE_OPTIONS, r#"{"timeouts":{}}"#, true),
            (act::ACTIVITY_UPDATE_OPTIONS, "{}", false),
            (act::INCIDENT_SKIP, r#"{"result":{}}"#, true),
            (act::INCIDENT_SKIP, "{}", false),
            (act::INCIDENT_FAIL, r#"{"result":{}}"#, false),
        ] {
            let expected = is_taken.then_some(()).ok_or("invalid_body");
            assert_eq!(checked(act, body), expected, "{act} {body}");
        }
    }
}
