//! How a run ended: its result, or a problem that says why there is none.
//!
//! ```text
//! run ─▶ continued as new, reset ─▶ … ─▶ last run of the chain ─▶ result, failure, or still open
//! ```

use std::time::Duration;

use axum::{extract::State, http::header::RETRY_AFTER, response::Response};
use sagaline_core::{Failure, Outcome, Payload, RunId, WorkflowId, run::ClosedBy, show::Shown};
use sagaline_journal::wire::outcome;
use sagaline_projection::StoredRun;
use sagaline_sdk::client::RawAnswer;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Api, answer, call::Call, history::refuse_deleted, payload, reads::missing, refusal};
use crate::problem::Problem;

/// It has no result yet.
#[derive(Serialize)]
struct Open<'a> {
    workflow_id: &'a WorkflowId,
    run_id: RunId,
    status: &'static str,
}

pub(crate) async fn result(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["run_id", "workflow_id", "wait", "follow", "consistency"])?;
    let (id, run_id, wait) = (call.workflow_id()?, call.run_id()?, call.wait()?);
    let follow = call.flag("follow")?.unwrap_or(true);
    api.fresh(&id, call.consistency()?).await?;
    let first = api.found(&id, run_id).await?.run.run_id;
    api.end_of(&id, (first, follow), wait.unwrap_or_default())
        .await
}

impl Api {
    /// Answers how a run ended, once it has; that it is open when `wait` is over.
    pub(super) async fn end_of(
        &self,
        id: &WorkflowId,
        (first, follow): (RunId, bool),
        wait: Duration,
    ) -> Result<Response, Problem> {
        let closed = self
            .until((id, wait), || async move {
                let last = self.last_of_chain(id, first, follow).await?;
                Ok(last.run.closed.is_some().then_some(last))
            })
            .await?;
        match closed {
            Some(run) => of_run(&run),
            None => Ok(open(&self.last_of_chain(id, first, follow).await?)),
        }
    }

    async fn last_of_chain(
        &self,
        id: &WorkflowId,
        first: RunId,
        follow: bool,
    ) -> Result<StoredRun, Problem> {
        let mut run = self.found(id, Some(first)).await?;
        while let Some(next) = run.next_run_id().filter(|_| follow) {
            match self.stored(id, Some(next)).await? {
                Some(next) => run = next,
                // It lies in the same batch or the next, which is not projected yet.
                None => return Err(missing(id, Some(next))),
            }
        }
        Ok(run)
    }
}

fn open(run: &StoredRun) -> Response {
    let status = run.view(run.as_of, &[]).status();
    let mut response = answer::accepted(&Open {
        workflow_id: &run.workflow_id,
        run_id: run.run.run_id,
        status,
    });
    response.headers_mut().insert(RETRY_AFTER, 1.into());
    response
}

fn of_run(run: &StoredRun) -> Result<Response, Problem> {
    refuse_deleted(run)?;
    let id = &run.workflow_id;
    let Some(closed) = run.run.closed.as_deref() else {
        return Ok(open(run));
    };
    match closed.outcome {
        Outcome::Completed => {
            let nothing = Payload::empty();
            Ok(payload::answer(closed.result.as_ref().unwrap_or(&nothing)))
        }
        Outcome::Failed => Err(ended("workflow_failed", id, "failed", closed)),
        Outcome::Canceled => Err(ended("workflow_canceled", id, "was cancelled", closed)),
        Outcome::TimedOut => Err(ended("workflow_timed_out", id, "timed out", closed)),
        Outcome::Terminated => Err(ended("workflow_terminated", id, "was terminated", closed)),
        Outcome::ContinuedAsNew => {
            let how = "goes on in another run";
            Err(ended("workflow_continued_as_new", id, how, closed)
                .hint("without ?follow=false the result of that run is given"))
        }
    }
}

fn ended(code: &'static str, id: &WorkflowId, how: &str, closed: &ClosedBy) -> Problem {
    let why = match (&closed.failure, &closed.reason) {
        (
            Some(Failure {
                error_type,
                message,
                ..
            }),
            _,
        ) => format!(": {error_type}: {message}"),
        (None, Some(reason)) => format!(": {reason}"),
        (None, None) => String::new(),
    };
    let mut problem = Problem::conflict(code, format!("workflow {id} {how}{why}"));
    let failure = closed.failure.as_ref();
    let failure = failure.and_then(|failure| to_raw_value(&Shown(failure)).ok());
    problem.failure = Some(failure.unwrap_or_else(|| RawValue::NULL.to_owned()));
    problem
}

/// What the last answer to a start says.
pub(super) fn of_answer(id: &WorkflowId, last: &RawAnswer) -> Result<Response, Problem> {
    let (code, how) = match last.outcome.as_str() {
        outcome::COMPLETED => return Ok(payload::answer(&last.value)),
        outcome::CANCELED => ("workflow_canceled", "was cancelled"),
        outcome::TIMED_OUT => ("workflow_timed_out", "timed out"),
        outcome::TERMINATED => ("workflow_terminated", "was terminated"),
        outcome::REJECTED => return Err(refusal::refused(last, refusal::Subject::Workflow)),
        _ => ("workflow_failed", "failed"),
    };
    Err(refusal::failed(code, &format!("workflow {id} {how}"), last))
}
