//! What waits for a person, and what waited.

use axum::{extract::State, response::Response};
use sagaline_core::{Timestamp, WorkflowId, show::Shown};
use sagaline_projection::{IncidentField, IncidentList, IncidentState, Seen, StoredIncident};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Api, answer,
    call::Call,
    journal::now,
    reads::{Consistency, unread_error},
    refusal::Subject,
    step::IncidentId,
};
use crate::problem::Problem;

#[derive(Serialize)]
struct Incidents<'a> {
    incidents: Vec<Box<RawValue>>,
    next_page_token: Option<String>,
    as_of: Shown<'a, Timestamp>,
    server_time: Shown<'a, Timestamp>,
}

#[derive(Serialize)]
struct Groups<'a> {
    groups: Vec<Group<'a>>,
}

#[derive(Serialize)]
struct Group<'a> {
    values: &'a [Option<String>],
    count: u64,
    since: Shown<'a, Timestamp>,
}

pub(crate) async fn incidents(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[
        "query",
        "state",
        "sort",
        "group_by",
        "page_size",
        "page_token",
        "consistency",
    ])?;
    let (filter, page_size) = (call.filter()?, call.page_size()?);
    let state = match call.param("state") {
        None | Some("open") => IncidentState::Open,
        Some("resolved") => IncidentState::Resolved,
        Some(_) => {
            let text = "parameter `state`: open or resolved is expected";
            return Err(Problem::bad_request("invalid_parameter", text));
        }
    };
    let fields = call.param("group_by").map(fields).transpose()?;
    api.all_fresh(call.consistency()?).await?;
    api.knows_sort(&call, &filter).await?;
    let (now, unread) = (now(), api.unread());
    let seen = Seen {
        now,
        unread: &unread,
    };
    if let Some(fields) = fields {
        let groups = api
            .projection()
            .incident_groups(&filter, &seen, state, &fields)
            .await;
        let groups = groups.map_err(|error| unread_error(&error))?;
        let groups = groups.iter().map(|group| Group {
            values: &group.values,
            count: group.count,
            since: Shown(&group.since),
        });
        return Ok(answer::json(&Groups {
            groups: groups.collect(),
        }));
    }
    let list = IncidentList {
        filter: &filter,
        seen,
        state,
        page_size,
        page_token: call.param("page_token"),
    };
    let page = api.projection().incidents(&list).await;
    let page = page.map_err(|error| unread_error(&error))?;
    let incidents = page.rows.iter().filter_map(|incident| shown(incident, now));
    Ok(answer::json(&Incidents {
        incidents: incidents.collect(),
        next_page_token: page.next_page_token,
        as_of: Shown(&page.as_of),
        server_time: Shown(&now),
    }))
}

fn fields(text: &str) -> Result<Vec<IncidentField>, Problem> {
    let names = text.split(',').filter(|name| !name.is_empty());
    let field = |name| {
        Ok(match name {
            "workflow" => IncidentField::Workflow,
            "version" => IncidentField::Version,
            "activity" => IncidentField::Activity,
            "error_type" => IncidentField::ErrorType,
            "kind" => IncidentField::Kind,
            _ => {
                let text = "parameter `group_by`: workflow, version, activity, error_type and kind are known";
                return Err(Problem::bad_request("invalid_parameter", text));
            }
        })
    };
    let mut fields: Vec<IncidentField> = names.map(field).collect::<Result<_, _>>()?;
    // Twice the same is the same.
    let mut seen = Vec::new();
    fields.retain(|field| {
        let is_new = !seen.contains(field);
        seen.push(*field);
        is_new
    });
    match fields.is_empty() {
        true => Err(Problem::bad_request(
            "invalid_parameter",
            "parameter `group_by` is empty",
        )),
        false => Ok(fields),
    }
}

/// As the API has it; none: it was solved since its row was read.
pub(super) fn shown(incident: &StoredIncident, now: Timestamp) -> Option<Box<RawValue>> {
    if let Some(resolved) = &incident.resolved {
        return serde_json::from_slice(resolved).ok();
    }
    let view = incident.run.view(now, &[]);
    let id = format!("{}.{}", incident.run.run.run_id, incident.seq);
    let open = view.incidents().into_iter().find(|one| one.id() == id)?;
    to_raw_value(&open).ok()
}

pub(crate) async fn incident(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["consistency"])?;
    let id = IncidentId::of(&call)?;
    api.all_fresh(call.consistency()?).await?;
    let incident = api.incident(id).await?;
    match shown(&incident, now()) {
        Some(incident) => Ok(answer::json(&incident)),
        None => Err(missing(id)),
    }
}

impl Api {
    async fn incident(&self, id: IncidentId) -> Result<StoredIncident, Problem> {
        let incident = self.projection().incident(id.run_id, id.seq).await;
        let incident = incident.map_err(|error| unread_error(&error))?;
        incident.ok_or_else(|| missing(id))
    }

    /// The problem that an incident was solved already, if it was: by whom and when.
    pub(super) async fn solved(&self, id: &WorkflowId, incident: IncidentId) -> Option<Problem> {
        #[derive(Deserialize)]
        struct Resolved {
            resolution: Resolution,
        }
        #[derive(Deserialize)]
        struct Resolution {
            act: String,
            actor: String,
            at: String,
        }
        self.fresh(id, Consistency::Strong).await.ok()?;
        let stored = self.incident(incident).await.ok()?;
        let Resolution { act, actor, at } = serde_json::from_slice::<Resolved>(&stored.resolved?)
            .ok()?
            .resolution;
        let text = format!("incident {incident} was solved by {actor} at {at}: {act}");
        let hint = "somebody was faster: nothing is left to do";
        Some(Problem::conflict("incident_resolved", text).hint(hint))
    }

    /// The workflow whose incident it is: an incident's id does not say it.
    pub(super) async fn workflow_of(&self, id: IncidentId) -> Result<WorkflowId, Problem> {
        let run = self.projection().run_by_run_id(id.run_id).await;
        if let Some(run) = run.map_err(|error| unread_error(&error))? {
            return Ok(run.workflow_id);
        }
        // It may be newer than what is projected.
        self.all_fresh(Consistency::Strong).await?;
        let run = self.projection().run_by_run_id(id.run_id).await;
        let run = run.map_err(|error| unread_error(&error))?;
        run.map(|run| run.workflow_id).ok_or_else(|| missing(id))
    }
}

fn missing(id: IncidentId) -> Problem {
    let (code, hint) = Subject::Incident.missing();
    Problem::not_found(code, format!("there is no incident {id}")).hint(hint)
}
