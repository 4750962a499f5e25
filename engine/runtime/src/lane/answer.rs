//! Questions about a run: answered from durable state alone, and only behind a footer, so that a fenced zombie never
//! answers.

use sagaline_core::{
    Reply, ReplyTo, RunId, WorkflowId,
    event::{Answer, AnswerOutcome},
};

use super::Lane;
use crate::describe;

/// Somebody wants to know how a run is doing.
#[derive(Debug)]
pub(super) struct Question {
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
                let json = describe::describe(id, run, self.partition, now);
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
            Some((_, json)) => Answer {
                outcome: AnswerOutcome::Completed,
                error_type: None,
                error_message: None,
                result: Some(sagaline_core::Payload::json(json)),
            },
            None => Answer {
                outcome: AnswerOutcome::Rejected,
                error_type: Some(sagaline_core::error_type::NOT_FOUND.into()),
                error_message: Some(unknown(&question).into()),
                result: None,
            },
        };
        let id = format!(
            "describe/{}/{}",
            question.workflow_id, question.reply.correlation
        );
        Reply {
            to: question.reply,
            workflow_id: question.workflow_id,
            run_id,
            id: id.into(),
            answer,
        }
    }
}

fn unknown(question: &Question) -> String {
    let id = &question.workflow_id;
    match question.run_id {
        Some(run_id) => format!("run {run_id} of workflow {id} is not known, or not its last"),
        None => format!("workflow {id} is not known"),
    }
}
