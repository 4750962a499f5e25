//! Acts on many: what a filter means is found here, one by one, and told to a run of a built-in workflow, which does it.

use std::collections::BTreeSet;

use axum::{extract::State, response::Response};
use sagaline_core::{
    Activity, BATCH_ID_PREFIX, BATCH_WORKFLOW, Name, RunId, WorkflowId,
    filter::{Filter, Subject},
    run::RegistrationState,
    view::View,
};
use sagaline_journal::{
    ErrorKind,
    wire::{ce_type, header},
};
use sagaline_projection::{List, Seen, StoredRun};
use sagaline_sdk::{
    batch::{self, Batch, Description, Target},
    client::ClientError,
    schedule::Json,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api,
    act::{Why, reason},
    answer,
    call::Call,
    journal::now,
    reads::{Consistency, unread_error},
    refusal::{self, Subject as About},
    start::new_id,
};
use crate::problem::Problem;

/// Most that one batch acts on.
const TARGETS_MAX: usize = 100_000;

/// Most ids that are named one by one.
const IDS_MAX: usize = 10_000;

/// Runs that are looked at at once.
const PAGE: usize = 1_000;

/// Characters of a batch's id.
const ID_CHARS: usize = 12;

/// The body.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBatch {
    /// A filter that means what it acts on; or `ids`.
    query: Option<String>,
    /// Workflow ids.
    ids: Option<Vec<String>>,
    /// `cancel`, `terminate`, `signal`, `pause`, `resume`, `reset`, `activity-retry`, `incident-retry` and so on.
    act: String,
    /// Its arguments: `{"compensate"}`, `{"name", "input"}`, or the body of the act.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    arguments: Json,
    reason: Option<String>,
    per_second: Option<f64>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Begun<'a> {
    batch_id: Option<&'a str>,
    matched: usize,
}

/// What a dry run says.
#[derive(Debug, Default, Serialize)]
struct Meant {
    matched: usize,
    completed_steps: usize,
    /// Of these, those that would be compensated.
    registered: usize,
    /// Runs of which nothing would be compensated.
    without_compensation: usize,
    #[serde(skip)]
    targets: Vec<Target>,
    #[serde(skip)]
    last_run: Option<RunId>,
}

/// What an act is done on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Runs,
    Activities,
    Incidents,
}

pub(crate) async fn begin(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let given = call.body::<NewBatch>()?;
    let filter = given.filter()?;
    let mut batch = Batch {
        act: given.act,
        arguments: given.arguments,
        reason: reason(given.reason)?,
        actor: call.principal.source(),
        query: given.query,
        per_second: given.per_second,
        matched: 0,
    };
    batch
        .check()
        .map_err(|wrong| Problem::bad_request("invalid_batch", wrong.message()))?;
    let scope = match batch.act.split_once('-') {
        Some(("activity", _)) => Scope::Activities,
        Some(("incident", _)) => Scope::Incidents,
        _ => Scope::Runs,
    };
    api.all_fresh(Consistency::Strong).await?;
    let mut meant = Meant::default();
    match (&filter, given.ids) {
        (Some(filter), _) => meant.by_filter(&api, filter, scope).await?,
        (None, ids) => {
            let everything = Filter::default();
            meant
                .by_ids(&api, ids.unwrap_or_default(), (&everything, scope))
                .await?;
        }
    }
    if given.dry_run {
        return Ok(answer::json(&meant));
    }
    if meant.targets.is_empty() {
        return Ok(answer::accepted(&Begun {
            batch_id: None,
            matched: 0,
        }));
    }
    batch.matched = meant.targets.len() as u64;
    let id = id_of(call.idempotency_key()?);
    let client = api.client().await?;
    match client.batch(&id).begin(batch, &meant.targets).await {
        Ok(()) => {}
        // The same again: it goes on already.
        Err(error)
            if error.kind() == Some(ErrorKind::Conflict) && call.idempotency_key()?.is_some() => {}
        Err(error) => return Err(unbegun(error)),
    }
    let id_of_run = workflow_id(&id)?;
    api.wrote(&id_of_run);
    Ok(answer::accepted(&Begun {
        batch_id: Some(&id),
        matched: meant.matched,
    }))
}

