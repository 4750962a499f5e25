//! What engines and brokers refuse, as problems: the status and the code by the error's type, the text as it came.

use std::time::Duration;

use axum::http::StatusCode;
use sagaline_core::{Failure, Name, error_type, show::Shown};
use sagaline_journal::{Error, ErrorKind};
use sagaline_sdk::client::{ClientError, RawAnswer};
use serde_json::value::{RawValue, to_raw_value};

use crate::problem::Problem;

/// What of a workflow a request is about: what there is none of where none is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A run.
    Workflow,
    /// The name of a workflow that is to be started.
    Definition,
    /// An activity of a run.
    Activity,
    /// An incident of a run.
    Incident,
    /// An update of a run: what is not the engine's word is the workflow's.
    Update,
    /// A task queue.
    Queue,
    /// A schedule.
    Schedule,
    /// A batch.
    Batch,
}

impl Subject {
    pub(super) const fn missing(self) -> (&'static str, &'static str) {
        match self {
            Self::Workflow | Self::Update => (
                "workflow_not_found",
                "it may not have started yet, or closed longer ago than its owner remembers it",
            ),
            Self::Definition => (
                "definition_not_found",
                "GET /api/v1/info lists the workflows of this app",
            ),
            Self::Activity => (
                "activity_not_found",
                "`pending_activities` of GET /api/v1/workflows/{id} are those that can be acted on",
            ),
            Self::Incident => (
                "incident_not_found",
                "GET /api/v1/incidents lists what is open",
            ),
            Self::Queue => (
                "task_queue_not_found",
                "GET /api/v1/task-queues lists those that are there",
            ),
            Self::Schedule => (
                "schedule_not_found",
                "GET /api/v1/schedules lists those that are there",
            ),
            Self::Batch => (
                "batch_not_found",
                "GET /api/v1/batches lists those that are there",
            ),
        }
    }
}

/// The problem that a refusal is.
pub(super) fn refused(answer: &RawAnswer, subject: Subject) -> Problem {
    let message = answer.error_message.clone();
    let conflict = |code, hint| Problem::conflict(code, message.clone()).hint(hint);
    match answer.error_type.as_str() {
        error_type::NOT_FOUND => {
            let (code, hint) = subject.missing();
            Problem::not_found(code, message).hint(hint)
        }
        error_type::CLOSED if subject == Subject::Schedule || subject == Subject::Batch => {
            let (code, hint) = subject.missing();
            Problem::not_found(code, message).hint(hint)
        }
        error_type::CLOSED => conflict(
            "workflow_closed",
            "it has ended: GET /api/v1/workflows/{id}/result says how",
        ),
        error_type::ALREADY_STARTED => conflict(
            "workflow_id_used",
            "`id_reuse` says when an id may be used again",
        ),
        error_type::OPEN => conflict("workflow_open", "cancel or terminate it first"),
        error_type::ATTEMPT_RUNNING => conflict(
            "attempt_running",
            "wait for it, or say `\"even_if_running\": true`: what its worker answers is ignored then",
        ),
        error_type::INCIDENT_RESOLVED => conflict(
            "incident_resolved",
            "somebody was faster: nothing is left to do",
        ),
        error_type::PAUSED => conflict("workflow_paused", "resume it first"),
        error_type::CANCELED => conflict(
            "activity_canceled",
            "it was asked to stop: what it has done by then counts",
        ),
        error_type::CANNOT_RESET => conflict("cannot_reset", "choose an earlier event"),
        error_type::BLOCKED => conflict(
            "workflow_blocked",
            "GET /api/v1/workflows/{id} says by what",
        ),
        error_type::DEFINITION_MISSING => conflict(
            "definition_missing",
            "this engine's app lacks the workflow or that version of it",
        ),
        error_type::NONDETERMINISM | error_type::QUARANTINED => conflict(
            "workflow_blocked",
            "its incident says why: GET /api/v1/incidents",
        ),
        error_type::HISTORY_FULL => conflict(
            "history_full",
            "its history is as long as it may be: let it continue as new, or reset it",
        ),
        error_type::LIMIT => Problem::new(StatusCode::TOO_MANY_REQUESTS, "limit_reached", message)
            .retry_after(LIMIT_PAUSE),
        error_type::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message)
                .hint("keep large values elsewhere, and send where they are")
        }
        error_type::INVALID_INPUT | error_type::INVALID_OPTIONS => {
            Problem::bad_request("invalid_input", message)
        }
        _ if subject == Subject::Update => update_rejected(answer),
        "" | error_type::PANIC => failed("request_refused", "it was refused", answer),
        _ => Problem::bad_request("request_rejected", message)
            .hint("it is kept as rejected, with this reason"),
    }
}

/// When something that is full may have room.
const LIMIT_PAUSE: Duration = Duration::from_secs(5);

