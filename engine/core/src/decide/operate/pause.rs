//! A person holds up a run, and lets it go on.

use alloc::vec::Vec;

use super::{super::activity::next_attempt, activity::is_overdue};
use crate::{
    Event, Operate, Run, Timestamp,
    event::{WorkflowPaused, WorkflowResumed},
};

pub(super) fn pause(run: &Run, command: &Operate) -> Vec<Event> {
    if run.paused.is_some() {
        return Vec::new();
    }
    Vec::from([WorkflowPaused {
        actor: command.actor.clone(),
        reason: command.reason.clone(),
    }
    .into()])
}

/// Goes on: attempts that were due meanwhile now, timers by their deadlines.
pub(super) fn resume(run: &Run, now: Timestamp, command: &Operate) -> Vec<Event> {
    if run.paused.is_none() {
        return Vec::new();
    }
    let resumed = WorkflowResumed {
        actor: command.actor.clone(),
        reason: command.reason.clone(),
    };
    let overdue = run
        .activities
        .iter()
        .filter(|one| one.paused.is_none() && is_overdue(one, now));
    let attempts = overdue.map(next_attempt);
    core::iter::once(resumed.into()).chain(attempts).collect()
}
