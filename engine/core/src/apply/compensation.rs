//! Registrations and their undoing.

use alloc::{boxed::Box, sync::Arc};

use super::Place;
use crate::{
    ActivityId, Name, Run,
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
        event: &Arc<CompensationRegistered>,
    ) {
        self.next_activity_id = event.activity_id.next();
        // What a child hands over is no command of this program.
        if event.child_workflow_id.is_none() {
            self.recorded_activity(
                place,
                CommandKind::RegisterCompensation,
                event.activity_id,
                &event.activity,
            );
        }
        let of = event
            .child_step
            .clone()
            .or_else(|| self.step_name(event.compensates))
            .unwrap_or_else(|| event.activity.clone());
        let mut steps = self.steps.iter();
        let step = steps.find(|one| one.activity_id == event.compensates);
        let settled = step.and_then(|step| step.settled);
        self.registrations.push(Registration {
            registered: Arc::clone(event),
            of,
            state: settled.unwrap_or(RegistrationState::Registered),
        });
    }

    pub(super) fn compensation_started(&mut self, place: Place<'_>, event: &CompensationStarted) {
        if event.forced {
            self.seen.insert(place.cause.identity());
            self.see(Job::Ended);
        } else {
            let kind = match event.outcome {
                Outcome::Completed => CommandKind::Complete,
                Outcome::ContinuedAsNew => CommandKind::ContinueAsNew,
                Outcome::Failed => CommandKind::Fail,
                Outcome::Canceled | Outcome::Terminated | Outcome::TimedOut => CommandKind::Cancel,
            };
            self.recorded_plain(place, kind);
        }
        // Nobody waits for them any more.
        self.timers.clear();
        self.waits.clear();
        self.undo = Some(Box::new(Undo {
            outcome: event.outcome,
            failure: event.failure.clone(),
            reason: event.reason.clone(),
        }));
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
            .find(|one| one.registered.activity_id == activity_id)
        {
            registration.state = state;
        }
    }

    /// A step that is known to have done nothing needs no undoing.
    pub(super) fn forget_registration_of(&mut self, step: ActivityId) {
        self.registrations
            .retain(|one| one.registered.compensates != step);
    }

    fn step_name(&self, step: ActivityId) -> Option<Name> {
        let completed = self
            .steps
            .iter()
            .find(|one| one.activity_id == step)
            .map(|one| one.activity.clone());
        completed.or_else(|| {
            self.activity(step)
                .map(|activity| activity.scheduled.activity.clone())
        })
    }
}
