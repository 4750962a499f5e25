//! What an act is done on: open runs, pending activities or open incidents that a filter means.

use std::{collections::BTreeMap, fmt};

use sagaline_core::{
    Activity, ActivityId, Name, RunId, Seq, WorkflowId,
    filter::{Filter, Subject},
    run::{Incident, RegistrationState},
    view::View,
};
use sagaline_sdk::batch;
use serde::{Deserialize, Serialize};

use crate::{
    cli::{Session, query::queues_asked_for},
    fault::Outcome,
    journal::Journal,
};

/// What a filter is asked about, and so what an act is done on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Open runs.
    Runs,
    /// Each pending activity.
    Activities,
    /// Each open incident.
    Incidents,
}

/// One of many.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(super) workflow_id: WorkflowId,
    pub(super) run_id: RunId,
    /// What of the run.
    part: Part,
    /// Name of the activity that it is about.
    pub(super) activity: Option<Name>,
    /// Attempts of a fresh set, 0 without limit; none where nothing is to be attempted.
    pub(super) attempts: Option<u32>,
    /// Attempts that a worker may be at.
    pub(super) in_flight: usize,
    /// Of the run: steps that are done.
    pub(super) completed_steps: usize,
    /// Of these, those that would be compensated.
    pub(super) registered: usize,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Run,
    Activity(ActivityId),
    Incident(Seq),
}

impl Target {
    fn of(view: &View<'_>, part: Part) -> Self {
        let run = view.run;
        let registered = run.registrations.iter();
        Self {
            workflow_id: view.workflow_id.clone(),
            run_id: run.run_id,
            part,
            activity: None,
            attempts: None,
            in_flight: in_flight(&run.activities),
            completed_steps: run.steps.len(),
            registered: registered
                .filter(|one| one.state == RegistrationState::Registered)
                .count(),
        }
    }

    fn activity(view: &View<'_>, activity: &Activity) -> Self {
        Self {
            activity: Some(activity.scheduled.activity.clone()),
            attempts: Some(activity.scheduled.retry.maximum_attempts),
            in_flight: in_flight([activity]),
            ..Self::of(view, Part::Activity(activity.activity_id))
        }
    }

    fn incident(view: &View<'_>, incident: &Incident) -> Self {
        let activity = incident.activity_id.and_then(|id| view.run.activity(id));
        Self {
            activity: incident.activity.clone(),
            attempts: activity.map(|activity| activity.scheduled.retry.maximum_attempts),
            ..Self::of(view, Part::Incident(incident.seq))
        }
    }

    /// As a batch is told it.
    pub(super) fn told(&self) -> batch::Target {
        let (activity_id, incident_seq) = match self.part {
            Part::Run => (None, None),
            Part::Activity(id) => (Some(id.get()), None),
            Part::Incident(seq) => (None, Some(seq)),
        };
        batch::Target {
            run_id: Some(self.run_id.to_string()),
            activity_id,
            incident_seq,
            ..batch::Target::workflow(self.workflow_id.as_str())
        }
    }
}

/// What the runs that are meant have done, and how much of it would be undone.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Covered {
    pub(super) completed_steps: usize,
    /// Of these, those that would be compensated.
    pub(super) registered: usize,
    /// Runs of which nothing would be compensated.
    pub(super) without_compensation: usize,
}

impl Covered {
    /// Of each run once, however much of it is meant.
    pub(super) fn of(targets: &[Target]) -> Self {
        let runs: BTreeMap<RunId, &Target> = targets.iter().map(|one| (one.run_id, one)).collect();
        let sum = |count: fn(&Target) -> usize| runs.values().map(|one| count(one)).sum();
        Self {
            completed_steps: sum(|one| one.completed_steps),
            registered: sum(|one| one.registered),
            without_compensation: runs.values().filter(|one| one.registered == 0).count(),
        }
    }
}

fn in_flight<'a>(activities: impl IntoIterator<Item = &'a Activity>) -> usize {
    let activities = activities.into_iter();
    activities.filter(|one| one.is_in_flight()).count()
}

/// As the command takes it: `order-1`, `order-1 3`, or an incident's id.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Run => write!(f, "{}", self.workflow_id),
            Part::Activity(id) => write!(f, "{} {id}", self.workflow_id),
            Part::Incident(seq) => write!(f, "{}.{seq}", self.run_id),
        }
    }
}

/// All that the filter means, in its order; without one the oldest run first.
pub(super) fn targets(session: &Session, filter: &Filter, scope: Scope) -> Outcome<Vec<Target>> {
    let folded = Journal::open(session)?.fold_all()?;
    let unread = queues_asked_for(session, filter, &folded)?;
    let now = session.output.now;
    let mut open: Vec<View<'_>> = folded
        .iter()
        .flat_map(|runs| {
            runs.iter()
                .map(|(id, seen)| runs.view(id, seen, now, &unread))
        })
        .filter(|view| view.run.closed.is_none())
        .collect();
    open.sort_by_key(|view| (view.run.started_at, view.workflow_id));
    let mut meant: Vec<(Subject<'_>, Target)> = open
        .iter()
        .flat_map(|view| of_run(view, filter, scope))
        .collect();
    if !filter.order.is_empty() {
        meant.sort_by_cached_key(|(subject, _)| filter.sort_key(subject));
    }
    Ok(meant.into_iter().map(|(_, target)| target).collect())
}

fn of_run<'a>(view: &View<'a>, filter: &Filter, scope: Scope) -> Vec<(Subject<'a>, Target)> {
    let run = view.run;
    match scope {
        Scope::Runs if filter.selects_run(view) => {
            vec![(Subject::run(view), Target::of(view, Part::Run))]
        }
        Scope::Runs => Vec::new(),
        Scope::Activities => {
            let all = run.activities.iter();
            let all = all.map(|one| (Subject::activity(view, one), Target::activity(view, one)));
            all.filter(|(subject, _)| filter.selects(subject)).collect()
        }
        Scope::Incidents => {
            let all = run.incidents.iter();
            let all = all.map(|one| (Subject::incident(view, one), Target::incident(view, one)));
            all.filter(|(subject, _)| filter.selects(subject)).collect()
        }
    }
}

#[cfg(test)]
impl Target {
    /// One about an activity of the run `n`, with two completed steps of which one would be compensated.
    pub(super) fn scripted(n: u8, activity: Option<&'static str>, attempts: Option<u32>) -> Self {
        let workflow_id = WorkflowId::new(&format!("order-{n}")).expect("it is short");
        Self {
            run_id: RunId::derive("test", &workflow_id, &[n]),
            workflow_id,
            part: Part::Incident(5),
            activity: activity.map(Name::from),
            attempts,
            in_flight: 1,
            completed_steps: 2,
            registered: usize::from(n != 0),
        }
    }
}
