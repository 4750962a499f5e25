//! Messages for a run and questions to its program: the body is what it is given, the answer what it says.

use axum::{
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::Response,
};
use sagaline_core::{Name, RunId, WorkflowId, error_type};
use sagaline_journal::wire::{ce_type, header, outcome};
use sagaline_sdk::client::RawAnswer;
use serde::Serialize;

use super::{
    Api,
    act::OF_RUN,
    answer,
    call::{Call, WAIT_MAX},
    location::{escaped, of},
    payload,
    refusal::{self, Subject},
    start::new_id,
};
use crate::problem::Problem;

pub(crate) async fn signal(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&OF_RUN)?;
    let (id, name) = (call.workflow_id()?, call.name("name")?);
    let request = call
        .request(ce_type::WORKFLOW_SIGNAL, &id)?
        .header(header::SIGNAL, Some(name.to_string()))
        .value(call.input()?);
    api.change(&id, request, Subject::Workflow).await
}

pub(crate) async fn query(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&OF_RUN)?;
    let (id, name) = (call.workflow_id()?, call.name("name")?);
    let request = call
        .request(ce_type::WORKFLOW_QUERY, &id)?
        .header(header::QUERY, Some(name.to_string()))
        .value(call.input()?);
    let (answer, _) = api.tell(request, Subject::Workflow).await?;
    match answer.outcome.as_str() {
        outcome::COMPLETED => Ok(payload::answer(&answer.value)),
        _ => Err(unanswered(&answer)),
    }
}

/// Why a query has no answer.
fn unanswered(answer: &RawAnswer) -> Problem {
    let of = |code| refusal::failed(code, "the query failed", answer);
    match answer.error_type.as_str() {
        error_type::UNKNOWN_QUERY => {
            let mut problem = of("query_not_found");
            problem.status = StatusCode::NOT_FOUND;
            problem
        }
        error_type::DEFINITION_MISSING => of("definition_missing"),
        error_type::BLOCKED | error_type::NONDETERMINISM | error_type::QUARANTINED => {
            of("workflow_blocked")
        }
        _ => of("query_failed"),
    }
}

/// How far an update shall be when it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Accepted,
    Completed,
}

/// An update that is under way.
#[derive(Serialize)]
pub(super) struct UnderWay<'a> {
    pub(super) workflow_id: &'a WorkflowId,
    pub(super) run_id: Option<RunId>,
    pub(super) update_id: &'a str,
    /// `accepted`: its end follows.
    pub(super) stage: &'static str,
}

pub(crate) async fn update(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["run_id", "workflow_id", "wait", "update_id"])?;
    let (id, name) = (call.workflow_id()?, call.name("name")?);
    let stage = match call.param("wait") {
        None | Some("completed") => Stage::Completed,
        Some("accepted") => Stage::Accepted,
        Some(_) => {
            let text = "parameter `wait`: accepted or completed is expected";
            return Err(Problem::bad_request("invalid_parameter", text));
        }
    };
    let update_id = update_id(&call)?;
    let request = call
        .request(ce_type::WORKFLOW_UPDATE, &id)?
        .header(header::UPDATE, Some(name.to_string()))
        .header(header::UPDATE_ID, Some(update_id.to_string()))
        .value(call.input()?);
    let (first, answers) = api.tell(request, Subject::Update).await?;
    api.wrote(&id);
    let last = match (first.is_last(), stage) {
        (true, _) => Some(first.clone()),
        (false, Stage::Accepted) => None,
        (false, Stage::Completed) => {
            let last = api.closing().within(WAIT_MAX, answers.last()).await;
            last.transpose().map_err(|error| refusal::unsent(&error))?
        }
    };
    api.wrote(&id);
    match last {
        Some(last) => ended(&last),
        None => Ok(under_way(&UnderWay {
            workflow_id: &id,
            run_id: first.run_id,
            update_id: update_id.as_str(),
            stage: "accepted",
        })),
    }
}

/// Which update it is: given as a parameter, or as the key of the request, or a new one.
fn update_id(call: &Call) -> Result<Name, Problem> {
    let given = call.param("update_id").map(str::to_owned);
    let given = match given {
        Some(given) => Some(given),
        None => call.idempotency_key()?,
    };
    let text = given.unwrap_or_else(new_id);
    Name::new(&text).map_err(|invalid| {
        Problem::bad_request("invalid_parameter", format!("`update_id`: {invalid}"))
    })
}

/// It goes on, and can be asked for.
pub(super) fn under_way(update: &UnderWay<'_>) -> Response {
    let mut response = answer::accepted(update);
    let path = format!(
        "{}/updates/{}",
        of(update.workflow_id),
        escaped(update.update_id)
    );
    if let Ok(path) = path.parse() {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}

/// What came of an update.
pub(super) fn ended(last: &RawAnswer) -> Result<Response, Problem> {
    match last.outcome.as_str() {
        outcome::COMPLETED => Ok(payload::answer(&last.value)),
        outcome::REJECTED => Err(refusal::refused(last, Subject::Update)),
        _ => Err(refusal::failed("update_failed", "the update failed", last)),
    }
}
