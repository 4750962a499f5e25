//! Questions about a run: answered from durable state alone, and only behind a footer, so that a fenced zombie never
//! answers.

use sagaline_core::{
    Reply, ReplyTo, RunId, WorkflowId,
    event::{Answer, AnswerOutcome},
};

use super::Lane;

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
        let run = self
            .fold
            .state
            .run(&question.workflow_id)
            .filter(|run| question.run_id.is_none_or(|wanted| wanted == run.run_id));
        let answer = match run {
            Some(run) => {
                let json = crate::describe::describe(
                    &question.workflow_id,
                    run,
                    self.partition,
                    self.fold.state.now(),
                );
                Answer {
                    outcome: AnswerOutcome::Completed,
                    error_type: None,
                    error_message: None,
                    result: Some(sagaline_core::Payload::json(json)),
                }
            }
            None => {
                let closed = self.fold.state.closed(&question.workflow_id);
                let (error_type, message) = match closed {
                    Some(closed) => (
                        sagaline_core::error_type::CLOSED,
                        format!(
                            "workflow {} is {}",
                            question.workflow_id,
                            closed.outcome.status()
                        ),
                    ),
                    None => (
                        sagaline_core::error_type::NOT_FOUND,
                        format!("workflow {} is not known", question.workflow_id),
                    ),
                };
                Answer {
                    outcome: AnswerOutcome::Rejected,
                    error_type: Some(error_type.into()),
                    error_message: Some(message.into()),
                    result: None,
                }
            }
        };
        let id = format!(
            "describe/{}/{}",
            question.workflow_id, question.reply.correlation
        );
        Reply {
            to: question.reply,
            workflow_id: question.workflow_id,
            run_id: run.map(|run| run.run_id),
            id: id.into(),
            answer,
        }
    }
}
