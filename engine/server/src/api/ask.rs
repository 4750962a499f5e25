//! Requests on their way to the owner of a workflow, and the answer.

use std::time::Duration;

use axum::response::Response;
use sagaline_core::{RunId, Seq, WorkflowId};
use sagaline_journal::wire::header;
use sagaline_sdk::client::{RawAnswer, RawAnswers, RawRequest};
use serde::Serialize;
use tokio::time::timeout;

use super::{
    Api, answer,
    call::Call,
    refusal::{self, Subject},
};
use crate::problem::Problem;

/// How long an engine may take to answer.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(30);

impl Call {
    /// A request of that type, of whoever calls and by the key that was given. It is about the run that was named, if one was.
    pub(super) fn request(
        &self,
        ce_type: &'static str,
        workflow_id: &WorkflowId,
    ) -> Result<RawRequest, Problem> {
        let request = RawRequest::new(ce_type, workflow_id, &self.principal.source());
        let run_id = self.run_id()?.map(|run_id| run_id.to_string());
        let request = request.header(header::RUN_ID, run_id);
        Ok(match self.idempotency_key()? {
            Some(key) => request.id(key),
            None => request,
        })
    }
}

impl Api {
    /// Sends a request and waits for its first answer, which may be a refusal.
    pub(super) async fn ask(
        &self,
        request: RawRequest,
    ) -> Result<(RawAnswer, RawAnswers), Problem> {
        let client = self.client().await?;
        let sent = client.send_raw(request).await;
        let mut answers = sent.map_err(|error| refusal::unsent(&error))?;
        match timeout(ANSWER_WAIT, answers.first()).await {
            Ok(Ok(first)) => Ok((first, answers)),
            Ok(Err(error)) => Err(refusal::unsent(&error)),
            Err(_) => Err(refusal::unanswered(ANSWER_WAIT)),
        }
    }

    /// The same; a refusal is a problem, which is about `subject`.
    pub(super) async fn tell(
        &self,
        request: RawRequest,
        subject: Subject,
    ) -> Result<(RawAnswer, RawAnswers), Problem> {
        let (first, answers) = self.ask(request).await?;
        match first.is_refusal() {
            true => Err(refusal::refused(&first, subject)),
            false => Ok((first, answers)),
        }
    }

    /// Does what changes one workflow; answers once it is in the journal.
    pub(super) async fn change(
        &self,
        workflow_id: &WorkflowId,
        request: RawRequest,
        subject: Subject,
    ) -> Result<Response, Problem> {
        self.change_of((workflow_id, None), request, subject).await
    }

    /// The same; the answer is about that run unless it says another.
    pub(super) async fn change_of(
        &self,
        (workflow_id, run_id): (&WorkflowId, Option<RunId>),
        request: RawRequest,
        subject: Subject,
    ) -> Result<Response, Problem> {
        let (first, _) = self.tell(request, subject).await?;
        self.wrote(workflow_id);
        Ok(answer::accepted(&Done {
            workflow_id,
            run_id: first.run_id.or(run_id),
            event_seq: first.event_seq,
        }))
    }
}

/// What is in the journal, and where.
#[derive(Serialize)]
struct Done<'a> {
    workflow_id: &'a WorkflowId,
    run_id: Option<RunId>,
    event_seq: Option<Seq>,
}
