//! Questions about a run: answered from durable state alone, and only behind a footer, so that a fenced zombie never
//! answers.

use sagaline_core::{
    Identity, Payload, Reply, ReplyTo, RunId, WorkflowId, error_type,
    event::{Answer, AnswerOutcome},
};

use super::Lane;
use crate::describe;

/// Somebody wants to know how a run is doing.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) asked: Identity,
    pub(super) workflow_id: WorkflowId,
    pub(super) run_id: Option<RunId>,
    pub(super) reply: ReplyTo,
}

impl Lane {
    /// How a run is doing, from durable state and behind a footer.
    pub(super) fn answer(&self, question: Question) -> Reply {
        let state = &self.fold.state;
        let is_meant = |run_id: RunId| question.run_id.is_none_or(|wanted| wanted == run_id);
        let run = state.run(&question.workflow_id);
        let closed = state.closed(&question.workflow_id);
        let (id, now) = (&question.workflow_id, state.now());
        let known = match (run, closed) {
            (Some(run), _) if is_meant(run.run_id) => {
                let json = describe::describe(id, run, self.partition, &self.fold.state);
                Some((run.run_id, json))
            }
            (None, Some(closed)) if is_meant(closed.run_id) => {
                let json = describe::remembered(id, closed, self.partition, now);
                Some((closed.run_id, json))
            }
            _ => None,
        };
        let run_id = known.as_ref().map(|(run_id, _)| *run_id);
        let answer = match known {
            Some((_, json)) if json.len() > self.description_bytes_max(&question.reply) => {
                rejected(error_type::PAYLOAD_TOO_LARGE, too_large(json.len()))
            }
            Some((_, json)) => Answer {
                outcome: AnswerOutcome::Completed,
                error_type: None,
                error_message: None,
                result: Some(Payload::json(json)),
            },
            None => rejected(error_type::NOT_FOUND, unknown(&question)),
        };
        let id = format!("describe/{}/{}", question.asked, question.reply.correlation);
        Reply {
            to: question.reply,
            workflow_id: question.workflow_id,
            run_id,
            event_seq: None,
            id: id.into(),
            answer,
        }
    }
}

/// Bytes of a description on `<ns>.replies`, whose records may have 8 MB.
const DESCRIPTION_BYTES_MAX: usize = 7 * 1024 * 1024;

/// The same on any other topic: Kafka's default for a record is 1 MB.
const DESCRIPTION_ELSEWHERE_BYTES_MAX: usize = 1_000_000;

impl Lane {
    fn description_bytes_max(&self, to: &ReplyTo) -> usize {
        match *to.topic == *self.shared.reading.replies.0 {
            true => DESCRIPTION_BYTES_MAX,
            false => DESCRIPTION_ELSEWHERE_BYTES_MAX,
        }
    }
}

fn rejected(error_type: &'static str, message: String) -> Answer {
    Answer {
        outcome: AnswerOutcome::Rejected,
        error_type: Some(error_type.into()),
        error_message: Some(message.into()),
        result: None,
    }
}

fn too_large(bytes: usize) -> String {
    format!("the description has {bytes} bytes, too many for an answer; read the journal instead")
}

fn unknown(question: &Question) -> String {
    let id = &question.workflow_id;
    match question.run_id {
        Some(run_id) => format!("run {run_id} of workflow {id} is not known, or not its last"),
        None => format!("workflow {id} is not known"),
    }
}
