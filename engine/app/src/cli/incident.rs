//! `incident`: what waits for a person, over all partitions, and the acts that solve it.

use std::str::FromStr;

use clap::{Args, Subcommand};
use sagaline_core::{
    Payload, RunId, Seq, WorkflowId,
    view::{IncidentView, View},
};
use sagaline_journal::wire::{act, ce_type, header};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Session,
    input::{Input, read},
};
use crate::{
    fault::{Fault, Outcome},
    inbox::{Inbox, Question},
    journal::Journal,
    output::{Format, aside},
    runs::{Keep, Runs},
    server::keys,
    settings::Span,
};

/// What can be done with incidents.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print what waits for a person, the oldest first
    List(ListArgs),
    /// Try again: the activity gets a fresh set of attempts
    Retry(RetryArgs),
    /// Go on as if the activity had returned a result
    Skip(SkipArgs),
    /// Give up: the activity fails, or the run
    Fail(FailArgs),
}

/// What `list` takes.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Most rows that are printed
    #[arg(long, default_value_t = 50, value_name = "ROWS")]
    limit: usize,
}

/// What every act takes.
#[derive(Debug, Args)]
struct ActArgs {
    /// Incident, as `incident list` prints it
    #[arg(value_name = "INCIDENT")]
    id: IncidentId,
    /// Why: it is kept in the history
    #[arg(long)]
    reason: Option<String>,
    /// Says which request this is: the same again does nothing again
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Give up waiting for the engine after this long [default: 30s]
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
}

/// What `retry` takes.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    #[command(flatten)]
    act: ActArgs,
    #[command(flatten)]
    input: Input,
}

/// What `skip` takes.
#[derive(Debug, Args)]
pub(crate) struct SkipArgs {
    #[command(flatten)]
    act: ActArgs,
    /// What the activity would have returned: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON|@FILE|-")]
    result: String,
}

/// What `fail` takes.
#[derive(Debug, Args)]
pub(crate) struct FailArgs {
    #[command(flatten)]
    act: ActArgs,
}

/// `<run id>.<seq>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct IncidentId {
    run_id: RunId,
    seq: Seq,
}

impl FromStr for IncidentId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.');
        let id = parts.and_then(|(run_id, seq)| {
            Some(Self {
                run_id: run_id.parse().ok()?,
                seq: seq.parse().ok()?,
            })
        });
        id.ok_or("an incident's id is <run id>.<seq>; `incident list` prints it")
    }
}

impl std::fmt::Display for IncidentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.run_id, self.seq)
    }
}

impl Verb {
    pub(crate) fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List(args) => list(session, &args),
            Self::Retry(args) => {
                let body = Body {
                    input: args.input.given()?,
                    result: None,
                };
                solve(session, args.act, act::INCIDENT_RETRY, &body)
            }
            Self::Skip(args) => {
                let body = Body {
                    input: None,
                    result: Some(read("--result", &args.result)?),
                };
                solve(session, args.act, act::INCIDENT_SKIP, &body)
            }
            Self::Fail(args) => solve(session, args.act, act::INCIDENT_FAIL, &Body::default()),
        }
    }
}

#[derive(Serialize)]
struct List<'a> {
    incidents: Vec<IncidentView<'a>>,
    next_page_token: Option<()>,
}

fn list(session: &Session, args: &ListArgs) -> Outcome {
    let folded = runs_of_all(session)?;
    let mut seen: Vec<View<'_>> = folded
        .iter()
        .flat_map(|runs| {
            let with_incidents = runs
                .iter()
                .filter(|(_, seen)| !seen.run.incidents.is_empty());
            with_incidents.map(|(id, seen)| runs.view(id, seen, session.output.now, &[]))
        })
        .collect();
    seen.sort_by_key(|view| view.run.incidents.first().map(|incident| incident.since));
    let mut incidents: Vec<IncidentView<'_>> = seen.iter().flat_map(View::incidents).collect();
    let all = incidents.len();
    incidents.truncate(args.limit);
    match session.output.format {
        Format::Json => session.output.json(&List {
            incidents,
            next_page_token: None,
        })?,
        Format::Jsonl => incidents
            .iter()
            .try_for_each(|incident| session.output.json(incident))?,
        Format::Table if incidents.is_empty() => session.output.line("Nothing needs you.")?,
        Format::Table => {
            let rows: Vec<Vec<String>> = incidents
                .iter()
                .map(|incident| {
                    vec![
                        incident.id().to_owned(),
                        incident.workflow_id().to_string(),
                        session.output.time(incident.since()),
                        incident.what(),
                    ]
                })
                .collect();
            session
                .output
                .table(&["INCIDENT", "WORKFLOW ID", "SINCE", ""], &rows)?;
        }
    }
    if all > args.limit {
        aside(&format!("… {} more: --limit", all - args.limit));
    }
    Ok(())
}