/// The workflow does not want an update.
fn update_rejected(answer: &RawAnswer) -> Problem {
    let code = match answer.error_type.as_str() {
        error_type::UNKNOWN_UPDATE => "update_not_found",
        _ => "update_rejected",
    };
    let mut problem = failed(code, "the workflow does not want it", answer);
    if code == "update_not_found" {
        problem.status = StatusCode::NOT_FOUND;
    }
    problem
}

/// The problem that something failed.
pub(super) fn failed(code: &'static str, how: &str, answer: &RawAnswer) -> Problem {
    let RawAnswer {
        error_type,
        error_message,
        ..
    } = answer;
    let mut problem = Problem::conflict(code, format!("{how}: {error_type}: {error_message}"));
    problem.failure = failure(answer);
    problem
}

/// A failure as the API shows failures.
fn failure(answer: &RawAnswer) -> Option<Box<RawValue>> {
    let error_type = Name::new(&answer.error_type).ok()?;
    let mut failure = Failure::new(error_type, answer.error_message.clone());
    if !answer.value.data().is_empty() {
        failure = failure.with_details(answer.value.clone());
    }
    to_raw_value(&Shown(&failure)).ok()
}

/// A request that did not get into the inbox, or whose answer is no longer heard.
pub(super) fn unsent(error: &Error) -> Problem {
    let text = error.message();
    match (error.kind(), error.code()) {
        (_, "kafka-record-too-large") => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", text)
        }
        (ErrorKind::Invalid, "payload-codec") => Problem::bad_request("payload_codec", text),
        (ErrorKind::Invalid, "workflow-id") => Problem::bad_request("invalid_workflow_id", text),
        (ErrorKind::Invalid, _) => Problem::bad_request("request_rejected", text),
        (ErrorKind::NotFound | ErrorKind::Unavailable, _) => {
            Problem::unavailable("kafka_unavailable", text).hint(
                "the request may be in the inbox: an `Idempotency-Key` makes it safe to repeat",
            )
        }
        (ErrorKind::Conflict | ErrorKind::Fenced | ErrorKind::Corrupt | ErrorKind::Internal, _) => {
            Problem::internal(text)
        }
    }
}

/// There is no way to the brokers, or no topics yet.
pub(super) fn unreached(error: ClientError) -> Problem {
    match error {
        ClientError::Request(error) => Problem::unavailable("kafka_unavailable", error.message())
            .hint("brokers and engine are starting, or away; /readyz says more"),
        other => Problem::internal(other.to_string()),
    }
}

/// Nobody answered.
pub(super) fn unanswered(wait: Duration) -> Problem {
    let seconds = wait.as_secs();
    let text = format!("no engine answered within {seconds} s; the request stays in the inbox");
    Problem::unavailable("no_answer", text).hint(
        "the partition may be changing hands: /readyz says so; an `Idempotency-Key` makes it safe to repeat",
    )
}

#[cfg(test)]
mod tests {
    use sagaline_core::Payload;

    use super::*;

    fn answer(error_type: &str) -> RawAnswer {
        RawAnswer {
            outcome: "rejected".to_owned(),
            run_id: None,
            event_seq: None,
            error_type: error_type.to_owned(),
            error_message: "no".to_owned(),
            value: Payload::json(*b"{\"left\":3}"),
        }
    }

    #[test]
    fn a_refusal_has_the_status_and_the_code_of_its_type() {
        for (error_type, subject, status, code) in [
            (
                "sagaline.NotFound",
                Subject::Workflow,
                404,
                "workflow_not_found",
            ),
            (
                "sagaline.NotFound",
                Subject::Definition,
                404,
                "definition_not_found",
            ),
            ("sagaline.Closed", Subject::Workflow, 409, "workflow_closed"),
            (
                "sagaline.Closed",
                Subject::Schedule,
                404,
                "schedule_not_found",
            ),
            (
                "sagaline.AttemptRunning",
                Subject::Activity,
                409,
                "attempt_running",
            ),
            (
                "sagaline.IncidentResolved",
                Subject::Incident,
                409,
                "incident_resolved",
            ),
            ("sagaline.Limit", Subject::Update, 429, "limit_reached"),
            (
                "sagaline.PayloadTooLarge",
                Subject::Workflow,
                413,
                "payload_too_large",
            ),
            (
                "sagaline.InvalidInput",
                Subject::Workflow,
                400,
                "invalid_input",
            ),
            (
                "sagaline.UnknownUpdate",
                Subject::Update,
                404,
                "update_not_found",
            ),
            ("TooMany", Subject::Update, 409, "update_rejected"),
            ("TooMany", Subject::Workflow, 400, "request_rejected"),
        ] {
            let problem = refused(&answer(error_type), subject);
            assert_eq!((problem.status.as_u16(), problem.code), (status, code));
        }
    }

    #[test]
    fn what_a_workflow_says_against_an_update_comes_with_its_details() {
        let problem = refused(&answer("TooMany"), Subject::Update);

        let failure: serde_json::Value =
            serde_json::from_str(problem.failure.unwrap().get()).unwrap();
        assert_eq!(failure["type"], "TooMany");
        assert_eq!(failure["details"]["left"], 3);
    }
}
