//! Schedules: each is a run of a built-in workflow, so every call is a start, an update, a query or a cancel of it.

use std::{collections::BTreeMap, time::Duration};

use axum::{extract::State, response::Response};
use sagaline_core::{SCHEDULE_ID_PREFIX, SCHEDULE_WORKFLOW, WorkflowId};
use sagaline_journal::wire::{ce_type, header, id_conflict, id_reuse};
use sagaline_projection::List;
use sagaline_sdk::{
    client::{RawAnswer, RawRequest},
    schedule::{self, Backfill, Overlap, Schedule},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::{
    Api,
    act::json,
    answer,
    call::{Call, WAIT_MAX},
    journal::now,
    message, payload,
    reads::unread_error,
    refusal::{self, Subject},
    start::new_id,
};
use crate::problem::Problem;

/// What is done.
#[derive(Serialize)]
struct Done<'a> {
    schedule: &'a str,
    workflow_id: &'a WorkflowId,
}

/// The body of `pause`, `resume` and `DELETE`.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// `reason` as in other acts, too.
    #[serde(default, alias = "reason")]
    note: String,
}

/// The body of `trigger`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Trigger {
    overlap: Option<Overlap>,
}

#[derive(Serialize)]
struct Many {
    count: Option<u32>,
}

fn id(call: &Call) -> Result<WorkflowId, Problem> {
    let invalid = |text: String| Problem::bad_request("invalid_schedule_name", text);
    let id = schedule::workflow_id(call.part("name"));
    let id = id.map_err(|wrong| invalid(wrong.message().to_owned()))?;
    WorkflowId::new(&id).map_err(|wrong| invalid(wrong.to_string()))
}

fn done(call: &Call, id: &WorkflowId) -> Response {
    answer::accepted(&Done {
        schedule: call.part("name"),
        workflow_id: id,
    })
}

/// Creates it, or replaces what it goes by.
pub(crate) async fn put(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Begin<'a> {
        schedule: &'a Schedule,
    }
    call.knows(&[])?;
    let (id, schedule) = (id(&call)?, call.body::<Schedule>()?);
    schedule
        .check()
        .map_err(|wrong| Problem::bad_request("invalid_schedule", wrong.message()))?;
    api.knows_action(&schedule)?;
    let begin = json(&Begin {
        schedule: &schedule,
    });
    let start = call
        .request(ce_type::WORKFLOW_START, &id)?
        .header(header::WORKFLOW, Some(SCHEDULE_WORKFLOW))
        .header(header::ID_CONFLICT, Some(id_conflict::FAIL))
        .header(header::ID_REUSE, Some(id_reuse::ALLOW_DUPLICATE))
        .value(begin);
    let (first, _) = api.ask(start).await?;
    if first.is_refusal() && first.error_type == sagaline_core::error_type::ALREADY_STARTED {
        change(&api, &call, "update", &schedule).await?;
    } else if first.is_refusal() {
        return Err(refusal::refused(&first, Subject::Schedule));
    }
    api.wrote(&id);
    Ok(done(&call, &id))
}

impl Api {
    /// Refuses a schedule of a workflow that the app of this namespace does not have: each start of it would be refused.
    fn knows_action(&self, schedule: &Schedule) -> Result<(), Problem> {
        let workflow = &schedule.action.workflow;
        let mut known = self.settings().workflows.iter();
        match known.any(|one| one.name == *workflow) {
            true => Ok(()),
            false => {
                let (code, hint) = Subject::Definition.missing();
                let text = format!(
                    "the schedule would start workflow {workflow}, which this app does not have"
                );
                Err(Problem::not_found(code, text).hint(hint))
            }
        }
    }

    /// The same of the input of a run that is to be a schedule; what it cannot read its program refuses.
    pub(super) fn knows_scheduled(&self, input: Option<&RawValue>) -> Result<(), Problem> {
        #[derive(Deserialize)]
        struct Begin {
            schedule: Schedule,
        }
        let begin: Option<Begin> = input.and_then(|input| serde_json::from_str(input.get()).ok());
        begin.map_or(Ok(()), |begin| self.knows_action(&begin.schedule))
    }
}

pub(crate) async fn describe(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let request = question(&call, "describe", &())?;
    let (first, _) = api.tell(request, Subject::Schedule).await?;
    let answer = message::ended(&first)?;
    let run = api.stored(&id(&call)?, None).await?;
    let is_paused = run.is_some_and(|run| run.run.paused.is_some());
    Ok(match first.value.is_json() {
        true => told(first.value.data(), is_paused).unwrap_or(answer),
        // Who can read it asks for the run, too.
        false => answer,
    })
}

/// What a schedule says of itself, and whether somebody holds up the run that it is: what it does not know.
fn told(said: &[u8], run_paused: bool) -> Option<Response> {
    #[derive(Serialize)]
    struct Told {
        run_paused: bool,
        #[serde(flatten)]
        said: BTreeMap<String, Box<RawValue>>,
    }
    let said = serde_json::from_slice(said).ok()?;
    Some(answer::json(&Told { run_paused, said }))
}

pub(crate) async fn next(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["count"])?;
    let count = call.parsed("count", "a number from 1 is expected")?;
    ask(&api, &call, "next", &Many { count }).await
}

pub(crate) async fn pause(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    note(&api, &call, "pause").await
}

pub(crate) async fn resume(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    note(&api, &call, "resume").await
}

