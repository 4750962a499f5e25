//! `POST /workflows`: starts a run, alone or with a signal or an update, and may wait for its end.
//!
//! ```text
//! new run                            ─▶ 202, started
//! its id is open, or closed and used ─▶ 202, not started; 409 where the call says `"id_conflict": "fail"`
//! the same again by its key          ─▶ as the first time
//! ```

use std::time::Duration;

use axum::{extract::State, http::header::LOCATION, response::Response};
use sagaline_core::{
    Cause, Name, Payload, RunId, SCHEDULE_WORKFLOW, Timestamp, WorkflowId, error_type,
    show::Read as _,
};
use sagaline_journal::wire::{ce_type, header, id_conflict, id_reuse, outcome};
use sagaline_projection::StoredRun;
use sagaline_runtime::retry_policy;
use sagaline_sdk::client::{RawAnswer, RawAnswers, RawRequest};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    Api, answer,
    call::Call,
    location, message, payload,
    reads::Consistency,
    refusal::{self, Subject},
    result,
    traces::is_traceparent,
    walk,
};
use crate::problem::Problem;

/// How long the end of a run, of which its caller was told already, may take to be projected.
const END_WAIT: Duration = Duration::from_secs(5);

/// Longest `traceparent` or `tracestate` that is taken over.
const TRACE_BYTES_MAX: usize = 512;

/// The start of a workflow.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// Name of the workflow.
    workflow: String,
    /// Workflow id; a random one unless said.
    id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    /// Version; the highest unless said.
    version: Option<String>,
    id_conflict: Option<IdConflict>,
    id_reuse: Option<IdReuse>,
    run_timeout_ms: Option<u64>,
    execution_timeout_ms: Option<u64>,
    /// When it begins, in RFC 3339; at once unless said.
    #[schema(value_type = Option<String>, format = DateTime)]
    start_at: Option<Box<RawValue>>,
    /// A retry policy for the whole run.
    #[schema(value_type = Option<Object>)]
    retry: Option<Box<RawValue>>,
    /// Search attributes.
    #[schema(value_type = Option<Object>)]
    attributes: Option<Box<RawValue>>,
    #[schema(value_type = Option<Object>)]
    memo: Option<Box<RawValue>>,
    signal: Option<Message>,
    update: Option<Message>,
}

/// A message that goes with the start.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    name: String,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    /// Which update it is.
    id: Option<String>,
}

/// What the start does while a run of the id is open.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum IdConflict {
    #[default]
    UseExisting,
    Fail,
    TerminateExisting,
}

/// What it does when the last run of the id is closed.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum IdReuse {
    #[default]
    RejectDuplicate,
    AllowDuplicate,
    AllowDuplicateFailedOnly,
}

/// A payload may be `null`: that is not the same as none.
pub(super) fn present<'de, D: Deserializer<'de>>(
    json: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(json).map(Some)
}

/// What is answered.
#[derive(Serialize)]
struct Started<'a> {
    workflow_id: &'a WorkflowId,
    run_id: Option<RunId>,
    /// False: that id was open already, or closed and not to be used again.
    started: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_id: Option<&'a str>,
}

pub(crate) async fn start(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["wait"])?;
    let wait = call.wait()?;
    let body = call.body::<Start>()?;
    if body.workflow == SCHEDULE_WORKFLOW {
        api.knows_scheduled(body.input.as_deref())?;
    }
    let asked = Asked::of(&api, &call, body)?;
    let subject = match asked.update_id {
        Some(_) => Subject::Update,
        None => Subject::Definition,
    };
    let (first, answers) = api.ask(asked.request).await?;
    let begun = Begun {
        id: &asked.id,
        update_id: asked.update_id.as_deref(),
        wait,
        is_keyed: call.idempotency_key()?.is_some(),
    };
    api.wrote(&asked.id);
    match first.error_type.as_str() {
        error_type::ALREADY_STARTED if first.is_refusal() => {
            let is_firm = asked.conflict == IdConflict::Fail;
            begun.taken(&api, &answers, is_firm).await
        }
        _ if first.is_refusal() => Err(refusal::refused(&first, subject)),
        _ => begun.accepted(&api, first, answers).await,
    }
}

/// A start that is going to be sent.
struct Asked {
    id: WorkflowId,
    update_id: Option<String>,
    conflict: IdConflict,
    request: RawRequest,
}

