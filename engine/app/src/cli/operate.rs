//! Acts of a person on an open run: signed records, whose answer says that the act is in the journal.

use clap::Args;
use sagaline_core::{Payload, RunId, Seq, WorkflowId, show::Shown};
use sagaline_journal::wire::{act, ce_type, header};
use sagaline_sdk::{Coding, batch::Batch};
use serde::{Deserialize, Serialize};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::{
    Session,
    api::{Api, Change, Door, Method, Path},
    bulk::{Bulk, Doing, Many},
};
use crate::{
    fault::{Fault, Outcome},
    inbox::{Answer, Inbox, Question, coding_fault},
    output::{Format, Output},
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
    /// As it goes to the engine, with its payloads encoded.
    fn json(&self, coding: &Coding) -> Outcome<Payload> {
        let json = self.shown(coding, None)?;
        Ok(Payload::json(json.get().as_bytes()))
    }

    /// As the API takes it: a server encodes.
    fn plain(&self, reason: Option<&str>) -> Outcome<Box<RawValue>> {
        self.shown(&Coding::default(), reason)
    }

    /// What is not JSON, or could be mistaken for what is not, is written as `$base64`.
    fn shown(&self, coding: &Coding, reason: Option<&str>) -> Outcome<Box<RawValue>> {
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
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<&'a str>,
            #[serde(flatten)]
            options: Option<&'a Value>,
        }
        let raw = |payload: &'_ Option<Payload>| {
            let encoded = payload.clone().map(|payload| coding.encode(payload));
            let encoded = encoded.transpose().map_err(coding_fault)?;
            let json = encoded.map(|payload| to_raw_value(&Shown(&payload)));
            let json = json.transpose();
            json.map_err(|error| Fault::usage(format!("no JSON: {error}")))
        };
        let (input, result) = (raw(&self.input)?, raw(&self.result)?);
        Ok(to_raw_value(&Json {
            input: input.as_deref(),
            result: result.as_deref(),
            r#type: self.error_type.as_deref(),
            message: self.message.as_deref(),
            even_if_running: self.even_if_running,
            event_seq: self.event_seq,
            reapply: self.reapply,
            reason,
            options: self.options.as_ref(),
        })?)
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

/// What was done, as the API answers it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Told {
    #[serde(default)]
    workflow_id: String,
    run_id: Option<RunId>,
    event_seq: Option<Seq>,
}

impl Told {
    pub(super) fn of(workflow_id: &WorkflowId, answer: &Answer) -> Self {
        Self {
            workflow_id: workflow_id.as_str().to_owned(),
            run_id: answer.run_id,
            event_seq: answer.event_seq,
        }
    }

    pub(super) fn workflow_id(&self) -> &str {
        &self.workflow_id
    }

    /// `, run 0198…`
    pub(super) fn run(&self) -> String {
        let run = self.run_id;
        run.map_or_else(String::new, |run_id| format!(", run {run_id}"))
    }

    /// Prints it; for people the sentence.
    pub(super) fn print(&self, output: Output, done: &str) -> Outcome {
        match output.format {
            Format::Json | Format::Jsonl => output.json(self)?,
            Format::Table => output.say(done)?,
        }
        Ok(())
    }
}

impl Why {
    /// Has a server do it; returns when it is in the journal.
    pub(super) fn tell(
        &self,
        api: &Api,
        (method, path): (Method, Path),
        body: &Body,
    ) -> Outcome<Told> {
        self.send(api, (method, path), body.plain(self.reason.as_deref())?)
    }

    /// The same with a body that is whole.
    pub(super) fn send(
        &self,
        api: &Api,
        (method, path): (Method, Path),
        body: Box<RawValue>,
    ) -> Outcome<Told> {
        let answer = api.change(&Change {
            method,
            path,
            body,
            key: self.idempotency_key.as_deref(),
            timeout: self.timeout,
        })?;
        api.parsed(&answer.json)
    }
}

impl Operation<'_> {
    /// Does it; returns when it is in the journal, and prints `done`.
    pub(crate) fn tell(&self, session: &Session, why: &Why, body: &Body, done: &str) -> Outcome {
        if let Door::Http(api) = session.door()? {
            let told = why.tell(&api, self.call(), body)?;
            return told.print(session.output, done);
        }
        let mut question = self.signed(session, why, body)?;
        if let Some(key) = &why.idempotency_key {
            question = question.id(key.clone());
        }
        let inbox = Inbox::open(session)?;
        let asked = inbox.ask(question)?;
        let answer = inbox.accepted(&asked, why.timeout.map(Span::get))?;
        Told::of(self.workflow_id, &answer).print(session.output, done)
    }

    /// The call of the API that does the same.
    pub(super) fn call(&self) -> (Method, Path) {
        let run = Path::run(self.workflow_id, self.run_id);
        let of_activity = self.act.strip_prefix("activity-");
        match (self.act, of_activity, &self.target) {
            (act::DELETE, ..) => (Method::Delete, run),
            (act::ACTIVITY_UPDATE_OPTIONS, _, Some((_, id))) => {
                (Method::Patch, run.then("activities").then(id))
            }
            (_, Some(verb), Some((_, id))) => {
                (Method::Post, run.then("activities").then(id).then(verb))
            }
            (act, ..) => (Method::Post, run.then(act)),
        }
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
        assert_eq!(
            body.plain(Some("late")).unwrap().get(),
            r#"{"input":{"total": 49.90},"reason":"late"}"#
        );
    }

    #[test]
    fn json_that_could_be_mistaken_for_bytes_is_said_to_be_json() {
        let body = Body {
            result: Some(Payload::json(*br#"{"$base64":"?"}"#)),
            ..Body::default()
        };

        assert_eq!(
            body.plain(None).unwrap().get(),
            r#"{"result":{"$base64":"eyIkYmFzZTY0IjoiPyJ9","content_type":"application/json"}}"#
        );
    }

    #[test]
    fn each_act_is_a_call_of_the_api() {
        let id = WorkflowId::new("a/b").unwrap();
        let call = |act, target: Option<&str>| {
            let operation = Operation {
                workflow_id: &id,
                run_id: None,
                act,
                target: target.map(|id| (header::ACTIVITY_ID, id.to_owned())),
            };
            operation.call()
        };
        let run = || Path::new("workflows").then("a/b");
        let activity = || run().then("activities").then("3");

        for (act, target, expected) in [
            (act::PAUSE, None, (Method::Post, run().then("pause"))),
            (act::RESET, None, (Method::Post, run().then("reset"))),
            (act::DELETE, None, (Method::Delete, run())),
            (
                act::ACTIVITY_RETRY,
                Some("3"),
                (Method::Post, activity().then("retry")),
            ),
            (
                act::ACTIVITY_UPDATE_OPTIONS,
                Some("3"),
                (Method::Patch, activity()),
            ),
        ] {
            assert_eq!(call(act, target), expected, "{act}");
        }
    }
}
