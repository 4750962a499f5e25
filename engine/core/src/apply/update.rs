//! Updates: requests that may change a run, and are answered.

use super::Place;
use crate::{
    Run,
    event::{UpdateAccepted, UpdateCompleted, UpdateRejected},
    program::{CommandKind, Job, Recorded},
    run::UpdateOutcome,
};

impl Run {
    pub(super) fn update_accepted(&mut self, place: Place<'_>, event: &UpdateAccepted) {
        self.seen.insert(place.cause.identity());
        self.updates.accept(&event.update_id, &event.update);
        self.see(Job::UpdateAccepted {
            update_id: event.update_id.clone(),
            update: event.update.clone(),
            input: event.input.clone(),
        });
    }

    pub(super) fn update_completed(&mut self, place: Place<'_>, event: &UpdateCompleted) {
        let outcome = match (&event.result, &event.failure) {
            (Some(result), _) => UpdateOutcome::Completed(result.clone()),
            (None, Some(failure)) => UpdateOutcome::Failed(failure.clone()),
            (None, None) => UpdateOutcome::Completed(crate::Payload::empty()),
        };
        self.updates.end(&event.update_id, place.seq, outcome);
        self.recorded(
            place,
            Recorded {
                seq: place.seq,
                kind: CommandKind::CompleteUpdate,
                name: Some(event.update_id.clone()),
                id: None,
                value: None,
            },
        );
    }

    pub(super) fn update_rejected(&mut self, place: Place<'_>, event: &UpdateRejected) {
        self.seen.insert(place.cause.identity());
        let outcome = UpdateOutcome::Rejected(event.failure.clone());
        self.updates.end(&event.update_id, place.seq, outcome);
    }
}
