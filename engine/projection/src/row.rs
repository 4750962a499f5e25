//! The rows of a run: what is searched by, beside its state.

use std::collections::BTreeMap;

use sagaline_core::{
    Fields, Seq, Timestamp, Transition, WorkflowId,
    event::IncidentKind,
    run::{ActivityState, Incident},
    show::Shown,
};
use sagaline_journal::Journaled;
use serde::Serialize;
use serde_json::Value;

use crate::{key, sql::Bind, state::StoredRun};

/// The columns of `runs`, in the order of [`run`].
pub(crate) const RUN_COLUMNS: &str = "run_id, partition, workflow_id, first_offset, listed, open, status, situation, \
     needs_person, decisions, workflow, version, version_key, started_at, closed_at, took, task_queue, activity, activity_id, \
     attempt, next_attempt_at, last_failure_type, compensation, incidents, parent_workflow_id, parent_run_id, children";

/// The same where a row is there already.
pub(crate) const RUN_UPDATES: &str = "listed = excluded.listed, open = excluded.open, status = excluded.status, \
     situation = excluded.situation, needs_person = excluded.needs_person, decisions = excluded.decisions, \
     closed_at = excluded.closed_at, took = excluded.took, task_queue = excluded.task_queue, \
     activity = excluded.activity, activity_id = excluded.activity_id, attempt = excluded.attempt, \
     next_attempt_at = excluded.next_attempt_at, last_failure_type = excluded.last_failure_type, \
     compensation = excluded.compensation, incidents = excluded.incidents, children = excluded.children";

/// The row of `runs`.
pub(crate) fn run(stored: &StoredRun) -> Vec<Bind> {
    let run = &stored.run;
    let view = stored.view(stored.as_of, &[]);
    let is_open = run.closed.is_none();
    let activity = view.most_urgent();
    let closed_at = run.closed.as_ref().map(|closed| closed.at);
    let parent = run.started.parent.as_ref();
    let failure = activity.and_then(|one| one.last_failure.as_deref());
    let decisions = run.waits.iter().filter(|wait| !wait.choices.is_empty());
    let children = run.children.as_ref().map(|children| children.total());
    vec![
        run.run_id.to_string().into(),
        i64::from(stored.partition).into(),
        text(stored.workflow_id.as_str()),
        stored.first_offset.into(),
        stored.next_run_id().is_none().into(),
        is_open.into(),
        view.status().into(),
        view.situation().map(|situation| situation.as_str()).into(),
        view.needs_person().into(),
        count(if is_open { decisions.count() } else { 0 }).into(),
        text(run.started.workflow.as_str()),
        text(&run.started.version),
        key::version_key(&run.started.version).into(),
        millis(run.started_at).into(),
        closed_at.map(millis).into(),
        closed_at
            .map(|at| i64::try_from(at.since(run.started_at).0).unwrap_or(i64::MAX))
            .into(),
        maybe_text(activity.map(|one| one.scheduled.task_queue.as_str())),
        maybe_text(activity.map(|one| one.scheduled.activity.as_str())),
        activity.map(|one| i64::from(one.activity_id.get())).into(),
        activity.map(|one| i64::from(one.attempt.get())).into(),
        activity
            .and_then(|one| view.next_attempt_at(one))
            .map(millis)
            .into(),
        maybe_text(failure.map(|one| one.failure.error_type.as_str())),
        view.compensation_state().into(),
        count(run.incidents.len()).into(),
        maybe_text(parent.map(|parent| parent.workflow_id.as_str())),
        parent.map(|parent| parent.run_id.to_string()).into(),
        children
            .map(|total| i64::try_from(total).unwrap_or(i64::MAX))
            .into(),
    ]
}

/// Where the journal tells of an input that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejectedRow {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) at: Timestamp,
    pub(crate) workflow_id: Option<WorkflowId>,
}

impl RejectedRow {
    pub(crate) fn of(partition: i32, journaled: &Journaled) -> Self {
        let Transition {
            at, workflow_id, ..
        } = &journaled.transition;
        Self {
            partition,
            offset: journaled.offset,
            at: *at,
            workflow_id: workflow_id.clone(),
        }
    }

    pub(crate) fn row(&self) -> Vec<Bind> {
        vec![
            i64::from(self.partition).into(),
            self.offset.into(),
            self.at.as_micros().into(),
            maybe_text(self.workflow_id.as_ref().map(WorkflowId::as_str)),
        ]
    }
}

/// What hangs on a run in other tables, as it was last written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hanging {
    pub(crate) pending: BTreeMap<u32, PendingRow>,
    pub(crate) incidents: BTreeMap<Seq, IncidentRow>,
    pub(crate) attributes: Option<Fields>,
}

/// A row of `pending` but its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PendingRow {
    activity: String,
    task_queue: String,
    state: &'static str,
    attempt: i64,
    next_attempt_at: Option<i64>,
    last_failure_type: Option<String>,
    queued_at: Option<i64>,
}

/// What may change of an open incident's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IncidentRow {
    pub(crate) kind: IncidentKind,
    pub(crate) since: Timestamp,
}

