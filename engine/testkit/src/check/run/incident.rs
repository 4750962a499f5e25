//! Incidents: only those that the run's plan, or what was done to its engines, can explain.

use std::collections::{BTreeMap, BTreeSet};

use sagaline_core::{Event, event::IncidentKind};

use super::{Place, Run, activity::State};
use crate::{
    Violation,
    inputs::Asks,
    plan::{NO_QUEUE, Step, Trick, Undo},
    programs::RARE,
};

/// The incidents of a run.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    /// Open ones, by the position of their event.
    open: BTreeMap<u64, (IncidentKind, Option<u32>)>,
    /// Activities that ever had one.
    about: BTreeSet<u32>,
    /// The program was not to be had, at some time.
    blocked: bool,
    /// Position of the last one that was solved.
    solved_at: u64,
    /// It was quarantined although it does nothing bad.
    pub(in crate::check) innocent: bool,
}

impl Incidents {
    pub(crate) fn are_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn were_about(&self, activity_id: u32) -> bool {
        self.about.contains(&activity_id)
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = IncidentKind> {
        self.open.values().map(|(kind, _)| *kind)
    }
}

impl Run {
    pub(super) fn incident(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        match event {
            Event::IncidentRaised(raised) => {
                let id = raised.activity_id.map(sagaline_core::ActivityId::get);
                // What recovers has its program.
                let again = raised.kind == IncidentKind::DefinitionMissing
                    && self.incidents.solved_at + 1 == place.seq;
                if again || !self.explains(place, raised.kind, id) {
                    return Err(self.violates("incident", format!("{raised:?}")));
                }
                self.incidents.open.insert(place.seq, (raised.kind, id));
                self.incidents.about.extend(id);
                self.incidents.innocent |=
                    raised.kind == IncidentKind::Quarantined && !self.is_poison();
                self.incidents.blocked |= raised.kind.blocks_program();
                if let Some(activity) = id.and_then(|id| self.activities.get_mut(&id))
                    && !activity.is_over()
                {
                    activity.state = State::Parked;
                }
                Ok(())
            }
            Event::IncidentResolved(resolved) => {
                match self.incidents.open.remove(&resolved.incident_seq) {
                    Some(_) => {
                        self.incidents.solved_at = place.seq;
                        Ok(())
                    }
                    None => Err(self.violates("incident", format!("{resolved:?} is not open"))),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether it waits for a person, or for a queue that no worker can ever read.
    pub(in crate::check) fn waits_in_vain(&self) -> bool {
        let plan = self.plan.as_ref();
        let mut steps = plan
            .into_iter()
            .flat_map(|plan| &plan.stages)
            .flat_map(|stage| &stage.steps);
        self.incidents.are_open() || steps.any(|step| step.queue == NO_QUEUE)
    }

    fn is_poison(&self) -> bool {
        let trick = self.plan.as_ref().and_then(|plan| plan.trick);
        matches!(trick, Some((_, Trick::Kill | Trick::Hang)))
    }

    fn explains(&self, place: Place<'_>, kind: IncidentKind, activity_id: Option<u32>) -> bool {
        let trick = self
            .plan
            .as_ref()
            .and_then(|plan| plan.trick)
            .map(|(_, trick)| trick);
        let step = |wanted: fn(&Step) -> bool| {
            let plan = self.plan.as_ref();
            plan.is_some_and(|plan| {
                plan.stages
                    .iter()
                    .flat_map(|stage| &stage.steps)
                    .any(wanted)
            })
        };
        match kind {
            IncidentKind::AttemptsExhausted => {
                let exhausted = activity_id.and_then(|id| self.activities.get(&id));
                step(|step| step.park)
                    && exhausted.is_some_and(|one| {
                        one.state == State::Exhausted || one.is_cut_off(place.at)
                    })
            }
            IncidentKind::CompensationFailed => {
                let terminated =
                    matches!(place.by.map(|input| &input.asks), Some(Asks::Terminate(_)));
                let gone = self.incidents.blocked || step(|step| step.undo == Undo::Forgotten);
                // A program that waits for nothing forgets to register, too.
                let forgets = trick == Some(Trick::Deadlock);
                terminated || gone || forgets || step(|step| step.park)
            }
            IncidentKind::Nondeterminism => trick == Some(Trick::Drift),
            IncidentKind::Panic => trick == Some(Trick::Panic),
            IncidentKind::DefinitionMissing => self.workflow == RARE || self.version != "1",
            IncidentKind::Quarantined => self.is_poison() || place.outside.engines_die,
            IncidentKind::Limit => matches!(trick, Some(Trick::Late | Trick::Deadlock)),
            IncidentKind::Deadlock => trick == Some(Trick::Deadlock),
        }
    }
}