fn runs_of_all(session: &Session) -> Outcome<Vec<Runs>> {
    let journal = Journal::open(session)?;
    (0..journal.partitions)
        .map(|partition| journal.fold(partition, Keep::Runs))
        .collect()
}

/// The body of an act, as the API has it.
#[derive(Default)]
struct Body {
    input: Option<Payload>,
    result: Option<Payload>,
}

impl Body {
    fn json(&self) -> Outcome<Payload> {
        #[derive(Serialize)]
        struct Json<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            input: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            result: Option<&'a RawValue>,
        }
        let raw = |payload: &'_ Option<Payload>| {
            let data = payload.as_ref().map(|one| one.data().to_vec());
            data.map(|data| serde_json::from_slice::<Box<RawValue>>(&data))
                .transpose()
        };
        let (input, result) = raw(&self.input)
            .and_then(|input| Ok((input, raw(&self.result)?)))
            .map_err(|error| Fault::usage(format!("no JSON: {error}")))?;
        let json = serde_json::to_vec(&Json {
            input: input.as_deref(),
            result: result.as_deref(),
        });
        Ok(Payload::json(json.map_err(std::io::Error::from)?))
    }
}

#[derive(Serialize)]
struct Told<'a> {
    workflow_id: &'a WorkflowId,
    run_id: Option<RunId>,
    event_seq: Option<Seq>,
}

fn solve(session: &Session, args: ActArgs, act: &'static str, body: &Body) -> Outcome {
    let workflow_id = workflow_of(session, args.id)?;
    let question = Question::new(ce_type::WORKFLOW_OPERATE, &workflow_id);
    let actor = question.source().to_owned();
    let mut question = question
        .header(header::ACT, Some(act))
        .header(header::INCIDENT, Some(args.id.to_string()))
        .header(header::RUN_ID, Some(args.id.run_id.to_string()))
        .header(header::ACTOR, Some(actor))
        .header(header::REASON, args.reason)
        .value(body.json()?)
        .signed(keys(session)?);
    if let Some(key) = args.idempotency_key {
        question = question.id(key);
    }
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    let answer = inbox.accepted(&asked, args.timeout.map(Span::get))?;
    match session.output.format {
        Format::Json | Format::Jsonl => session.output.json(&Told {
            workflow_id: &workflow_id,
            run_id: answer.run_id,
            event_seq: answer.event_seq,
        })?,
        Format::Table => {
            let done = match act {
                act::INCIDENT_RETRY => "tries again",
                act::INCIDENT_SKIP => "goes on without",
                _ => "gives up",
            };
            session
                .output
                .line(&format!("Solved {}: {workflow_id} {done}.", args.id))?;
        }
    }
    Ok(())
}

/// The workflow whose run it is: an incident's id does not say it.
fn workflow_of(session: &Session, id: IncidentId) -> Outcome<WorkflowId> {
    let folded = runs_of_all(session)?;
    let of_run = folded
        .iter()
        .flat_map(Runs::iter)
        .find(|(_, seen)| seen.run.run_id == id.run_id);
    of_run
        .map(|(workflow_id, _)| workflow_id.clone())
        .ok_or_else(|| {
            Fault::refused(format!("there is no run {}", id.run_id))
                .hint("`incident list` prints what is open")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_run_and_a_position() {
        let text = "6fa459ea-ee8a-3ca4-894e-db77e160355e.12";

        assert_eq!(text.parse::<IncidentId>().unwrap().to_string(), text);
        for text in ["", "12", "6fa459ea-ee8a-3ca4-894e-db77e160355e", "x.12"] {
            assert!(text.parse::<IncidentId>().is_err(), "{text}");
        }
    }

    #[test]
    fn payloads_go_into_the_body_as_they_stand() {
        let body = Body {
            input: Some(Payload::json(*br#"{"total": 49.90}"#)),
            result: None,
        };

        assert_eq!(
            body.json().unwrap().data(),
            br#"{"input":{"total": 49.90}}"#
        );
    }
}
