//! A run as a row of a list, as `GET /workflows` has it.

use alloc::vec::Vec;

use serde::Serialize;

use super::{
    AttemptView, FieldsView, Situation, View, WaitingFor,
    activity::{LastFailureView, maximum_attempts, next_attempt_at},
    children::{ChildrenView, ParentView},
    compensation::CompensationView,
    incident::IncidentView,
    wait,
};
use crate::{Attempt, Name, RunId, Timestamp, Wait, WorkflowId, show::Shown};

/// What a list says of a run. Queue, attempts and failure are those of the activity that its sentence is about; attempts of
/// a run that waits to be tried again are the run's.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    workflow_id: &'a WorkflowId,
    run_id: RunId,
    workflow: &'a Name,
    version: &'a str,
    status: &'static str,
    situation: Option<Situation>,
    waiting_for: WaitingFor,
    waits: Shown<'a, Vec<Wait>>,
    task_queue: Option<&'a Name>,
    attempt: Option<Attempt>,
    maximum_attempts: Option<u32>,
    next_attempt_at: Option<Shown<'a, Timestamp>>,
    last_failure: Option<LastFailureView<'a>>,
    started_at: Shown<'a, Timestamp>,
    closed_at: Option<Shown<'a, Timestamp>>,
    parent: Option<ParentView<'a>>,
    children: Option<ChildrenView>,
    compensation: Option<CompensationView<'a>>,
    incidents: Vec<IncidentView<'a>>,
    attributes: FieldsView<'a>,
}

impl<'a> Row<'a> {
    /// The row of a run; without `compensation` the short form is taken.
    pub(super) fn of(view: &View<'a>, compensation: Option<CompensationView<'a>>) -> Self {
        let run = view.run;
        let activity = wait::most_urgent(view);
        let next = AttemptView::next(run);
        Self {
            workflow_id: view.workflow_id,
            run_id: run.run_id,
            workflow: &run.started.workflow,
            version: &run.started.version,
            status: view.status(),
            situation: view.situation(),
            waiting_for: view.waiting_for(),
            waits: Shown(&run.waits),
            task_queue: activity.map(|activity| &activity.scheduled.task_queue),
            attempt: activity
                .map(|activity| activity.attempt)
                .or(next.as_ref().map(AttemptView::attempt)),
            maximum_attempts: activity
                .and_then(maximum_attempts)
                .or(next.as_ref().and_then(AttemptView::maximum_attempts)),
            next_attempt_at: activity
                .and_then(|activity| next_attempt_at(run, activity))
                .or(next.and(run.delayed_until.as_ref()))
                .map(Shown),
            last_failure: activity.and_then(LastFailureView::of),
            started_at: Shown(&run.started_at),
            closed_at: run.closed.as_ref().map(|closed| Shown(&closed.at)),
            parent: ParentView::of(run),
            children: ChildrenView::of(run),
            compensation: compensation.or_else(|| CompensationView::of(run)),
            incidents: run
                .incidents
                .iter()
                .map(|incident| IncidentView::of(view, incident))
                .collect(),
            attributes: FieldsView::attributes(run),
        }
    }
}