async fn note(api: &Api, call: &Call, update: &str) -> Result<Response, Problem> {
    call.knows(&[])?;
    change(api, call, update, &call.body::<Note>()?).await?;
    Ok(done(call, &id(call)?))
}

pub(crate) async fn trigger(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let last = change(&api, &call, "trigger", &call.body::<Trigger>()?).await?;
    Ok(payload::answer(&last.value))
}

pub(crate) async fn backfill(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    change(&api, &call, "backfill", &call.body::<Backfill>()?).await?;
    Ok(done(&call, &id(&call)?))
}

/// Ends it; what it has started goes on.
pub(crate) async fn delete(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let (id, note) = (id(&call)?, call.body::<Note>()?.note);
    let reason = match note.as_str() {
        "" => "the schedule is deleted".to_owned(),
        _ => note,
    };
    let request = call
        .request(ce_type::WORKFLOW_CANCEL, &id)?
        .header(header::REASON, Some(reason));
    api.tell(request, Subject::Schedule).await?;
    api.wrote(&id);
    Ok(done(&call, &id))
}

/// A schedule as it says itself.
#[derive(Serialize)]
struct Seen {
    name: String,
    /// Somebody holds up the run that it is: nothing is started before that is resumed.
    run_paused: bool,
    /// What it says; null: it did not answer in time.
    description: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Seens {
    schedules: Vec<Seen>,
    next_page_token: Option<String>,
}

/// Most schedules of a page: each is asked.
const PAGE_SIZE_MAX: usize = 100;

/// How long they may take to answer, together.
const LIST_WAIT: Duration = Duration::from_secs(10);

pub(crate) async fn list(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["page_size", "page_token", "consistency"])?;
    api.all_fresh(call.consistency()?).await?;
    let query =
        format!("WorkflowType = \"{SCHEDULE_WORKFLOW}\" AND Open = true ORDER BY WorkflowId");
    let filter = super::list::parsed(&query)?;
    let list = List {
        filter: &filter,
        seen: sagaline_projection::Seen {
            now: now(),
            unread: &[],
        },
        page_size: call.page_size()?.min(PAGE_SIZE_MAX),
        page_token: call.param("page_token"),
    };
    let page = api.projection().list(&list).await;
    let page = page.map_err(|error| unread_error(&error))?;
    let asked = page.rows.iter().map(|run| {
        let (api, source, id) = (
            api.clone(),
            call.principal.source(),
            run.workflow_id.clone(),
        );
        let run_paused = run.run.paused.is_some();
        tokio::spawn(async move {
            let request = RawRequest::new(ce_type::WORKFLOW_QUERY, &id, &source)
                .header(header::QUERY, Some("describe"))
                .value(json(&()));
            let name = id.as_str().strip_prefix(SCHEDULE_ID_PREFIX);
            let name = name.unwrap_or(id.as_str()).to_owned();
            let answered = timeout(LIST_WAIT, api.ask(request)).await;
            let description = match answered {
                Ok(Ok((answer, _))) if !answer.is_refusal() => Some(payload::shown(&answer.value)),
                _ => None,
            };
            Seen {
                name,
                run_paused,
                description,
            }
        })
    });
    let asked: Vec<_> = asked.collect();
    let mut schedules = Vec::with_capacity(asked.len());
    for one in asked {
        schedules.push(
            one.await
                .map_err(|error| Problem::internal(error.to_string()))?,
        );
    }
    Ok(answer::json(&Seens {
        schedules,
        next_page_token: page.next_page_token,
    }))
}

/// Asks it something, which changes nothing.
async fn ask(
    api: &Api,
    call: &Call,
    query: &str,
    input: &impl Serialize,
) -> Result<Response, Problem> {
    let (first, _) = api
        .tell(question(call, query, input)?, Subject::Schedule)
        .await?;
    message::ended(&first)
}

fn question(call: &Call, query: &str, input: &impl Serialize) -> Result<RawRequest, Problem> {
    let request = call.request(ce_type::WORKFLOW_QUERY, &id(call)?)?;
    let request = request.header(header::QUERY, Some(query));
    Ok(request.value(json(input)))
}

/// Changes it, and waits until that is so.
async fn change(
    api: &Api,
    call: &Call,
    update: &str,
    input: &impl Serialize,
) -> Result<RawAnswer, Problem> {
    let id = id(call)?;
    let update_id = call.idempotency_key()?.unwrap_or_else(new_id);
    let request = call
        .request(ce_type::WORKFLOW_UPDATE, &id)?
        .header(header::UPDATE, Some(update))
        .header(header::UPDATE_ID, Some(update_id))
        .value(json(input));
    let (first, answers) = api.tell(request, Subject::Schedule).await?;
    let last = match first.is_last() {
        true => first,
        false => match timeout(WAIT_MAX, answers.last()).await {
            Ok(last) => last.map_err(|error| refusal::unsent(&error))?,
            Err(_) => return Err(unsaid(call.part("name"))),
        },
    };
    api.wrote(&id);
    message::ended(&last).map(|_| last)
}

/// It has taken a change, and the time ran out before it was made.
fn unsaid(name: &str) -> Problem {
    let seconds = WAIT_MAX.as_secs();
    let text = format!(
        "schedule {name} has taken it, and has not said within {seconds} s that it is done"
    );
    Problem::unavailable("no_answer", text)
        .hint("its run may be paused: GET /api/v1/workflows/schedule%2F<name> says so")
}
