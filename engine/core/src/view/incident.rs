//! Incidents, as `GET /incidents` has them.

use alloc::{format, string::String};

use serde::Serialize;

use super::{
    FieldsView, View, WaitKind, WaitingFor,
    activity::{cause_of, maximum_attempts},
};
use crate::{
    Activity, ActivityId, Attempt, Name, Payload, RunId, Timestamp, WorkflowId,
    event::IncidentKind, run::Incident, show::Shown,
};

/// What waits for a person.
#[derive(Debug, Serialize)]
pub struct IncidentView<'a> {
    id: String,
    workflow_id: &'a WorkflowId,
    run_id: RunId,
    workflow: &'a Name,
    version: &'a str,
    kind: Shown<'a, IncidentKind>,
    activity: Option<&'a Name>,
    activity_id: Option<ActivityId>,
    attempt: Option<Attempt>,
    maximum_attempts: Option<u32>,
    error_type: &'a Name,
    message: &'a str,
    since: Shown<'a, Timestamp>,
    times: u32,
    input: Option<Shown<'a, Payload>>,
    attributes: FieldsView<'a>,
    /// Always null: an open run shows only what is not resolved.
    resolution: Option<()>,
}

impl<'a> IncidentView<'a> {
    /// `<run id>.<seq>`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The workflow.
    #[must_use]
    pub const fn workflow_id(&self) -> &WorkflowId {
        self.workflow_id
    }

    /// Since when.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        *self.since.0
    }

    /// `ship: attempts-exhausted, AddressUnknown: no such street`.
    #[must_use]
    pub fn what(&self) -> String {
        let kind = self.kind.0.as_str();
        let activity = self
            .activity
            .map_or_else(String::new, |name| format!("{name}: "));
        let message = self.message.lines().next().unwrap_or_default();
        format!("{activity}{kind}, {}: {message}", self.error_type)
    }

    pub(super) fn of(view: &View<'a>, incident: &'a Incident) -> Self {
        let run = view.run;
        let activity = incident.activity_id.and_then(|id| run.activity(id));
        Self {
            id: format!("{}.{}", run.run_id, incident.seq),
            workflow_id: view.workflow_id,
            run_id: run.run_id,
            workflow: &run.started.workflow,
            version: &run.started.version,
            kind: Shown(&incident.kind),
            activity: incident.activity.as_ref(),
            activity_id: incident.activity_id,
            attempt: activity.map(|activity| activity.attempt),
            maximum_attempts: activity.and_then(maximum_attempts),
            error_type: &incident.failure.error_type,
            message: &incident.failure.message,
            since: Shown(&incident.since),
            times: incident.times,
            input: activity.map(|activity| Shown(&activity.scheduled.input)),
            attributes: FieldsView::attributes(view.run),
            resolution: None,
        }
    }
}

/// What a person is asked.
pub(super) fn sentence(view: &View<'_>, incident: &Incident) -> WaitingFor {
    let cause = cause_of(&incident.failure);
    let error_type = &incident.failure.error_type;
    let what = match (
        incident.kind,
        incident.activity_id.and_then(|id| view.run.activity(id)),
    ) {
        (IncidentKind::AttemptsExhausted | IncidentKind::CompensationFailed, Some(activity)) => {
            let consequence = match view
                .run
                .registrations
                .iter()
                .find(|one| one.registered.activity_id == activity.activity_id)
            {
                Some(registration) => format!(", so {} stays done", registration.of),
                None => String::new(),
            };
            format!(
                "{} ({error_type}){consequence}. Retry, skip or fail it",
                used_up(activity)
            )
        }
        (IncidentKind::AttemptsExhausted | IncidentKind::CompensationFailed, None) => {
            String::from(incident.failure.message.as_ref())
        }
        (IncidentKind::DefinitionMissing, _) => String::from(incident.failure.message.as_ref()),
        (IncidentKind::Nondeterminism, _) => {
            format!("the program differs from its history ({cause})")
        }
        (IncidentKind::Panic, _) => format!("the program panicked ({cause})"),
        (IncidentKind::Quarantined, _) => {
            String::from("activating it stopped the engine 3 times in a row")
        }
        (IncidentKind::Limit, _) => format!("the program asked for more than is allowed ({cause})"),
        (IncidentKind::Deadlock, _) => {
            format!("the program waits for nothing that could come ({cause})")
        }
    };
    WaitingFor {
        text: format!("Waiting for you: {what}."),
        kind: WaitKind::Incident,
        until: None,
    }
}

/// `ship used up its 3 attempts`; one that must not be retried did not.
fn used_up(activity: &Activity) -> String {
    let (name, attempt) = (&activity.scheduled.activity, activity.attempt);
    match activity.maximum_attempts {
        1 if attempt.get() == 1 => format!("{name} failed at its only attempt"),
        maximum if attempt.get() == maximum => format!("{name} used up its {maximum} attempts"),
        _ => format!("{name} failed for good at attempt {attempt}"),
    }
}
