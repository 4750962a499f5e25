//! What a person does to a run: cancel, terminate, pause, resume, reset, delete.

use axum::{extract::State, response::Response};
use sagaline_core::{Payload, RunId, Seq, WorkflowId};
use sagaline_journal::wire::{act, ce_type, header};
use sagaline_sdk::client::RawRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Api, call::Call, reads::Consistency, refusal::Subject};
use crate::problem::Problem;

/// The body of `cancel` and `terminate`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stop {
    reason: Option<String>,
    compensate: Option<bool>,
}

/// The body of `pause`, `resume` and `DELETE`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    pub(super) reason: Option<String>,
}

/// The body of `reset`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    /// Behind which event it goes on.
    #[schema(value_type = u64)]
    event_seq: Seq,
    reason: Option<String>,
    reapply: Option<Reapply>,
}

/// What becomes of later signals.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reapply {
    Signals,
    None,
}

/// Longest reason, in characters: as much as a history keeps.
const REASON_CHARS_MAX: usize = 1_000;

/// A reason that can be kept.
pub(super) fn reason(given: Option<String>) -> Result<Option<String>, Problem> {
    let chars = given.as_ref().map_or(0, |reason| reason.chars().count());
    match chars > REASON_CHARS_MAX {
        true => Err(Problem::bad_request(
            "invalid_body",
            format!("`reason` has {chars} characters; {REASON_CHARS_MAX} are allowed"),
        )),
        false => Ok(given.filter(|reason| !reason.is_empty())),
    }
}

pub(crate) async fn cancel(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    stop(&api, &call, ce_type::WORKFLOW_CANCEL).await
}

pub(crate) async fn terminate(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    stop(&api, &call, ce_type::WORKFLOW_TERMINATE).await
}

async fn stop(api: &Api, call: &Call, ce_type: &'static str) -> Result<Response, Problem> {
    call.knows(&OF_RUN)?;
    let (id, body) = (call.workflow_id()?, call.body::<Stop>()?);
    let compensate = body.compensate.map(|compensate| compensate.to_string());
    let request = call
        .request(ce_type, &id)?
        .header(header::REASON, reason(body.reason)?)
        .header(header::COMPENSATE, compensate);
    api.change(&id, request, Subject::Workflow).await
}

/// The parameters of every call on a run.
pub(super) const OF_RUN: [&str; 2] = ["run_id", "workflow_id"];

pub(crate) async fn pause(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    hold(&api, &call, act::PAUSE).await
}

pub(crate) async fn resume(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    hold(&api, &call, act::RESUME).await
}

pub(crate) async fn delete(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    hold(&api, &call, act::DELETE).await
}

async fn hold(api: &Api, call: &Call, act: &'static str) -> Result<Response, Problem> {
    call.knows(&OF_RUN)?;
    let (id, body) = (call.workflow_id()?, call.body::<Why>()?);
    let mut request = call.operate(&id, act, body.reason, Payload::empty())?;
    if act == act::DELETE {
        let run_id;
        (run_id, request) = api.of_newest(call, &id, request).await?;
        // Its answer has no run: to its owner it may be long forgotten.
        let about = (&id, Some(run_id));
        return api.change_of(about, request, Subject::Workflow).await;
    }
    api.change(&id, request, Subject::Workflow).await
}

pub(crate) async fn reset(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Body {
        event_seq: Seq,
        reapply: Reapply,
    }
    call.knows(&OF_RUN)?;
    let (id, given) = (call.workflow_id()?, call.body::<Reset>()?);
    let body = json(&Body {
        event_seq: given.event_seq,
        reapply: given.reapply.unwrap_or(Reapply::Signals),
    });
    let request = call.operate(&id, act::RESET, given.reason, body)?;
    let (_, request) = api.of_newest(&call, &id, request).await?;
    api.change(&id, request, Subject::Workflow).await
}

impl Api {
    /// The same about the newest run, unless another was named: its owner forgets closed runs after some days, so the
    /// projection says which it is.
    async fn of_newest(
        &self,
        call: &Call,
        id: &WorkflowId,
        request: RawRequest,
    ) -> Result<(RunId, RawRequest), Problem> {
        if let Some(run_id) = call.run_id()? {
            return Ok((run_id, request));
        }
        self.fresh(id, Consistency::Strong).await?;
        let newest = self.found(id, None).await?.run.run_id;
        let request = request.header(header::RUN_ID, Some(newest.to_string()));
        Ok((newest, request))
    }
}

/// What the engine reads.
pub(super) fn json(body: &impl Serialize) -> Payload {
    Payload::json(serde_json::to_vec(body).unwrap_or_default())
}

impl Call {
    /// A signed act of whoever calls.
    pub(super) fn operate(
        &self,
        id: &WorkflowId,
        act: &'static str,
        why: Option<String>,
        body: Payload,
    ) -> Result<RawRequest, Problem> {
        let request = self
            .request(ce_type::WORKFLOW_OPERATE, id)?
            .header(header::ACT, Some(act))
            .header(header::ACTOR, Some(self.principal.source()))
            .header(header::REASON, reason(why)?);
        Ok(request.plain(body).signed())
    }
}