impl Hanging {
    /// What hangs on a run now.
    pub(crate) fn of(stored: &StoredRun) -> Self {
        let run = &stored.run;
        let view = stored.view(stored.as_of, &[]);
        let pending = run.activities.iter().map(|one| {
            let row = PendingRow {
                activity: one.scheduled.activity.as_str().to_owned(),
                task_queue: one.scheduled.task_queue.as_str().to_owned(),
                state: view.activity_state(one),
                attempt: i64::from(one.attempt.get()),
                next_attempt_at: view.next_attempt_at(one).map(millis),
                last_failure_type: one
                    .last_failure
                    .as_ref()
                    .map(|last| last.failure.error_type.as_str().to_owned()),
                queued_at: (one.state == ActivityState::Queued).then(|| millis(one.sent_at)),
            };
            (one.activity_id.get(), row)
        });
        let incidents = run.incidents.iter().map(|one| {
            let row = IncidentRow {
                kind: one.kind,
                since: one.since,
            };
            (one.seq, row)
        });
        Self {
            pending: pending.collect(),
            incidents: incidents.collect(),
            attributes: run.started.attributes.clone(),
        }
    }
}

/// The columns of `pending`, in the order of [`pending`].
pub(crate) const PENDING_COLUMNS: &str = "run_id, activity_id, activity, task_queue, state, attempt, next_attempt_at, \
     last_failure_type, queued_at";

/// The row of a pending activity.
pub(crate) fn pending(run_id: &str, activity_id: u32, row: PendingRow) -> Vec<Bind> {
    vec![
        run_id.into(),
        i64::from(activity_id).into(),
        text(&row.activity),
        text(&row.task_queue),
        row.state.into(),
        row.attempt.into(),
        row.next_attempt_at.into(),
        maybe_text(row.last_failure_type.as_deref()),
        row.queued_at.into(),
    ]
}

/// The columns of `incidents`, in the order of [`incident`].
pub(crate) const INCIDENT_COLUMNS: &str = "run_id, seq, workflow_id, open, kind, workflow, version, activity, activity_id, \
     error_type, since, resolved_at, resolved";

/// An incident that was solved in the batches that are written: its row tells all.
#[derive(Clone, Debug)]
pub(crate) struct SolvedIncident {
    pub(crate) incident: Incident,
    pub(crate) at: Timestamp,
    /// As the API has it.
    pub(crate) json: Vec<u8>,
}

/// How an incident was solved, as the API has it.
#[derive(Serialize)]
struct Resolution<'a> {
    act: &'a str,
    actor: &'a str,
    reason: Option<&'a str>,
    at: Shown<'a, Timestamp>,
}

impl SolvedIncident {
    /// An incident of a run, before the event that solves it is applied.
    pub(crate) fn of(
        stored: &StoredRun,
        event: &sagaline_core::event::IncidentResolved,
        at: Timestamp,
    ) -> Option<Self> {
        let incidents = &stored.run.incidents;
        let place = incidents
            .iter()
            .position(|one| one.seq == event.incident_seq)?;
        let view = stored.view(at, &[]);
        let seen = view.incidents().into_iter().nth(place)?;
        let resolution = Resolution {
            act: event.act.as_str(),
            actor: event.actor.as_str(),
            reason: event.reason.as_deref(),
            at: Shown(&at),
        };
        // Verbatim but for its last member, which is null.
        let open = serde_json::to_string(&seen).ok()?;
        let open = open.strip_suffix("null}")?;
        let json = format!("{open}{}}}", serde_json::to_string(&resolution).ok()?);
        Some(Self {
            incident: incidents.get(place)?.clone(),
            at,
            json: json.into_bytes(),
        })
    }
}

/// The row of an incident: of an open one, or of one that was solved.
pub(crate) fn incident(
    stored: &StoredRun,
    incident: &Incident,
    solved: Option<&SolvedIncident>,
) -> Vec<Bind> {
    let started = &stored.run.started;
    vec![
        stored.run.run_id.to_string().into(),
        i64::try_from(incident.seq).unwrap_or(i64::MAX).into(),
        text(stored.workflow_id.as_str()),
        solved.is_none().into(),
        incident.kind.as_str().into(),
        text(started.workflow.as_str()),
        text(&started.version),
        maybe_text(incident.activity.as_ref().map(|name| name.as_str())),
        incident.activity_id.map(|id| i64::from(id.get())).into(),
        text(incident.failure.error_type.as_str()),
        millis(incident.since).into(),
        solved.map(|solved| millis(solved.at)).into(),
        match solved {
            Some(solved) => solved.json.clone().into(),
            None => Vec::new().into(),
        },
    ]
}

/// The columns of `attributes`, in the order of [`attributes`].
pub(crate) const ATTRIBUTE_COLUMNS: &str = "run, name, ordinal, value_key, value_rest, started_at";

/// The rows of a run's attributes.
pub(crate) fn attributes(id: i64, started_at: Timestamp, fields: &Fields) -> Vec<Vec<Bind>> {
    let mut rows = Vec::new();
    for field in fields.iter() {
        for (ordinal, key) in key::attribute_keys(&field.json).into_iter().enumerate() {
            rows.push(vec![
                id.into(),
                text(field.name.as_str()),
                count(ordinal).into(),
                key.key.into(),
                key.rest.into(),
                millis(started_at).into(),
            ]);
        }
    }
    rows
}

/// A text that others chose, as both databases take it.
pub(crate) fn text(text: &str) -> Bind {
    key::text_key(text).into_owned().into()
}

fn maybe_text(maybe: Option<&str>) -> Bind {
    maybe.map_or(Bind::Text(None), text)
}

pub(crate) const fn millis(at: Timestamp) -> i64 {
    at.as_millis()
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An event's attributes as the API's JSON has them.
pub(crate) fn shown<T: sagaline_core::show::Show>(value: &T) -> String {
    serde_json::to_value(Shown(value))
        .unwrap_or(Value::Null)
        .to_string()
}
