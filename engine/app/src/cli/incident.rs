//! `incident`: what waits for a person, over all partitions, and the acts that solve it, one or all that a filter means.

use std::str::FromStr;

use clap::{Args, Subcommand};
use sagaline_core::{
    RunId, Seq, WorkflowId,
    filter::{Filter, Subject},
    view::{IncidentView, View},
};
use sagaline_journal::wire::{act, header};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Session,
    api::{Api, Door, Method, Path},
    bulk::{Doing, Many},
    input::{Input, read},
    operate::{Body, Operation, Why, tell_all},
    query::{Query, queues_asked_for},
    rows::{self, Rows},
    seen::Incident,
};
use crate::{
    fault::{Fault, Outcome},
    journal::Journal,
    output::{Format, Output, aside},
    runs::Runs,
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
    #[command(flatten)]
    query: Query,
}

/// What every act takes.
#[derive(Debug, Args)]
struct ActArgs {
    /// Incident, as `incident list` prints it
    #[arg(
        value_name = "INCIDENT",
        required_unless_present = "query",
        conflicts_with_all = ["query", "yes", "dry_run"]
    )]
    id: Option<IncidentId>,
    #[command(flatten)]
    many: Many,
    #[command(flatten)]
    why: Why,
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
                    ..Body::default()
                };
                solve(
                    session,
                    &args.act,
                    (Doing::RetryIncident, act::INCIDENT_RETRY),
                    &body,
                )
            }
            Self::Skip(args) => {
                let body = Body {
                    result: Some(read("--result", &args.result)?),
                    ..Body::default()
                };
                solve(
                    session,
                    &args.act,
                    (Doing::SkipIncident, act::INCIDENT_SKIP),
                    &body,
                )
            }
            Self::Fail(args) => {
                let act = (Doing::FailIncident, act::INCIDENT_FAIL);
                solve(session, &args.act, act, &Body::default())
            }
        }
    }
}

#[derive(Serialize)]
struct List {
    incidents: Vec<Box<RawValue>>,
    next_page_token: Option<String>,
}

fn list(session: &Session, args: &ListArgs) -> Outcome {
    let filter = args.query.filter()?;
    match session.door()? {
        Door::Http(api) => by_pages(session.output, &api, args),
        Door::Kafka => by_journal(session, args, &filter),
    }
}

/// As a server has it.
fn by_pages(output: Output, api: &Api, args: &ListArgs) -> Outcome {
    let path = Path::new("incidents").maybe("query", args.query.text());
    let rows = Rows::read(api, &path, "incidents", args.limit)?;
    let exist = match (rows.rows.is_empty(), args.query.text()) {
        (true, Some(_)) => !Rows::read(api, &Path::new("incidents"), "incidents", 1)?
            .rows
            .is_empty(),
        _ => !rows.rows.is_empty(),
    };
    let list = List {
        incidents: rows.rows,
        next_page_token: rows.next_page_token,
    };
    print(output, &list, exist)?;
    if rows.is_cut {
        aside("… more: --limit");
    }
    Ok(())
}

/// As the journal has it.
fn by_journal(session: &Session, args: &ListArgs, filter: &Filter) -> Outcome {
    let folded = Journal::open(session)?.fold_all()?;
    let unread = queues_asked_for(session, filter, &folded)?;
    let views: Vec<View<'_>> = folded
        .iter()
        .flat_map(|runs| {
            let with_incidents = runs
                .iter()
                .filter(|(_, seen)| !seen.run.incidents.is_empty());
            with_incidents.map(|(id, seen)| runs.view(id, seen, session.output.now, &unread))
        })
        .collect();
    let mut seen: Vec<(Subject<'_>, IncidentView<'_>)> = views
        .iter()
        .flat_map(|view| {
            let subjects = view.run.incidents.iter();
            let subjects = subjects.map(|incident| Subject::incident(view, incident));
            subjects.zip(view.incidents())
        })
        .filter(|(subject, _)| filter.selects(subject))
        .collect();
    let exist = views.iter().any(|view| !view.run.incidents.is_empty());
    seen.sort_by_key(|(_, incident)| incident.since());
    if !filter.order.is_empty() {
        seen.sort_by_cached_key(|(subject, _)| filter.sort_key(subject));
    }
    let all = seen.len();
    let incidents = seen.iter().take(args.limit);
    let list = List {
        incidents: incidents
            .map(|(_, incident)| to_raw_value(incident))
            .collect::<Result<_, _>>()?,
        next_page_token: None,
    };
    print(session.output, &list, exist)?;
    if all > args.limit {
        aside(&format!("… {} more: --limit", all - args.limit));
    }
    Ok(())
}

/// Prints incidents; `exist`: there are some, whether or not they are meant.
fn print(output: Output, list: &List, exist: bool) -> Outcome {
    let incidents = &list.incidents;
    match output.format {
        Format::Json => output.json(list)?,
        Format::Jsonl => incidents.iter().try_for_each(|one| output.json(one))?,
        Format::Table if incidents.is_empty() => output.line(match exist {
            true => "No incident matches.",
            false => "Nothing needs you.",
        })?,
        Format::Table => {
            let incidents: Vec<Incident> = rows::parsed(incidents)?;
            let rows = incidents.into_iter().map(|one| {
                let (since, what) = (output.time_of(&one.since), one.what());
                vec![one.id, one.workflow_id, since, what]
            });
            let rows: Vec<Vec<String>> = rows.collect();
            output.table(&["INCIDENT", "WORKFLOW ID", "SINCE", ""], &rows)?;
        }
    }
    Ok(())
}

fn solve(
    session: &Session,
    args: &ActArgs,
    (doing, act): (Doing, &'static str),
    body: &Body,
) -> Outcome {
    let Some(id) = args.id else {
        return tell_all(session, (&args.many, &args.why), (doing, act), body);
    };
    let verb = match act {
        act::INCIDENT_RETRY => "retry",
        act::INCIDENT_SKIP => "skip",
        _ => "fail",
    };
    if let Door::Http(api) = session.door()? {
        let path = Path::new("incidents").then(&id.to_string()).then(verb);
        let told = args.why.tell(&api, (Method::Post, path), body)?;
        let workflow_id = told.workflow_id();
        return told.print(session.output, &solved(id, workflow_id, act));
    }
    let workflow_id = workflow_of(session, id)?;
    let operation = Operation {
        workflow_id: &workflow_id,
        run_id: Some(id.run_id),
        act,
        target: Some((header::INCIDENT, id.to_string())),
    };
    let done = solved(id, workflow_id.as_str(), act);
    operation.tell(session, &args.why, body, &done)
}

fn solved(id: IncidentId, workflow_id: &str, act: &str) -> String {
    let done = match act {
        act::INCIDENT_RETRY => "tries again",
        act::INCIDENT_SKIP => "goes on without",
        _ => "gives up",
    };
    format!("Solved {id}: {workflow_id} {done}.")
}

/// The workflow whose run it is: an incident's id does not say it.
fn workflow_of(session: &Session, id: IncidentId) -> Outcome<WorkflowId> {
    let folded = Journal::open(session)?.fold_all()?;
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
}
