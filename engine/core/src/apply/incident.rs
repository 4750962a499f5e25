//! What waits for a person, and what a person changed.

use super::Place;
use crate::{
    IncidentAct, Run, error_type,
    event::{ActivityOptionsUpdated, IncidentRaised, IncidentResolved},
    run::{ActivityState, Incident, RESOLVED_MAX, Resolved},
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
            // It stays done.
            (IncidentAct::SKIP | IncidentAct::FAIL, Some(activity_id))
                if self.activity(activity_id).is_none() =>
            {
                self.steps.retain(|step| step.activity_id != activity_id);
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
