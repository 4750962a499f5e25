//! Incidents, and the start of a workflow.

use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{Page, found_or_not, html, refused, runs, see_other, status_of, with_status};
use crate::pages::{
    act::IncidentAct,
    chrome::{Chrome, Note, Place},
    form,
    incidents::{self, Followed, GroupBy, InboxParts, IncidentParts, Outcome},
    link,
    seen::{Counts, Incident, IncidentPage, Problem, RunPage},
    start::{self, Filled, Info},
    told::{Told, percent},
};

/// Incidents that are read for the inbox.
const INCIDENTS_READ: &str = "500";

/// Incidents that one page follows.
const FOLLOWED_MAX: usize = 20;

/// Decisions, and solved incidents, that are shown.
const SHOWN: &str = "50";

/// To the run of an id that was typed.
pub(super) async fn open(page: Page) -> Response {
    see_other(&link::to_workflow(page.of("id")))
}

pub(super) async fn new(page: Page) -> Response {
    let filled = match page.of("like") {
        "" => Filled {
            workflow: page.of("workflow").to_owned(),
            ..Filled::default()
        },
        id => match runs::described(&page, id, page.of("run_id")).await {
            Ok(run) => Filled::like(&run),
            Err(problem) => {
                return refused(&page, Place::Workflows, "That run cannot be read", problem).await;
            }
        },
    };
    let info = page
        .calls
        .get::<Info>("/info", &[])
        .await
        .unwrap_or_default();
    html(start::page(
        page.chrome(&"Start a workflow", Place::Workflows).await,
        with_example(filled, &info),
        info,
    ))
}

/// The example of the workflow that is chosen, where nothing is filled in.
fn with_example(mut filled: Filled, info: &Info) -> Filled {
    let of = info
        .workflows
        .iter()
        .find(|one| one.name.raw() == filled.workflow);
    let example = of
        .and_then(|one| one.example_inputs.first())
        .filter(|_| filled.input.is_empty());
    if let Some(example) = example {
        filled.input = example.editable();
    }
    filled
}

/// Starts one; what was refused stays in the form.
pub(super) async fn start(page: Page, body: String) -> Response {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Started {
        workflow_id: Told,
        run_id: Told,
        started: bool,
    }
    let form = form::form(&body);
    match page.calls.ask(start::ask(&form)).await {
        Ok(answered) => {
            let started: Started = serde_json::from_str(&answered.body).unwrap_or_default();
            let done = if started.started { "?done=start" } else { "" };
            let run = link::to_run(started.workflow_id.raw(), started.run_id.raw());
            see_other(&format!("{run}{done}"))
        }
        Err(problem) => {
            let status = status_of(&problem);
            let info = page
                .calls
                .get::<Info>("/info", &[])
                .await
                .unwrap_or_default();
            let mut chrome = page.chrome(&"Start a workflow", Place::Workflows).await;
            chrome.problem = Some(problem);
            with_status(status, start::page(chrome, Filled::of(&form), info))
        }
    }
}

pub(super) async fn incidents(page: Page) -> Response {
    let query = page.of("query").to_owned();
    let open = [
        ("query", query.as_str()),
        ("state", "open"),
        ("page_size", INCIDENTS_READ),
    ];
    let found = page.calls.get::<IncidentPage>("/incidents", &open).await;
    let mut chrome = page.chrome(&"Incidents", Place::Incidents).await;
    chrome.stream = Some("/read/stream/incidents".to_owned());
    chrome.note = note(&page);
    let (found, status) = found_or_not(found, &mut chrome);
    let solved = page
        .calls
        .get::<IncidentPage>("/incidents", &[("state", "resolved"), ("page_size", SHOWN)])
        .await;
    let waiting = [
        ("query", "NeedsPerson = true AND Incidents = 0"),
        ("sort", "started_at"),
        ("page_size", SHOWN),
    ];
    let decisions = page.calls.get::<RunPage>("/workflows", &waiting).await;
    let retrying = page
        .calls
        .get::<Counts>("/workflow-counts", &[("query", "Situation = \"retrying\"")])
        .await;
    let followed = followed(&page).await;
    let parts = InboxParts {
        chrome,
        incidents: &found.incidents,
        followed: &followed,
        has_more: found.next_page_token.is_some(),
        solved: &solved.unwrap_or_default().incidents,
        decisions: &decisions.unwrap_or_default().workflows,
        retrying: retrying.ok().map(|counts| counts.count),
        group_by: GroupBy::of(page.of("group")),
        query: Told::from(query.as_str()),
    };
    with_status(status, incidents::inbox(parts))
}

/// Incidents that somebody here has acted on, by the address: they stay until what became of them is known.
async fn followed(page: &Page) -> Vec<Followed> {
    let mut followed = Vec::new();
    for id in ids_followed(page) {
        let Ok(incident) = read_incident(page, &id).await else {
            continue;
        };
        let run = runs::described(page, incident.workflow_id.raw(), incident.run_id.raw()).await;
        followed.push(Followed {
            outcome: Outcome::of(&incident, run.ok().as_ref()),
            incident,
        });
    }
    followed
}

pub(super) fn ids_followed(page: &Page) -> Vec<String> {
    let ids = page.of("follow").split(',').filter(|id| !id.is_empty());
    ids.take(FOLLOWED_MAX).map(str::to_owned).collect()
}

fn note(page: &Page) -> Option<Note> {
    let act = IncidentAct::of(page.of("done"))?;
    let incident = page.of("incident");
    Some(Note {
        href: (!incident.is_empty()).then(|| format!("/incidents/{}", percent(incident))),
        ..Note::of(act.note())
    })
}

/// An incident by its id.
pub(super) async fn read_incident(page: &Page, id: &str) -> Result<Incident, Problem> {
    page.calls
        .get(&format!("/incidents/{}", percent(id)), &[])
        .await
}

pub(super) async fn incident(Path(id): Path<String>, page: Page) -> Response {
    let incident = match read_incident(&page, &id).await {
        Ok(incident) => incident,
        Err(problem) => {
            return refused(
                &page,
                Place::Incidents,
                "This incident cannot be shown",
                problem,
            )
            .await;
        }
    };
    let run = runs::described(&page, incident.workflow_id.raw(), incident.run_id.raw()).await;
    let mut chrome: Chrome = page
        .chrome(&incident.workflow_id.line(), Place::Incidents)
        .await;
    chrome.note = note(&page);
    chrome.stream = Some("/read/stream/incidents".to_owned());
    html(incidents::page(IncidentParts {
        chrome,
        incident: &incident,
        run: run.ok().as_ref(),
    }))
}
