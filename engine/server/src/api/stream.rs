//! Server-sent events: what changes of the runs that a filter means, of one workflow, of incidents.
//!
//! Events: `hello` first, with the time; `workflows`, `workflow`, `incidents` with what changed; `reload` where some of it was
//! missed. Each has `server_time`. A comment every 15 s keeps the connection.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use sagaline_core::{
    RunId, Timestamp, WorkflowId,
    filter::{Filter, Subject},
    show::Shown,
    view::{Description, IncidentView, Row, View},
};
use sagaline_projection::StoredRun;
use serde::Serialize;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Api,
    call::Call,
    hub::{Hub, Next, Seat, Tick},
    journal::now,
};
use crate::problem::Problem;

/// How often a comment keeps the connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// Events that are ahead of a slow reader.
const AHEAD_MAX: usize = 4;

/// Said last by a process that stops: when to come again, in milliseconds.
const RETRY: &str = "retry: 1000\n\n";

/// What of the changes is told.
enum About {
    /// Runs that a filter means, and the filter as it is printed.
    Workflows(Filter, Arc<str>),
    /// The runs of one workflow, or one of them.
    Workflow(WorkflowId, Option<RunId>),
    /// Runs with incidents.
    Incidents,
}

#[derive(Serialize)]
struct Hello<'a> {
    server_time: Shown<'a, Timestamp>,
}

#[derive(Serialize)]
struct Workflows<'a> {
    workflows: Vec<Row<'a>>,
    /// Runs that changed and that the filter does not mean, or no longer.
    others: Vec<RunId>,
    server_time: Shown<'a, Timestamp>,
}

#[derive(Serialize)]
struct Workflow<'a> {
    workflow: Description<'a>,
    server_time: Shown<'a, Timestamp>,
}

#[derive(Serialize)]
struct Incidents<'a> {
    workflows: Vec<WithIncidents<'a>>,
    server_time: Shown<'a, Timestamp>,
}

#[derive(Serialize)]
struct WithIncidents<'a> {
    workflow_id: &'a WorkflowId,
    run_id: RunId,
    /// Those that are open: none once all are solved.
    incidents: Vec<IncidentView<'a>>,
}

pub(crate) async fn workflows(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["query"])?;
    let filter = call.filter()?;
    let printed = filter.to_string().into();
    open(&api, &call, About::Workflows(filter, printed))
}

pub(crate) async fn workflow(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["run_id", "workflow_id"])?;
    let about = About::Workflow(call.workflow_id()?, call.run_id()?);
    open(&api, &call, about)
}

pub(crate) async fn incidents(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    open(&api, &call, About::Incidents)
}

fn open(api: &Api, call: &Call, about: About) -> Result<Response, Problem> {
    let last_seen = call.headers.get("last-event-id");
    let last_seen = last_seen.map(|id| id.to_str().unwrap_or_default());
    let hub = api.hub().clone();
    let (seat, missed) = hub.join((api.projection(), api.engine()), last_seen)?;
    let (sender, events) = mpsc::channel(AHEAD_MAX);
    let (api, standing) = (api.clone(), call.standing.clone());
    tokio::spawn(async move {
        // It ends when who listened has gone or may listen no longer, or the process goes.
        tokio::select! {
            _ = send(&hub, seat, &about, &sender, missed) => {}
            () = standing.ends() => {}
            () = api.closing().begun() => drop(sender.send(Ok(RETRY.into())).await),
        }
    });
    let head = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((head, Body::from_stream(ReceiverStream::new(events))).into_response())
}

type Sender = mpsc::Sender<Result<Bytes, std::convert::Infallible>>;

/// Whoever listened has gone.
struct Gone;

async fn send(
    hub: &Hub,
    mut seat: Seat,
    about: &About,
    sender: &Sender,
    missed: bool,
) -> Result<(), Gone> {
    let told = |text: Bytes| async {
        let sent = sender.send(Ok(text)).await;
        sent.map_err(|_| Gone)
    };
    told(timed("hello")).await?;
    if missed {
        told(timed("reload")).await?;
    }
    // Only what was sent puts it off: what others do is not seen by who waits, nor by proxies between.
    let mut comment_at = Instant::now() + COMMENT_EVERY;
    loop {
        let next = tokio::select! {
            next = timeout_at(comment_at, seat.next()) => next,
            () = sender.closed() => return Ok(()),
        };
        match next {
            Err(_) => {
                told(format!(": {}\n\n", now().to_rfc3339()).into()).await?;
                comment_at = Instant::now() + COMMENT_EVERY;
            }
            Ok(Next::End) => return Ok(()),
            Ok(Next::Missed) => told(timed("reload")).await?,
            Ok(Next::Tick(tick)) => {
                if let Some(event) = about.event(hub, &tick) {
                    told(event).await?;
                    comment_at = Instant::now() + COMMENT_EVERY;
                }
            }
        }
    }
}

