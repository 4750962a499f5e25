//! The runs of a workflow: one, all, how an update of one ended.

use axum::{extract::State, response::Response};
use sagaline_core::{
    Timestamp, WorkflowId,
    run::{EndedUpdate, UpdateOutcome},
    show::Shown,
    view::Row,
};
use sagaline_journal::wire::ce_type;
use sagaline_projection::StoredRun;
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;

use super::{
    Api, answer,
    call::Call,
    history::refuse_deleted,
    message::{UnderWay, under_way},
    payload,
    reads::{Consistency, unread_error},
};
use crate::problem::Problem;

pub(crate) async fn describe(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["run_id", "workflow_id", "consistency"])?;
    let (id, run_id) = (call.workflow_id()?, call.run_id()?);
    let how = call.consistency()?;
    if how == Consistency::Strong
        && let Some(answer) = of_owner(&api, &call, &id).await?
    {
        return Ok(answer);
    }
    api.fresh(&id, how).await?;
    let run = api.found(&id, run_id).await?;
    let around = api.around(std::slice::from_ref(&run)).await?;
    Ok(answer::json(&around.view(&run).describe()))
}

/// What the owner says of an open run. Of a closed one it remembers little, and of one before the newest nothing.
async fn of_owner(api: &Api, call: &Call, id: &WorkflowId) -> Result<Option<Response>, Problem> {
    #[derive(Deserialize)]
    struct Closed {
        closed_at: Option<String>,
    }
    let request = call.request(ce_type::WORKFLOW_DESCRIBE, id)?;
    let (answer, _) = api.ask(request).await?;
    if answer.is_refusal() {
        return Ok(None);
    }
    let is_open = serde_json::from_slice(answer.value.data())
        .is_ok_and(|Closed { closed_at }| closed_at.is_none());
    Ok(is_open.then(|| payload::answer(&answer.value)))
}

#[derive(Serialize)]
struct Runs<'a> {
    runs: Vec<Row<'a>>,
    as_of: Option<Shown<'a, Timestamp>>,
    server_time: Shown<'a, Timestamp>,
}

pub(crate) async fn runs(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["run_id", "workflow_id", "consistency"])?;
    let (id, run_id) = (call.workflow_id()?, call.run_id()?);
    api.fresh(&id, call.consistency()?).await?;
    let runs = api.projection().runs_of(&id).await;
    let runs = runs.map_err(|error| unread_error(&error))?;
    // Who names one of them asks for those that it is among.
    let is_there = |run_id| runs.iter().any(|run| run.run.run_id == run_id);
    if runs.is_empty() || run_id.is_some_and(|run_id| !is_there(run_id)) {
        return Err(super::reads::missing(&id, run_id));
    }
    let around = api.around(&runs).await?;
    Ok(answer::json(&Runs {
        runs: runs.iter().map(|run| around.view(run).row()).collect(),
        as_of: runs.first().map(|run| Shown(&run.as_of)),
        server_time: Shown(&around.now),
    }))
}

pub(crate) async fn update(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["run_id", "workflow_id", "wait", "consistency"])?;
    let (id, run_id, wait) = (call.workflow_id()?, call.run_id()?, call.wait()?);
    let update_id = call.name("name")?;
    api.fresh(&id, call.consistency()?).await?;
    let run = api.found(&id, run_id).await?;
    refuse_deleted(&run)?;
    let run_id = run.run.run_id;
    let is_pending = run.run.updates.pending_of(&update_id).is_some();
    let (api, update) = (&api, &update_id);
    let of_run = |run: StoredRun| {
        let ended = run.run.updates.ended_of(update).cloned();
        let cut_off = is_pending && run.run.closed.is_some();
        match (ended, cut_off) {
            (Some(ended), _) => Some(Some(ended)),
            (None, true) => Some(None),
            (None, false) => None,
        }
    };
    if !is_pending && run.run.updates.ended_of(update).is_none() {
        let text = format!("run {run_id} of workflow {id} knows no update {update_id}");
        return Err(Problem::not_found("update_not_found", text));
    }
    let ended = api
        .until((&id, wait.unwrap_or_default()), || {
            let (of_run, id) = (&of_run, &id);
            async move { Ok(api.stored(id, Some(run_id)).await?.and_then(of_run)) }
        })
        .await?;
    match ended {
        Some(ended) => told(update.as_str(), ended),
        None => Ok(under_way(&UnderWay {
            workflow_id: &id,
            run_id: Some(run_id),
            update_id: update.as_str(),
            stage: "accepted",
        })),
    }
}

/// How an update ended; none: its run closed before.
fn told(update_id: &str, ended: Option<EndedUpdate>) -> Result<Response, Problem> {
    let Some(ended) = ended else {
        let text = format!("the run closed before update {update_id} ended");
        return Err(Problem::conflict("workflow_closed", text));
    };
    let (code, how, failure) = match ended.outcome {
        Some(UpdateOutcome::Completed(output)) => return Ok(payload::answer(&output)),
        Some(UpdateOutcome::Failed(failure)) => ("update_failed", "failed", failure),
        Some(UpdateOutcome::Rejected(failure)) => ("update_rejected", "was not wanted", failure),
        None => {
            let text = format!(
                "update {update_id} ended at event {}, and how is not kept any more",
                ended.seq
            );
            return Err(
                Problem::new(axum::http::StatusCode::GONE, "update_forgotten", text)
                    .hint("the history has it"),
            );
        }
    };
    let text = format!(
        "update {update_id} {how}: {}: {}",
        failure.error_type, failure.message
    );
    let mut problem = Problem::conflict(code, text);
    problem.failure = to_raw_value(&Shown(&failure)).ok();
    Err(problem)
}