impl NewBatch {
    /// What is meant; none: ids are named.
    fn filter(&self) -> Result<Option<Filter>, Problem> {
        let invalid = |text: &str| Problem::bad_request("invalid_body", text);
        match (&self.query, &self.ids) {
            (Some(query), None) => {
                let filter = super::list::parsed(query)?;
                match filter.condition {
                    Some(_) => Ok(Some(filter)),
                    None => Err(invalid("a query that says nothing means everything")
                        .hint("if that is what you want, say so: `Open = true`")),
                }
            }
            (None, Some(ids)) if ids.len() > IDS_MAX => Err(invalid(&format!(
                "`ids`: {IDS_MAX} are allowed; a `query` may mean more"
            ))),
            (None, Some(_)) => Ok(None),
            _ => Err(invalid("one of `query` and `ids` says what is meant")),
        }
    }
}

/// By a key the same id each time.
fn id_of(key: Option<String>) -> String {
    let mut id = match key {
        Some(key) => {
            let of = WorkflowId::new("http-batch").expect("it is short enough");
            RunId::derive("", &of, key.as_bytes()).to_string()
        }
        None => new_id(),
    };
    id.retain(|digit| digit != '-');
    id.truncate(ID_CHARS);
    id
}

fn unbegun(error: ClientError) -> Problem {
    match error {
        ClientError::Request(error) if error.kind() == ErrorKind::Invalid => {
            Problem::bad_request("invalid_batch", error.message())
        }
        ClientError::Request(error) => refusal::unsent(&error),
        other => Problem::internal(other.to_string()),
    }
}

