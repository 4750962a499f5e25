//! Acts of a person on an open run: signed records, whose answer says that the act is in the journal.

use clap::Args;
use sagaline_core::{Payload, RunId, Seq, WorkflowId, show::Shown};
use sagaline_journal::wire::{ce_type, header};
use sagaline_sdk::{Coding, batch::Batch};
use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::{
    Session,
    bulk::{Bulk, Doing, Many},
};
use crate::{
    fault::{Fault, Outcome},
    inbox::{Inbox, Question, coding_fault},
    output::Format,
    server::keys,
    settings::Span,
};

/// What every act takes.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why: it is kept in the history
    #[arg(long)]
    pub(super) reason: Option<String>,
    /// Says which request this is: the same again does nothing again
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
    /// Give up waiting for the engine after this long [default: 30s]
    #[arg(long, value_name = "SPAN")]
    pub(super) timeout: Option<Span>,
}

/// The body of an act, as the API has it.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) input: Option<Payload>,
    pub(crate) result: Option<Payload>,
    pub(crate) error_type: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) even_if_running: bool,
    /// To which event a run is reset.
    pub(crate) event_seq: Option<Seq>,
    /// What becomes of signals behind it.
    pub(crate) reapply: Option<&'static str>,
    /// What of an activity's options changes: `retry` and `timeouts`.
    pub(crate) options: Option<Value>,
}

impl Body {
    /// As it goes to the engine: what is not JSON once it is encoded is written as `$base64`.
    fn json(&self, coding: &Coding) -> Outcome<Payload> {
        #[derive(Serialize)]
        struct Json<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            input: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            result: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            r#type: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<&'a str>,
            #[serde(skip_serializing_if = "is_false")]
            even_if_running: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            event_seq: Option<Seq>,
            #[serde(skip_serializing_if = "Option::is_none")]
            reapply: Option<&'a str>,
            #[serde(flatten)]
            options: Option<&'a Value>,
        }
        let raw = |payload: &'_ Option<Payload>| {
            let encoded = payload.clone().map(|payload| coding.encode(payload));
            let encoded = encoded.transpose().map_err(coding_fault)?;
            let json = encoded.map(|payload| match payload.is_json() {
                true => serde_json::from_slice::<Box<RawValue>>(payload.data()),
                false => to_raw_value(&Shown(&payload)),
            });
            let json = json.transpose();
            json.map_err(|error| Fault::usage(format!("no JSON: {error}")))
        };
        let (input, result) = (raw(&self.input)?, raw(&self.result)?);
        let json = serde_json::to_vec(&Json {
            input: input.as_deref(),
            result: result.as_deref(),
            r#type: self.error_type.as_deref(),
            message: self.message.as_deref(),
            even_if_running: self.even_if_running,
            event_seq: self.event_seq,
            reapply: self.reapply,
            options: self.options.as_ref(),
        });
        Ok(Payload::json(json.map_err(std::io::Error::from)?))
    }
}

const fn is_false(value: &bool) -> bool {
    !*value
}

/// An act, and on what.
#[derive(Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) workflow_id: &'a WorkflowId,
    /// Only this run of it.
    pub(crate) run_id: Option<RunId>,
    /// `sl-act`.
    pub(crate) act: &'static str,
    /// The header that names what of the run it is about.
    pub(crate) target: Option<(&'static str, String)>,
}

#[derive(Serialize)]
struct Told<'a> {
    workflow_id: &'a WorkflowId,
    run_id: Option<RunId>,
    event_seq: Option<Seq>,
}

impl Operation<'_> {
    /// Does it; returns when it is in the journal, and prints `done`.
    pub(crate) fn tell(&self, session: &Session, why: &Why, body: &Body, done: &str) -> Outcome {
        let mut question = self.signed(session, why, body)?;
        if let Some(key) = &why.idempotency_key {
            question = question.id(key.clone());
        }
        let inbox = Inbox::open(session)?;
        let asked = inbox.ask(question)?;
        let answer = inbox.accepted(&asked, why.timeout.map(Span::get))?;
        match session.output.format {
            Format::Json | Format::Jsonl => session.output.json(&Told {
                workflow_id: self.workflow_id,
                run_id: answer.run_id,
                event_seq: answer.event_seq,
            })?,
            Format::Table => session.output.say(done)?,
        }
        Ok(())
    }

    /// The request, signed.
    pub(super) fn signed(&self, session: &Session, why: &Why, body: &Body) -> Outcome<Question> {
        let question = self.question(why, body.json(&session.coding)?);
        Ok(question.signed(keys(session)?))
    }

    /// The request, not signed yet.
    fn question(&self, why: &Why, body: Payload) -> Question {
        let question = Question::new(ce_type::WORKFLOW_OPERATE, self.workflow_id);
        let actor = question.source().to_owned();
        let run_id = self.run_id.map(|run_id| run_id.to_string());
        let question = question
            .header(header::ACT, Some(self.act))
            .header(header::RUN_ID, run_id)
            .header(header::ACTOR, Some(actor))
            .header(header::REASON, why.reason.clone())
            .value(body);
        match &self.target {
            Some((name, value)) => question.header(name, Some(value)),
            None => question,
        }
    }
}

/// Does it to all that are meant.
pub(crate) fn tell_all(
    session: &Session,
    (many, why): (&Many, &Why),
    (doing, act): (Doing, &'static str),
    body: &Body,
) -> Outcome {
    let body = body.json(&session.coding)?;
    let body: &RawValue = serde_json::from_slice(body.data()).map_err(std::io::Error::from)?;
    let bulk = Bulk {
        session,
        many,
        doing,
        why,
    };
    bulk.run(Batch::new(act, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_go_into_the_body_as_they_stand() {
        let body = Body {
            input: Some(Payload::json(*br#"{"total": 49.90}"#)),
            ..Body::default()
        };

        assert_eq!(
            body.json(&Coding::default()).unwrap().data(),
            br#"{"input":{"total": 49.90}}"#
        );
    }
}