impl Asked {
    fn of(api: &Api, call: &Call, body: Start) -> Result<Self, Problem> {
        let key = call.idempotency_key()?;
        let id = match (&body.id, &key) {
            (Some(id), _) => id.clone(),
            // The same key must give the same workflow.
            (None, Some(key)) => id_of_key(api.namespace(), &call.principal.source(), key),
            (None, None) => new_id(),
        };
        let id = WorkflowId::new(&id)
            .map_err(|invalid| Problem::bad_request("invalid_workflow_id", invalid.to_string()))?;
        let conflict = body.id_conflict.unwrap_or_default();
        let (ce_type, message) = match (&body.signal, &body.update) {
            (None, None) => (ce_type::WORKFLOW_START, None),
            (Some(signal), None) => (ce_type::WORKFLOW_SIGNAL_WITH_START, Some(signal)),
            (None, Some(update)) => (ce_type::WORKFLOW_UPDATE_WITH_START, Some(update)),
            (Some(_), Some(_)) => {
                return Err(invalid("`signal` and `update` do not go together"));
            }
        };
        let request = traced(call, call.request(ce_type, &id)?);
        let mut request = body.headers(request)?;
        request = request.value(input(body.input.as_deref(), "`input`")?);
        let mut update_id = None;
        if let Some(message) = message {
            let (names, update) = match body.update.is_some() {
                false => ((header::SIGNAL, header::SIGNAL_INPUT), None),
                true => {
                    let update_id = message.id.clone().or(key).unwrap_or_else(new_id);
                    ((header::UPDATE, header::UPDATE_INPUT), Some(update_id))
                }
            };
            if update.is_none() && message.id.is_some() {
                return Err(invalid("`signal` has no `id`"));
            }
            let update = update.map(|id| named(&id, "`update.id`")).transpose()?;
            update_id = update.map(|id| id.to_string());
            request = request
                .header(names.0, Some(named(&message.name, "`name`")?.to_string()))
                .header(header::UPDATE_ID, update_id.clone())
                .beside(
                    names.1,
                    input(message.input.as_deref(), "the message's `input`")?,
                );
        }
        Ok(Self {
            id,
            update_id,
            conflict,
            request,
        })
    }
}

/// Within the trace of who calls; what is no trace is none.
fn traced(call: &Call, request: RawRequest) -> RawRequest {
    let given = |name: &str, most: usize| {
        let value = call.headers.get(name)?.to_str().ok()?;
        (value.len() <= most).then(|| value.to_owned())
    };
    match given(header::TRACEPARENT, TRACE_BYTES_MAX).filter(|parent| is_traceparent(parent)) {
        Some(parent) => request.header(header::TRACEPARENT, Some(parent)).header(
            header::TRACESTATE,
            given(header::TRACESTATE, TRACE_BYTES_MAX),
        ),
        None => request,
    }
}

fn invalid(text: impl Into<String>) -> Problem {
    Problem::bad_request("invalid_body", text)
}

fn named(text: &str, field: &str) -> Result<Name, Problem> {
    Name::new(text).map_err(|wrong| invalid(format!("{field}: {wrong}")))
}

fn input(given: Option<&RawValue>, what: &str) -> Result<Payload, Problem> {
    given.map_or_else(|| Ok(Payload::empty()), |json| payload::read(json, what))
}

impl Start {
    /// What goes beside the input.
    fn headers(&self, request: RawRequest) -> Result<RawRequest, Problem> {
        let conflict = match self.id_conflict.unwrap_or_default() {
            IdConflict::UseExisting => id_conflict::USE_EXISTING,
            IdConflict::Fail => id_conflict::FAIL,
            IdConflict::TerminateExisting => id_conflict::TERMINATE_EXISTING,
        };
        let reuse = match self.id_reuse.unwrap_or_default() {
            IdReuse::RejectDuplicate => id_reuse::REJECT_DUPLICATE,
            IdReuse::AllowDuplicate => id_reuse::ALLOW_DUPLICATE,
            IdReuse::AllowDuplicateFailedOnly => id_reuse::ALLOW_DUPLICATE_FAILED_ONLY,
        };
        let workflow = named(&self.workflow, "`workflow`")?;
        let millis = |millis: Option<u64>| millis.map(|millis| millis.to_string());
        Ok(request
            .header(header::WORKFLOW, Some(workflow.to_string()))
            .header(header::VERSION, self.version.clone())
            .header(header::ID_CONFLICT, Some(conflict))
            .header(header::ID_REUSE, Some(reuse))
            .header(header::RUN_TIMEOUT_MS, millis(self.run_timeout_ms))
            .header(
                header::EXECUTION_TIMEOUT_MS,
                millis(self.execution_timeout_ms),
            )
            .header(header::START_AT, start_at(self.start_at.as_deref())?)
            .header(header::RETRY, retry(self.retry.as_deref())?)
            .header(
                header::ATTRIBUTES,
                object(self.attributes.as_deref(), "attributes")?,
            )
            .header(header::MEMO, object(self.memo.as_deref(), "memo")?))
    }
}

fn start_at(given: Option<&RawValue>) -> Result<Option<String>, Problem> {
    let Some(given) = given else { return Ok(None) };
    let latest = Timestamp::LATEST;
    let at = Timestamp::read(given).ok().filter(|at| *at <= latest);
    let at = at.ok_or_else(|| {
        let latest = latest.to_rfc3339();
        invalid(format!(
            "`start_at`: an instant of RFC 3339 as 2030-01-01T09:00:00Z is expected, {latest} at the latest"
        ))
    })?;
    Ok(Some(at.up_to_millis().to_rfc3339()))
}

