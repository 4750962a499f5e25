//! I12: compensations in reverse order, after everything in flight has ended, each once.

use std::sync::Arc;

use sagaline_core::{Event, Outcome, event::CompensationRegistered};

use super::{Place, Run};
use crate::{Violation, counters::key_of};

/// How a step is undone.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub(super) activity_id: u32,
    pub(super) compensates: u32,
    pub(super) registered: Arc<CompensationRegistered>,
    /// What the step is called.
    pub(super) step: String,
    /// Whose group it is: a child's that handed it over, or its own.
    pub(super) group: Option<(Option<u32>, u32)>,
    /// Its group in that child.
    theirs: Option<(Option<u32>, u32)>,
    pub(super) state: RegistrationState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegistrationState {
    Waiting,
    Running,
    Done,
    GivenUp,
}

impl Run {
    pub(super) fn compensation(
        &mut self,
        place: Place<'_>,
        event: &Event,
    ) -> Result<(), Violation> {
        match event {
            Event::CompensationRegistered(event) => self.registered(event),
            Event::CompensationStarted(event) => {
                if event.outcome == Outcome::TimedOut {
                    self.check_timed_out(place)?;
                }
                match self.undo.replace(event.outcome) {
                    None => Ok(()),
                    Some(_) => Err(self.violates("I12", "compensation starts twice".into())),
                }
            }
            Event::CompensationCompleted(event) => {
                let id = event.activity_id.get();
                let completed = self
                    .activities
                    .get(&id)
                    .is_some_and(|one| one.result.is_some());
                self.undone(id, completed, RegistrationState::Done)
            }
            Event::CompensationFailed(event) => {
                let id = event.activity_id.get();
                let failed = self
                    .activities
                    .get(&id)
                    .is_some_and(|one| one.is_over() && one.result.is_none());
                self.undone(id, failed, RegistrationState::GivenUp)
            }
            _ => Ok(()),
        }
    }

    fn registered(&mut self, event: &Arc<CompensationRegistered>) -> Result<(), Violation> {
        let (id, step) = (event.activity_id.get(), event.compensates.get());
        let child = self.handed(event)?;
        let is_known = child.is_some() || self.activities.contains_key(&step);
        if id != self.next_id || !is_known {
            return Err(self.violates(
                "I12",
                format!("registration {id} of step {step}, {} is next", self.next_id),
            ));
        }
        self.next_id += 1;
        let named = event.child_step.as_ref().map(ToString::to_string);
        let of_step = || {
            let step = self.activities.get(&step);
            step.map(|step| step.scheduled.activity.to_string())
        };
        self.registrations.push(Registration {
            activity_id: id,
            compensates: step,
            registered: Arc::clone(event),
            step: named.or_else(of_step).unwrap_or_default(),
            group: event.group.map(|group| (child, group)),
            theirs: child.and(self.family.theirs),
            state: match self.settled.contains(&step) {
                true => RegistrationState::Done,
                false => RegistrationState::Waiting,
            },
        });
        Ok(())
    }

    /// The child that handed it over, if one did: it is what that one had registered, and grouped as there.
    fn handed(&mut self, event: &CompensationRegistered) -> Result<Option<u32>, Violation> {
        let before = self.family.handing.len();
        let Some((child, handed)) = self.family.handing.pop_front() else {
            return match event.child_workflow_id {
                None => Ok(None),
                Some(_) => Err(self.violates("I12", format!("{event:?} from nobody"))),
            };
        };
        let is_same = Some(&handed.workflow_id) == event.child_workflow_id.as_ref()
            && event.child_step.as_ref().map(sagaline_core::Name::as_str) == Some(&handed.step)
            && (event.activity.as_str(), event.task_queue.as_str())
                == (handed.activity.as_str(), handed.task_queue.as_str())
            && event.input.data() == handed.input
            && event.compensates.get() == child;
        let last = self.registrations.last();
        let last = last.and_then(|last| Some((last.group?, last.theirs)));
        let group = event.group.map(|group| (Some(child), group));
        let is_grouped = match (group, handed.group, last) {
            (None, None, _) => true,
            (Some(ours), Some(theirs), Some((before, of_before))) => {
                let same = before.0 == Some(child) && of_before == Some(theirs);
                same == (before == ours)
            }
            (Some(_), Some(_), None) => true,
            (Some(_), None, _) | (None, Some(_), _) => false,
        };
        self.family.theirs = handed.group;
        if is_same && is_grouped {
            return Ok(Some(child));
        }
        let what = format!("{event:?} is to be {handed:?}, {before} left, after {last:?}");
        Err(self.violates("I12", what))
    }