impl Meant {
    async fn by_filter(&mut self, api: &Api, filter: &Filter, scope: Scope) -> Result<(), Problem> {
        let unread = api.unread();
        let seen = Seen {
            now: now(),
            unread: &unread,
        };
        let mut token: Option<String> = None;
        loop {
            let list = List {
                filter,
                seen,
                page_size: PAGE,
                page_token: token.as_deref(),
            };
            let page = api.projection().list(&list).await;
            let page = page.map_err(|error| unread_error(&error))?;
            for run in &page.rows {
                self.add(&run.view(seen.now, &unread), (filter, scope))?;
            }
            token = page.next_page_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn by_ids(
        &mut self,
        api: &Api,
        ids: Vec<String>,
        of: (&Filter, Scope),
    ) -> Result<(), Problem> {
        let mut named = BTreeSet::new();
        for id in ids {
            let id = WorkflowId::new(&id)
                .map_err(|wrong| Problem::bad_request("invalid_workflow_id", wrong.to_string()))?;
            if !named.insert(id.clone()) {
                continue;
            }
            match api.stored(&id, None).await? {
                Some(run) if run.run.closed.is_none() || of.1 != Scope::Runs => {
                    self.add(&run.view(now(), &[]), of)?;
                }
                // Who names one hears what becomes of it: that it is over, or that nobody knows it.
                Some(run) => self.refer(&id, Some(run.run.run_id)),
                None => self.refer(&id, None),
            }
        }
        Ok(())
    }

    /// Leaves it to the engine to say why nothing is done on one.
    fn refer(&mut self, id: &WorkflowId, run_id: Option<RunId>) {
        self.matched += 1;
        self.targets.push(Target {
            run_id: run_id.map(|run_id| run_id.to_string()),
            ..Target::workflow(id.as_str())
        });
    }

    /// What of an open run is meant.
    fn add(&mut self, view: &View<'_>, (filter, scope): (&Filter, Scope)) -> Result<(), Problem> {
        let run = view.run;
        if run.closed.is_some() {
            return Ok(());
        }
        let target = Target {
            run_id: Some(run.run_id.to_string()),
            ..Target::workflow(view.workflow_id.as_str())
        };
        match scope {
            Scope::Runs if filter.selects(&Subject::run(view)) => self.take(view, target),
            Scope::Runs => {}
            Scope::Activities => {
                let is_meant = |one: &&Activity| filter.selects(&Subject::activity(view, one));
                for one in run.activities.iter().filter(is_meant) {
                    let activity_id = Some(one.activity_id.get());
                    self.take(
                        view,
                        Target {
                            activity_id,
                            ..target.clone()
                        },
                    );
                }
            }
            Scope::Incidents => {
                let all = run.incidents.iter();
                for one in all.filter(|one| filter.selects(&Subject::incident(view, one))) {
                    let incident_seq = Some(one.seq);
                    self.take(
                        view,
                        Target {
                            incident_seq,
                            ..target.clone()
                        },
                    );
                }
            }
        }
        match self.targets.len() > TARGETS_MAX {
            true => {
                let text = format!("more than {TARGETS_MAX} are meant; a batch may act on so many");
                Err(Problem::bad_request("invalid_batch", text)
                    .hint("narrow the filter: by StartTime or WorkflowType, say"))
            }
            false => Ok(()),
        }
    }

    fn take(&mut self, view: &View<'_>, target: Target) {
        self.matched += 1;
        self.targets.push(target);
        let run = view.run;
        if self.last_run.replace(run.run_id) == Some(run.run_id) {
            return;
        }
        let registered = run.registrations.iter();
        let registered = registered
            .filter(|one| one.state == RegistrationState::Registered)
            .count();
        self.completed_steps += run.steps.len();
        self.registered += registered;
        self.without_compensation += usize::from(registered == 0);
    }
}

/// A batch as its run shows it.
#[derive(Serialize)]
struct Shown {
    status: &'static str,
    started_at: String,
    closed_at: Option<String>,
    failure: Option<String>,
    #[serde(flatten)]
    about: Description,
}

#[derive(Serialize)]
struct Batches {
    batches: Vec<Shown>,
    next_page_token: Option<String>,
}

fn shown(run: &StoredRun) -> Shown {
    let started = &run.run.started;
    let id = run.workflow_id.as_str();
    let read = batch::seen(id, &started.input, started.memo.as_ref());
    // What it acts on was encoded by an app whose codec is not here: its memo is plain.
    let about = read.unwrap_or_else(|_| {
        let told = batch::told_by_memo(started.memo.as_ref());
        let (matched, tally) = told.ok().flatten().unwrap_or_default();
        Description {
            batch_id: id.strip_prefix(BATCH_ID_PREFIX).unwrap_or(id).to_owned(),
            matched,
            tally,
            ..Description::default()
        }
    });
    let closed = run.run.closed.as_ref();
    let why = closed.and_then(|closed| {
        let failure = closed.failure.as_ref();
        let failure = failure.map(|failure| failure.message.to_string());
        failure.or_else(|| closed.reason.as_ref().map(ToString::to_string))
    });
    Shown {
        status: run.view(run.as_of, &[]).status(),
        started_at: run.run.execution_started_at().to_rfc3339(),
        closed_at: closed.map(|closed| closed.at.to_rfc3339()),
        failure: why,
        about,
    }
}

pub(crate) async fn list(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["page_size", "page_token", "consistency"])?;
    api.all_fresh(call.consistency()?).await?;
    let filter = super::list::parsed(&format!("WorkflowType = \"{BATCH_WORKFLOW}\""))?;
    let unread: &[Name] = &[];
    let list = List {
        filter: &filter,
        seen: Seen { now: now(), unread },
        page_size: call.page_size()?,
        page_token: call.param("page_token"),
    };
    let page = api.projection().list(&list).await;
    let page = page.map_err(|error| unread_error(&error))?;
    Ok(answer::json(&Batches {
        batches: page.rows.iter().map(shown).collect(),
        next_page_token: page.next_page_token,
    }))
}

fn workflow_id(batch_id: &str) -> Result<WorkflowId, Problem> {
    let invalid = |text: String| Problem::bad_request("invalid_batch_id", text);
    let id = batch_id.strip_prefix(BATCH_ID_PREFIX).unwrap_or(batch_id);
    let id = batch::workflow_id(id).map_err(|wrong| invalid(wrong.message().to_owned()))?;
    WorkflowId::new(&id).map_err(|wrong| invalid(wrong.to_string()))
}

pub(crate) async fn describe(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["consistency"])?;
    let id = workflow_id(call.part("name"))?;
    api.fresh(&id, call.consistency()?).await?;
    match api.stored(&id, None).await? {
        Some(run) => Ok(answer::json(&shown(&run))),
        None => {
            let (code, hint) = About::Batch.missing();
            Err(Problem::not_found(code, "there is no such batch").hint(hint))
        }
    }
}

pub(crate) async fn cancel(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let id = workflow_id(call.part("name"))?;
    let why = reason(call.body::<Why>()?.reason)?;
    let request = call
        .request(ce_type::WORKFLOW_CANCEL, &id)?
        .header(header::REASON, why);
    let changed = api.change(&id, request, About::Batch).await;
    if changed.is_err() {
        let batch = api.stored(&id, None).await?;
        if batch.is_some_and(|batch| batch.run.closed.is_some()) {
            let text = format!("{id} has ended: there is nothing to stop");
            return Err(Problem::conflict("workflow_closed", text));
        }
    }
    changed
}
