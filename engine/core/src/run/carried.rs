//! What a run that goes on in another's place takes over from it.
//!
//! Handed from one to the other while both are folded: their records lie in one batch, so whoever folds the one folds the
//! other. What its program must be given stands in the new run's history, too: its input, what was left of its signals.

use alloc::{boxed::Box, vec::Vec};

use super::{Children, Registration, Run, Step, Updates};
use crate::{ActivityId, IdentityRing, Outcome, ReplyTo, RunId, Timestamp};

/// What a run leaves to the one that goes on in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Completed steps that are to be compensated.
    pub steps: Vec<Step>,
    /// What can be undone.
    pub registrations: Vec<Registration>,
    /// Children that are open, and how many ended how.
    pub children: Option<Box<Children>>,
    /// Updates that have ended, by id: a repeat is answered as the first was.
    pub updates: Updates,
    /// Whom to tell when the chain ends.
    pub replies: Vec<ReplyTo>,
    /// Inputs whose repeats are dropped.
    pub seen: IdentityRing,
}

impl Run {
    /// What the run that goes on in this one's place takes over. One that failed has undone what it did.
    #[must_use]
    pub fn carry(&self) -> Carried {
        let closed = self.closed.as_ref();
        let failed = closed.is_some_and(|closed| closed.outcome != Outcome::ContinuedAsNew);
        let told = Carried {
            updates: self.updates.ended(),
            replies: self.replies.clone(),
            seen: self.seen.clone(),
            ..Carried::default()
        };
        match failed {
            true => told,
            false => Carried {
                steps: self.steps.clone(),
                registrations: self.registrations.clone(),
                children: self.children.clone(),
                ..told
            },
        }
    }

    /// The first run of its chain.
    #[must_use]
    pub fn first_run_id(&self) -> RunId {
        if let Some(reset) = self.reset() {
            return reset.first_run_id;
        }
        let chain = self.started.chain.as_ref();
        chain.map_or(self.run_id, |chain| chain.first_run_id)
    }

    /// When the first run of its chain began.
    #[must_use]
    pub fn execution_started_at(&self) -> Timestamp {
        if let Some(reset) = self.reset() {
            return reset.first_started_at;
        }
        let chain = self.started.chain.as_ref();
        chain.map_or(self.started_at, |chain| chain.first_started_at)
    }

    /// The number that the next run's first command gets: one behind all numbers that it takes over. `left` is the highest of
    /// children that have ended and that its program is told of.
    pub(crate) fn first_id_of_next(&self, left: Option<ActivityId>) -> ActivityId {
        let steps = self.steps.iter().map(|step| step.activity_id);
        let registered = self.registrations.iter().flat_map(|one| {
            let registered = &one.registered;
            [registered.activity_id, registered.compensates]
        });
        let children = self.children.as_ref().and_then(|all| all.highest());
        let highest = steps.chain(registered).chain(children).chain(left).max();
        highest.map_or(ActivityId::FIRST, ActivityId::next)
    }
}