    fn undone(&mut self, id: u32, fits: bool, to: RegistrationState) -> Result<(), Violation> {
        let registration = self
            .registrations
            .iter_mut()
            .find(|one| one.activity_id == id);
        match registration {
            Some(one) if fits && one.state == RegistrationState::Running => {
                one.state = to;
                Ok(())
            }
            other => {
                let what = format!("compensation {id} ends as {to:?}, it was {other:?}");
                Err(self.violates("I12", what))
            }
        }
    }

    /// Compensation `id` of `step` may begin: nothing else is in flight, all registered later are undone, or are its
    /// neighbours of the same group.
    pub(super) fn check_order(&mut self, id: u32, step: u32) -> Result<(), Violation> {
        let pending = self
            .activities
            .iter()
            .find(|(_, one)| one.compensates.is_none() && !one.is_over())
            .map(|(id, _)| *id);
        if let Some(other) = pending {
            return Err(self.violates(
                "I12",
                format!("compensation {id} begins while activity {other} is pending"),
            ));
        }
        if let Some(child) = self.awaited_child() {
            let what = format!("compensation {id} begins while child {child} is open");
            return Err(self.violates("I12", what));
        }
        let Some(at) = self
            .registrations
            .iter()
            .position(|one| one.activity_id == id)
        else {
            return Err(self.violates("I12", format!("compensation {id} was not registered")));
        };
        let group = self.registrations[at].group;
        let mut neighbours = true;
        for later in &self.registrations[at + 1..] {
            neighbours &= group.is_some() && later.group == group;
            let over = matches!(
                later.state,
                RegistrationState::Done | RegistrationState::GivenUp
            );
            let in_parallel = neighbours && later.state == RegistrationState::Running;
            if !over && !in_parallel {
                let what = format!(
                    "compensation {id} begins before {} is done",
                    later.activity_id
                );
                return Err(self.violates("I12", what));
            }
        }
        let registration = &mut self.registrations[at];
        let once =
            registration.state == RegistrationState::Waiting && registration.compensates == step;
        registration.state = RegistrationState::Running;
        if once && self.undo.is_some() {
            return Ok(());
        }
        Err(self.violates(
            "I12",
            format!("compensation {id} of step {step} begins again, or without undo"),
        ))
    }

    /// A person undid a step, or leaves it done.
    pub(super) fn settle(&mut self, step: u32) {
        self.settled.insert(step);
        let registrations = self.registrations.iter_mut();
        for one in registrations.filter(|one| one.compensates == step) {
            one.state = RegistrationState::Done;
        }
    }

    /// Keys of what workers did in steps that can be undone.
    pub(in crate::check) fn steps_done(&self) -> impl Iterator<Item = String> {
        let own = self.registrations.iter();
        let own = own.filter(|one| one.registered.child_workflow_id.is_none());
        let done = own.filter(|one| {
            let step = self.activities.get(&one.compensates);
            let by_worker = !self.by_hand.contains(&one.compensates)
                && !self.inherited.contains(&one.compensates);
            by_worker && step.is_some_and(|step| step.result.is_some())
        });
        done.map(|one| key_of(self.run_id, one.registered.compensates))
    }

    /// Whether a worker was to undo that, and no person decided otherwise.
    pub(in crate::check) fn was_undone_by_itself(&self, key: &str) -> bool {
        let mut registrations = self.registrations.iter();
        let registered = registrations.find(|one| one.registered.input.data() == key.as_bytes());
        registered.is_none_or(|one| {
            let decided = self.settled.contains(&one.compensates)
                || self.by_hand.contains(&one.activity_id)
                || one.state == RegistrationState::GivenUp;
            !decided
        })
    }

    /// A person gives a result, or changes what an activity is given.
    pub(super) fn note_hand(&mut self, place: Place<'_>, event: &Event) {
        let id = match event {
            Event::ActivityCompleted(event) if place.operated().is_some() => event.activity_id,
            Event::ActivityOptionsUpdated(event) if event.input.is_some() => event.activity_id,
            _ => return,
        };
        self.by_hand.insert(id.get());
    }

    /// Steps that are done and were to be compensated, and are not.
    pub(super) fn not_undone(&self) -> Vec<u32> {
        let left = self
            .registrations
            .iter()
            .filter(|one| {
                matches!(
                    one.state,
                    RegistrationState::Waiting | RegistrationState::Running
                )
            })
            .map(|one| one.compensates);
        let uncovered = self.activities.iter().filter(|(id, one)| {
            one.compensable
                && one.result.is_some()
                && !self
                    .registrations
                    .iter()
                    .any(|registration| registration.compensates == **id)
                && !self.settled.contains(id)
        });
        left.chain(uncovered.map(|(id, _)| *id)).collect()
    }
}
