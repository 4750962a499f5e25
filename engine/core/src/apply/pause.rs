//! What a person holds up and lets go on.

use alloc::boxed::Box;

use super::Place;
use crate::{
    Name, Run,
    event::{ActivityPaused, ActivityResumed, WorkflowPaused},
    run::Paused,
};

impl Run {
    pub(super) fn workflow_paused(&mut self, place: Place<'_>, event: &WorkflowPaused) {
        if !self.is_carried(place.seq) {
            self.seen.insert(place.cause.identity());
        }
        self.paused = Some(paused(place, &event.actor, event.reason.as_deref()));
        for activity in &mut self.activities {
            activity.give_up_turn(place.at);
        }
    }

    pub(super) fn workflow_resumed(&mut self, place: Place<'_>) {
        self.seen.insert(place.cause.identity());
        self.paused = None;
    }

    pub(super) fn activity_paused(&mut self, place: Place<'_>, event: &ActivityPaused) {
        self.seen.insert(place.cause.identity());
        if let Some(activity) = self.activity_mut(event.activity_id) {
            activity.paused = Some(paused(place, &event.actor, event.reason.as_deref()));
            activity.give_up_turn(place.at);
        }
    }

    pub(super) fn activity_resumed(&mut self, place: Place<'_>, event: &ActivityResumed) {
        self.seen.insert(place.cause.identity());
        if let Some(activity) = self.activity_mut(event.activity_id) {
            activity.paused = None;
        }
    }
}

fn paused(place: Place<'_>, actor: &Name, reason: Option<&str>) -> Box<Paused> {
    Box::new(Paused {
        at: place.at,
        actor: actor.clone(),
        reason: reason.map(Box::from),
    })
}
