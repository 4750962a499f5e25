//! A run's deadline has come.

use alloc::vec::Vec;

use super::activity;
use crate::{Activity, Event, Run, Timestamp, event::TimerFired, run::Timer};

/// What was due first, at `until` or before. Events, or nothing when it has moved.
pub(crate) fn fire(run: &Run, now: Timestamp, until: Timestamp) -> Vec<Event> {
    match first_due(run).filter(|due| due.at() <= until) {
        Some(Due::Timer(timer)) => Vec::from([TimerFired {
            timer_id: timer.timer_id,
        }
        .into()]),
        Some(Due::Activity(_, activity)) => activity::fire(run, activity, now),
        None => Vec::new(),
    }
}

#[derive(Clone, Copy)]
enum Due<'a> {
    Timer(&'a Timer),
    Activity(Timestamp, &'a Activity),
}

impl Due<'_> {
    const fn at(&self) -> Timestamp {
        match self {
            Self::Timer(timer) => timer.due_at,
            Self::Activity(at, _) => *at,
        }
    }
}

/// Of the same instant, an activity before a timer: what it waited for may have come in time.
fn first_due(run: &Run) -> Option<Due<'_>> {
    let activities = run
        .activities
        .iter()
        .filter_map(|one| Some((one.deadline()?, one)));
    let activity = activities
        .min_by_key(|(due, one)| (*due, one.activity_id))
        .map(|(at, one)| Due::Activity(at, one));
    let timer = run.timers.first().map(Due::Timer);
    activity.into_iter().chain(timer).min_by_key(Due::at)
}
