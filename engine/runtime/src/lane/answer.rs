//! Questions about a run: answered from durable state alone, and only behind a footer, so that a fenced zombie never
//! answers.
//!
//! A query goes to the run's program as it is after the run's durable activations. No other batch is in flight then, so
//! a program that is kept is just that.

use sagaline_core::{
    Failure, Identity, Name, PAYLOAD_BYTES_MAX, Payload, Reply, ReplyTo, RunId, error_type,
    event::{Answer, AnswerOutcome},
    program::{self, Programs},
};

use super::Lane;
use crate::{
    describe,
    input::{About, Question},
};

/// A question, and which one.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) by: Identity,
    pub(super) question: Box<Question>,
}

impl Lane {
    /// Answers from durable state and behind a footer.
    pub(super) fn answer(&mut self, asked: Asked) -> Reply {
        let Asked { by, question } = asked;
        let (what, (run_id, answer)) = match &question.about {
            About::Description => ("describe", self.description(&question)),
            About::Query { query, input } => ("query", self.query(&question, query, input)),
        };
        let id = format!("{what}/{by}/{}", question.reply.correlation);
        Reply {
            to: question.reply,
            workflow_id: question.workflow_id,
            run_id,
            event_seq: None,
            id: id.into(),
            answer,
        }
    }

    /// How a run is doing.
    fn description(&self, question: &Question) -> (Option<RunId>, Answer) {
        let state = &self.fold.state;
        let run = state.run(&question.workflow_id);
        let closed = state.closed(&question.workflow_id);
        let (id, now) = (&question.workflow_id, state.now());
        let (run_id, json) = match (run, closed) {
            (Some(run), _) if question.means(run.run_id) => {
                let json = describe::describe(id, run, self.partition, state);
                (run.run_id, json)
            }
            (None, Some(closed)) if question.means(closed.run_id) => {
                let json = describe::remembered(id, closed, self.partition, now);
                (closed.run_id, json)
            }
            _ => return (None, rejected(error_type::NOT_FOUND, unknown(question))),
        };
        let answer = match json.len() > self.description_bytes_max(&question.reply) {
            true => rejected(error_type::PAYLOAD_TOO_LARGE, too_large(json.len())),
            false => completed(Payload::json(json)),
        };
        (Some(run_id), answer)
    }

    /// What the program of an open run answers.
    fn query(
        &mut self,
        question: &Question,
        query: &Name,
        input: &Payload,
    ) -> (Option<RunId>, Answer) {
        let state = &self.fold.state;
        let id = &question.workflow_id;
        let run = match (state.run(id), state.closed(id)) {
            (Some(run), _) if question.means(run.run_id) => run,
            (None, Some(closed)) if question.means(closed.run_id) => {
                let (run_id, status) = (closed.run_id, closed.outcome.status());
                let message = format!(
                    "run {run_id} of workflow {id} is {status}; only open runs answer queries"
                );
                return (Some(run_id), rejected(error_type::CLOSED, message));
            }
            _ => return (None, rejected(error_type::NOT_FOUND, unknown(question))),
        };
        let asked = program::Question::Query { query, input };
        let answer = match self.programs.inquire(id, run, asked) {
            Ok(answer) if answer.is_too_large() => {
                let bytes = answer.data().len();
                let message =
                    format!("query {query} answers {bytes} bytes; {PAYLOAD_BYTES_MAX} are allowed");
                failed(Failure::new(
                    Name::from(error_type::PAYLOAD_TOO_LARGE),
                    message,
                ))
            }
            Ok(answer) => completed(answer),
            Err(failure) => failed(failure),
        };
        (Some(run.run_id), answer)
    }
}

impl Question {
    fn means(&self, run_id: RunId) -> bool {
        self.run_id.is_none_or(|wanted| wanted == run_id)
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

fn completed(result: Payload) -> Answer {
    Answer {
        outcome: AnswerOutcome::Completed,
        error_type: None,
        error_message: None,
        result: Some(result),
    }
}

fn failed(failure: Failure) -> Answer {
    Answer {
        outcome: AnswerOutcome::Failed,
        error_type: Some(failure.error_type),
        error_message: Some(failure.message),
        result: failure.details.filter(|details| !details.is_too_large()),
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
