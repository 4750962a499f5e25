//! How what a run has done is, or would be, undone.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use serde::Serialize;

use super::activity::next_attempt_at;
use crate::{
    ActivityId, Attempt, Name, Outcome, Run, Timestamp,
    event::IncidentKind,
    run::{ActivityState, Registration, RegistrationState, Undo},
    show::Shown,
};

/// The compensation of a run, once something is registered or being undone.
#[derive(Debug, Serialize)]
pub struct CompensationView<'a> {
    state: &'static str,
    reason: Option<Cow<'a, str>>,
    completed_steps: usize,
    registered: usize,
    done: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<CompensationStep<'a>>>,
}

/// How one step is undone.
#[derive(Debug, Serialize)]
pub struct CompensationStep<'a> {
    of: &'a Name,
    activity: &'a Name,
    activity_id: ActivityId,
    state: &'static str,
    attempt: Option<Attempt>,
    next_attempt_at: Option<Shown<'a, Timestamp>>,
}

impl<'a> CompensationView<'a> {
    /// Without its steps, as rows of a list have it.
    pub(super) fn of(run: &'a Run) -> Option<Self> {
        Some(Self {
            state: state_of(run)?,
            reason: run.undo.as_ref().map(|undo| reason(run, undo)),
            completed_steps: run.steps.iter().filter(|one| one.settled.is_none()).count(),
            registered: run.registrations.len(),
            done: done(run),
            steps: None,
        })
    }

    /// With its steps, in the order of their registration.
    pub(super) fn with_steps(run: &'a Run) -> Option<Self> {
        let steps = run
            .registrations
            .iter()
            .map(|registration| CompensationStep::of(run, registration))
            .collect();
        Some(Self {
            steps: Some(steps),
            ..Self::of(run)?
        })
    }
}

impl<'a> CompensationStep<'a> {
    fn of(run: &'a Run, registration: &'a Registration) -> Self {
        let pending = run.activity(registration.registered.activity_id);
        let parked = pending.is_some_and(|activity| activity.state == ActivityState::Parked);
        Self {
            of: &registration.of,
            activity: &registration.registered.activity,
            activity_id: registration.registered.activity_id,
            state: match registration.state {
                RegistrationState::Running if parked => "parked",
                RegistrationState::Registered => "registered",
                RegistrationState::Running => "running",
                RegistrationState::Completed => "completed",
                RegistrationState::Failed => "failed",
            },
            attempt: pending.map(|activity| activity.attempt),
            next_attempt_at: pending
                .and_then(|activity| next_attempt_at(run, activity))
                .map(Shown),
        }
    }
}

/// How far the compensation of a run is; none as long as nothing is registered or being undone.
pub(crate) fn state_of(run: &Run) -> Option<&'static str> {
    let is = |state| run.registrations.iter().any(|one| one.state == state);
    Some(if run.undo.is_none() {
        if run.registrations.is_empty() {
            return None;
        }
        "registered"
    } else if run
        .incidents
        .iter()
        .any(|incident| incident.kind == IncidentKind::CompensationFailed)
    {
        "parked"
    } else if run.closed.is_none() {
        "running"
    } else if is(RegistrationState::Failed) || done(run) < total(run) {
        "failed"
    } else {
        "completed"
    })
}

/// How many steps are undone.
pub(super) fn done(run: &Run) -> usize {
    run.registrations
        .iter()
        .filter(|one| one.state == RegistrationState::Completed)
        .count()
}

/// How many steps there are to undo, with those that nobody knows how to.
pub(super) fn total(run: &Run) -> usize {
    run.registrations
        .len()
        .saturating_add(run.uncovered_steps().count())
}

/// Steps that stay done, in the order in which they were done.
pub(super) fn left(run: &Run) -> Vec<&Name> {
    let covered = run
        .registrations
        .iter()
        .filter(|one| one.state != RegistrationState::Completed);
    let mut left: Vec<(ActivityId, &Name)> = covered
        .map(|one| (one.registered.compensates, &one.of))
        .collect();
    let stay = run.steps.iter();
    let stay = stay.filter(|step| step.settled == Some(RegistrationState::Failed));
    left.extend(
        run.uncovered_steps()
            .chain(stay)
            .map(|step| (step.activity_id, &step.activity)),
    );
    left.sort_unstable();
    left.dedup();
    left.into_iter().map(|(_, name)| name).collect()
}

/// Why the run is undone: `ship failed for good`, `it was cancelled`.
pub(super) fn reason<'a>(run: &'a Run, undo: &'a Undo) -> Cow<'a, str> {
    let quoted = |said: &str| match &undo.reason {
        Some(reason) => Cow::Owned(format!("{said}: \"{reason}\"")),
        None => Cow::Owned(String::from(said)),
    };
    match (undo.outcome, &undo.failure) {
        (Outcome::Canceled, _) => quoted("it was cancelled"),
        (Outcome::Terminated, _) => quoted("it was terminated"),
        (Outcome::TimedOut, _) => Cow::Borrowed("its time ran out"),
        (Outcome::Completed | Outcome::ContinuedAsNew, _) => Cow::Borrowed("it completed"),
        (Outcome::Failed, Some(failure)) => match culprit(run, &failure.error_type) {
            Some(activity) => Cow::Owned(format!("{activity} failed for good")),
            None => Cow::Owned(format!("it failed with {}", failure.error_type)),
        },
        (Outcome::Failed, None) => Cow::Borrowed("it failed"),
    }
}

/// The last activity, or child, that failed with the type that the run ends with.
fn culprit<'a>(run: &'a Run, error_type: &Name) -> Option<&'a Name> {
    let mut failed = run.failed.iter();
    let failed = failed.find(|one| one.error_type == *error_type);
    failed.map(|one| &one.name)
}