fn retry(given: Option<&RawValue>) -> Result<Option<String>, Problem> {
    let Some(given) = given else { return Ok(None) };
    match retry_policy(given.get()) {
        Ok(_) => Ok(Some(given.get().to_owned())),
        Err(wrong) => Err(invalid(format!("`retry`: {wrong}"))),
    }
}

/// A JSON object as it was given.
fn object(given: Option<&RawValue>, field: &str) -> Result<Option<String>, Problem> {
    let text = given.map(RawValue::get);
    match text {
        Some(text) if !text.starts_with('{') => {
            Err(invalid(format!("`{field}`: a JSON object is expected")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// A start that was answered.
struct Begun<'a> {
    id: &'a WorkflowId,
    update_id: Option<&'a str>,
    wait: Option<Duration>,
    /// Its caller may send it again.
    is_keyed: bool,
}

impl Begun<'_> {
    /// There is a run: a new one, or the one that was open.
    async fn accepted(
        self,
        api: &Api,
        first: RawAnswer,
        answers: RawAnswers,
    ) -> Result<Response, Problem> {
        let mut is_new = answers.new_run().is_some() && answers.new_run() == first.run_id;
        if !is_new && self.is_keyed {
            // The same again is answered as it was the first time.
            api.fresh(self.id, Consistency::Strong).await?;
            let run = api.found(self.id, first.run_id).await?;
            is_new = began_with(api, &run, answers.cause()).await?;
        }
        if let Some(wait) = self.wait {
            let last = match (self.update_id, first.is_last()) {
                (Some(_), true) => Some(first.clone()),
                _ => {
                    let last = api.closing().within(wait, answers.last()).await;
                    last.transpose().map_err(|error| refusal::unsent(&error))?
                }
            };
            api.wrote(self.id);
            match (last, self.update_id) {
                (Some(last), Some(_)) => return message::ended(&last),
                (Some(last), None) => {
                    // Of a failure the run knows more than its answer has room for.
                    let has_failed = !matches!(
                        last.outcome.as_str(),
                        outcome::COMPLETED | outcome::REJECTED
                    );
                    if let Some(run_id) = first.run_id.filter(|_| has_failed) {
                        api.fresh(self.id, Consistency::Strong).await?;
                        return api.end_of(self.id, (run_id, true), END_WAIT).await;
                    }
                    return result::of_answer(self.id, &last);
                }
                (None, _) => {}
            }
        }
        Ok(self.told(first.run_id, is_new))
    }

    /// The id rules say no: the last run of the id is open, or closed and its id is not to be used again.
    async fn taken(
        self,
        api: &Api,
        answers: &RawAnswers,
        is_firm: bool,
    ) -> Result<Response, Problem> {
        api.fresh(self.id, Consistency::Strong).await?;
        let run = api.found(self.id, None).await?;
        let run_id = run.run.run_id;
        let is_repeat = began_with(api, &run, answers.cause()).await?;
        if is_firm && !is_repeat {
            let (code, text) = match run.run.closed {
                None => ("workflow_open", "is open"),
                Some(_) => ("workflow_id_used", "was used before"),
            };
            let text = format!("workflow {} {text}: run {run_id}", self.id);
            return Err(Problem::conflict(code, text).hint(
                "without `\"id_conflict\": \"fail\"` the answer names the run that is there",
            ));
        }
        match self.wait {
            Some(wait) => api.end_of(self.id, (run_id, true), wait).await,
            None => Ok(self.told(Some(run_id), is_repeat)),
        }
    }

    fn told(&self, run_id: Option<RunId>, started: bool) -> Response {
        let mut response = answer::accepted(&Started {
            workflow_id: self.id,
            run_id,
            started,
            update_id: self.update_id,
        });
        if let Ok(path) = location::of_any(self.id).parse() {
            response.headers_mut().insert(LOCATION, path);
        }
        response
    }
}

/// Whether the chain in which a run stands began with that start.
async fn began_with(api: &Api, run: &StoredRun, start: &Cause) -> Result<bool, Problem> {
    let first = run.run.first_run_id();
    let Some(first) = api.stored(&run.workflow_id, Some(first)).await? else {
        return Ok(false);
    };
    let told = walk::records(api, &first, 1..2).await?;
    let began = told.first().map(|one| &one.transition.cause);
    Ok(began.is_some_and(|cause| (&cause.source, &cause.id) == (&start.source, &start.id)))
}

/// The workflow id of a start that names none, by its key.
fn id_of_key(namespace: &str, source: &str, key: &str) -> String {
    let id = WorkflowId::new("http-idempotency-key").expect("it is short enough");
    let start = format!("{source}/{key}");
    RunId::derive(namespace, &id, start.as_bytes()).to_string()
}

/// An id that nobody else has.
#[expect(
    clippy::disallowed_methods,
    reason = "a caller's request is no part of the engine: nothing of it is replayed"
)]
pub(super) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
