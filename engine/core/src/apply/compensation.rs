//! Registrations and their undoing.

use super::Place;
use crate::{
    ActivityId, Millis, Name, Run,
    event::{
        CompensationCompleted, CompensationFailed, CompensationRegistered, CompensationStarted,
        Outcome,
    },
    program::{CommandKind, Job},
    run::{Registration, RegistrationState, Undo},
};

impl Run {
    pub(super) fn compensation_registered(
        &mut self,
        place: Place<'_>,
        event: &CompensationRegistered,
    ) {
        self.next_activity_id = event.activity_id.next();
        self.recorded_activity(
            place,
            CommandKind::RegisterCompensation,
            event.activity_id,
            &event.activity,
        );
        let of = self
            .step_name(event.compensates)
            .unwrap_or_else(|| event.activity.clone());
        self.registrations.push(Registration {
            activity_id: event.activity_id,
            activity: event.activity.clone(),
            task_queue: event.task_queue.clone(),
            input: event.input.clone(),
            retry: event.retry.clone(),
            start_to_close: Millis(event.start_to_close_ms),
            compensates: event.compensates,
            of,
            group: event.group,
            state: RegistrationState::Registered,
        });
    }

    pub(super) fn compensation_started(&mut self, place: Place<'_>, event: &CompensationStarted) {
        if event.forced {
            self.seen.insert(place.cause.identity());
            self.unseen.push(Job::Ended);
        } else {
            let kind = match event.outcome {
                Outcome::Completed => CommandKind::Complete,
                Outcome::Failed => CommandKind::Fail,
                Outcome::Canceled | Outcome::Terminated => CommandKind::Cancel,
            };
            self.recorded_end(place, kind);
        }
        self.undo = Some(Undo {
            outcome: event.outcome,
            failure: event.failure.clone(),
            reason: event.reason.clone(),
        });
    }

    pub(super) fn compensation_completed(&mut self, event: &CompensationCompleted) {
        self.set_registration(event.activity_id, RegistrationState::Completed);
    }

    pub(super) fn compensation_failed(&mut self, event: &CompensationFailed) {
        self.set_registration(event.activity_id, RegistrationState::Failed);
    }

    pub(super) fn set_registration(&mut self, activity_id: ActivityId, state: RegistrationState) {
        if let Some(registration) = self
            .registrations
            .iter_mut()
            .find(|one| one.activity_id == activity_id)
        {
            registration.state = state;
        }
    }

    /// A step that is known to have done nothing needs no undoing.
    pub(super) fn forget_registration_of(&mut self, step: ActivityId) {
        self.registrations.retain(|one| one.compensates != step);
    }

    fn step_name(&self, step: ActivityId) -> Option<Name> {
        let completed = self
            .steps
            .iter()
            .find(|one| one.activity_id == step)
            .map(|one| one.activity.clone());
        completed.or_else(|| self.activity(step).map(|activity| activity.name.clone()))
    }
}