/// An event that only says the time.
fn timed(name: &str) -> Bytes {
    let hello = Hello {
        server_time: Shown(&now()),
    };
    event(
        None,
        name,
        &serde_json::to_string(&hello).unwrap_or_default(),
    )
}

/// An event; JSON of one line has no line breaks in it.
fn event(id: Option<&str>, name: &str, data: &str) -> Bytes {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    format!("{id}event: {name}\ndata: {data}\n\n").into()
}

impl About {
    /// The event of a tick; none: it says nothing about this.
    fn event(&self, hub: &Hub, tick: &Tick) -> Option<Bytes> {
        let write = || {
            let (name, data) = self.of(tick)?;
            Some(event(Some(&hub.id_of(tick.number)), name, &data))
        };
        match self {
            Self::Workflows(_, printed) => tick.written.workflows(printed, write),
            Self::Incidents => tick.written.incidents.get_or_init(write).clone(),
            Self::Workflow(..) => write(),
        }
    }

    /// What a tick means for it; none: nothing.
    fn of(&self, tick: &Tick) -> Option<(&'static str, String)> {
        let Some(runs) = &tick.runs else {
            let hello = Hello {
                server_time: Shown(&tick.at),
            };
            return json("reload", &hello);
        };
        let view = |run| tick.view(run);
        let views = runs.iter().map(view);
        match self {
            Self::Workflows(filter, _) => told_by(filter, views, tick),
            Self::Workflow(id, run_id) => {
                let is_meant = |run: &&StoredRun| {
                    run.workflow_id == *id && run_id.is_none_or(|run_id| run.run.run_id == run_id)
                };
                let of_id = runs.iter().filter(is_meant);
                // Of two runs of a chain the newer is open, or both are closed.
                let newest = of_id.max_by_key(|run| run.run.started_at)?;
                json(
                    "workflow",
                    &Workflow {
                        workflow: view(newest).describe(),
                        server_time: Shown(&tick.at),
                    },
                )
            }
            Self::Incidents => {
                let with = views
                    .filter(|view| !view.run.incidents.is_empty() || !view.run.resolved.is_empty());
                let workflows: Vec<_> = with
                    .map(|view| WithIncidents {
                        workflow_id: view.workflow_id,
                        run_id: view.run.run_id,
                        incidents: view.incidents(),
                    })
                    .collect();
                (!workflows.is_empty()).then(|| {
                    json(
                        "incidents",
                        &Incidents {
                            workflows,
                            server_time: Shown(&tick.at),
                        },
                    )
                })?
            }
        }
    }
}

fn told_by<'a>(
    filter: &Filter,
    views: impl Iterator<Item = View<'a>>,
    tick: &Tick,
) -> Option<(&'static str, String)> {
    let (mut workflows, mut others) = (Vec::new(), Vec::new());
    for view in views {
        match filter.selects(&Subject::run(&view)) {
            true => workflows.push(view.row()),
            false => others.push(view.run.run_id),
        }
    }
    if workflows.is_empty() && others.is_empty() {
        return None;
    }
    json(
        "workflows",
        &Workflows {
            workflows,
            others,
            server_time: Shown(&tick.at),
        },
    )
}

fn json(name: &'static str, data: &impl Serialize) -> Option<(&'static str, String)> {
    let data = serde_json::to_string(data);
    data.ok().map(|data| (name, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_id_its_name_and_one_line_of_data() {
        assert_eq!(
            event(Some("h-7"), "workflows", "{\"a\":\"\\n\"}"),
            "id: h-7\nevent: workflows\ndata: {\"a\":\"\\n\"}\n\n"
        );
        let hello = timed("hello");
        assert!(
            hello.starts_with(b"event: hello\ndata: {\"server_time\":\""),
            "{hello:?}"
        );
    }
}
