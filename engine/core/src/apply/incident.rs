//! What waits for a person, and what a person changed.

use super::Place;
use crate::{
    ActivityId, IncidentAct, Run, error_type,
    event::{ActivityOptionsUpdated, IncidentRaised, IncidentResolved},
    run::{ActivityState, Incident, RESOLVED_MAX, RegistrationState, Resolved},
};

impl Run {
    pub(super) fn incident_raised(&mut self, place: Place<'_>, event: &IncidentRaised) {
        if event.failure.error_type.as_str() == error_type::TERMINATED {
            // A repeat of the termination that raised it must not be taken for the second one, which ends the run.
            self.seen.insert(place.cause.identity());
        }
        // What a retry did not solve is the same incident again.
        let before = self.resolved.iter().rposition(|one| {
            one.act.as_str() == IncidentAct::RETRY
                && (one.kind, one.activity_id) == (event.kind, event.activity_id)
        });
        let before = before.map(|at| self.resolved.remove(at));
        let (seq, times) = before.map_or((place.seq, 0), |before| (before.seq, before.times));
        self.incidents.push(Incident {
            seq,
            kind: event.kind,
            activity_id: event.activity_id,
            activity: event.activity.clone(),
            failure: event.failure.clone(),
            since: place.at,
            times: times.saturating_add(1),
        });
        if let Some(activity) = event.activity_id.and_then(|id| self.activity_mut(id)) {
            activity.state = ActivityState::Parked;
        }
    }

    pub(super) fn incident_resolved(&mut self, place: Place<'_>, event: &IncidentResolved) {
        self.seen.insert(place.cause.identity());
        let at = self
            .incidents
            .iter()
            .position(|incident| incident.seq == event.incident_seq);
        let Some(incident) = at.map(|at| self.incidents.remove(at)) else {
            return;
        };
        match (event.act.as_str(), incident.activity_id) {
            (IncidentAct::RETRY, Some(activity_id)) => {
                if let Some(activity) = self.activity_mut(activity_id) {
                    activity.give_fresh_attempts(place.at);
                }
            }
            (IncidentAct::SKIP, Some(step)) if self.activity(step).is_none() => {
                self.settle_step(step, RegistrationState::Completed);
            }
            (IncidentAct::FAIL, Some(step)) if self.activity(step).is_none() => {
                self.settle_step(step, RegistrationState::Failed);
            }
            _ => {}
        }
        if self.resolved.len() >= RESOLVED_MAX {
            self.resolved.remove(0);
        }
        self.resolved.push(Resolved {
            seq: incident.seq,
            kind: incident.kind,
            activity_id: incident.activity_id,
            times: incident.times,
            act: event.act.clone(),
            actor: event.actor.clone(),
            at: place.at,
        });
    }

    /// A person undid a step, or leaves it done: nothing that is registered undoes it.
    fn settle_step(&mut self, step: ActivityId, settled: RegistrationState) {
        let steps = self.steps.iter_mut();
        for one in steps.filter(|one| one.activity_id == step) {
            one.settled = Some(settled);
        }
        let registrations = self.registrations.iter_mut();
        for one in registrations.filter(|one| one.registered.compensates == step) {
            one.state = settled;
        }
    }

    pub(super) fn activity_options_updated(
        &mut self,
        place: Place<'_>,
        event: &ActivityOptionsUpdated,
    ) {
        self.seen.insert(place.cause.identity());
        if let Some(activity) = self.activity_mut(event.activity_id) {
            activity.change_options(place.at, event);
        }
    }
}
