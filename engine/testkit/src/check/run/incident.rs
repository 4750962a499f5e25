//! Incidents: only those that the run's plan, or what was done to its engines, can explain.

use std::collections::BTreeMap;

use sagaline_core::{
    Event,
    event::{IncidentKind, IncidentResolved},
    run::RESOLVED_MAX,
};

use super::{
    Place, Run,
    activity::{Activity, State},
    operate::Hand,
};
use crate::{
    Violation,
    clients::ACTOR,
    inputs::{Asks, ByHand, OnActivity, OnIncident},
    plan::{NO_QUEUE, Step, Trick, Undo},
    programs::RARE,
};

/// The incidents of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incidents {
    /// Open ones, by the position of their event.
    open: BTreeMap<u64, (IncidentKind, Option<u32>)>,
    /// The program was not to be had, at some time.
    blocked: bool,
    /// Position of the event that solved one last.
    solved_at: u64,
    /// The last that were solved, oldest first.
    solved: Vec<Solved>,
    /// It was quarantined although it does nothing bad.
    pub(in crate::check) innocent: bool,
}

/// An incident that is solved: one that a retry did not solve has the same position again.
#[derive(Clone, Copy, Debug)]
struct Solved {
    seq: u64,
    kind: IncidentKind,
    about: Option<u32>,
    by_retry: bool,
}

impl Incidents {
    /// An open one.
    pub(super) fn open(&self, seq: u64) -> Option<(IncidentKind, Option<u32>)> {
        self.open.get(&seq).copied()
    }

    /// Positions and kinds of the open ones.
    pub(super) fn seqs(&self) -> impl Iterator<Item = (u64, IncidentKind)> {
        self.open.iter().map(|(seq, (kind, _))| (*seq, *kind))
    }

    /// Whether the one that was solved last is this, and about that activity.
    pub(super) fn was_solved(&self, seq: u64, activity_id: u32) -> bool {
        let last = self.solved.last();
        last.is_some_and(|one| (one.seq, one.about) == (seq, Some(activity_id)))
    }

    fn raise(&mut self, at: u64, kind: IncidentKind, about: Option<u32>) {
        let before = self
            .solved
            .iter()
            .rposition(|one| one.by_retry && (one.kind, one.about) == (kind, about));
        let seq = before.map_or(at, |before| self.solved.remove(before).seq);
        self.open.insert(seq, (kind, about));
    }

    fn solve(&mut self, seq: u64, by_retry: bool) -> Option<Option<u32>> {
        let (kind, about) = self.open.remove(&seq)?;
        if self.solved.len() >= RESOLVED_MAX {
            self.solved.remove(0);
        }
        self.solved.push(Solved {
            seq,
            kind,
            about,
            by_retry,
        });
        Some(about)
    }

    pub(crate) fn are_open(&self) -> bool {
        !self.open.is_empty()
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
                    && self.incidents.solved_at + 1 == place.seq
                    && place.operated().is_none();
                if again || !self.explains(place, raised.kind, id) {
                    return Err(self.violates("incident", format!("{raised:?}")));
                }
                self.incidents.raise(place.seq, raised.kind, id);
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
            Event::IncidentResolved(resolved) => self.resolved(place, resolved),
            _ => Ok(()),
        }
    }

    /// An incident is solved: by its person, by an engine that has the program again, or because nobody waits any more.
    fn resolved(&mut self, place: Place<'_>, event: &IncidentResolved) -> Result<(), Violation> {
        let (seq, act) = (event.incident_seq, event.act.as_str());
        let about = self.incidents.open(seq).and_then(|(_, about)| about);
        let fits = match (place.operated().map(|asked| &asked.act), act) {
            (Some(ByHand::Reset(_)), "reset") => event.actor.as_str() == ACTOR,
            (_, "recovered" | "cancel") => event.actor.as_str() == "sagaline.engine",
            (
                Some(ByHand::Incident {
                    seq: on,
                    act: on_it,
                }),
                act,
            ) => *on == seq && on_it.word() == act && event.actor.as_str() == ACTOR,
            (Some(ByHand::Activity { id, act: on_it, .. }), act) => {
                let meant = match on_it {
                    OnActivity::Retry(_) => "retry",
                    OnActivity::Complete(_) => "skip",
                    OnActivity::Fail => "fail",
                    OnActivity::Pause | OnActivity::Resume | OnActivity::Update(_) => "",
                };
                about == Some(*id) && act == meant && event.actor.as_str() == ACTOR
            }
            _ => false,
        };
        match self.incidents.solve(seq, act == "retry") {
            Some(about) if fits => {
                self.incidents.solved_at = place.seq;
                let is_over = |id: &u32| self.activities.get(id).is_some_and(Activity::is_over);
                let step = about.filter(is_over);
                if let Some(step) = step.filter(|_| matches!(act, "skip" | "fail")) {
                    self.settle(step);
                }
                let about = about.and_then(|id| self.activities.get_mut(&id));
                if let Some(activity) = about.filter(|_| act == "retry") {
                    activity.set_at = place.at;
                    (activity.attempts_of_set, activity.uncounted) = (0, 0);
                }
                Ok(())
            }
            open => {
                let what = format!("{event:?} by {:?}, open: {open:?}", place.by);
                Err(self.violates("incident", what))
            }
        }
    }

    /// Whether it waits for a person, or for a queue that no worker can ever read.
    pub(in crate::check) fn waits_in_vain(&self) -> bool {
        let plans = self.plan.iter().flat_map(|plan| {
            let below = plan.descendants().into_iter();
            below.map(|child| &child.plan).chain([plan])
        });
        let mut steps = plans
            .flat_map(|plan| &plan.stages)
            .flat_map(|stage| &stage.steps);
        self.incidents.are_open() || steps.any(|step| step.queue == NO_QUEUE)
    }

    /// Whether no attempt follows: it was the last, its time is over, or a person let it be so.
    fn has_no_next(&self, place: Place<'_>, activity: &Activity) -> bool {
        let id = activity.scheduled.activity_id.get();
        activity.state == State::Exhausted
            || activity.is_cut_off(place.at)
            || matches!(self.by_hand(place, id), Some(Hand::Update(_)))
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
                exhausted.is_some_and(|one| one.parks() && self.has_no_next(place, one))
            }
            IncidentKind::CompensationFailed => {
                let terminated =
                    matches!(place.by.map(|input| &input.asks), Some(Asks::Terminate(_)));
                let gone = self.incidents.blocked || step(|step| step.undo == Undo::Forgotten);
                // A program that waits for nothing forgets to register, too.
                let forgets = trick == Some(Trick::Deadlock);
                let parks = activity_id.and_then(|id| self.activities.get(&id));
                terminated || gone || forgets || parks.is_some_and(Activity::parks)
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

impl OnIncident {
    /// The journal's word.
    const fn word(&self) -> &'static str {
        match self {
            Self::Retry(_) => "retry",
            Self::Skip(_) => "skip",
            Self::Fail => "fail",
        }
    }
}
