//! Timers.

use super::Place;
use crate::{
    ActivityId, Run,
    event::{TimerCanceled, TimerFired, TimerStarted},
    program::{CommandKind, Job, Recorded},
    run::Timer,
};

impl Run {
    pub(super) fn timer_started(&mut self, place: Place<'_>, event: &TimerStarted) {
        self.next_activity_id = event.timer_id.next();
        self.recorded_timer(place, CommandKind::StartTimer, event.timer_id);
        let timer = Timer {
            due_at: event.due_at,
            timer_id: event.timer_id,
        };
        let at = self.timers.partition_point(|other| *other < timer);
        self.timers.insert(at, timer);
    }

    pub(super) fn timer_fired(&mut self, event: &TimerFired) {
        if self.forget_timer(event.timer_id) {
            self.see(Job::TimerFired {
                timer_id: event.timer_id,
            });
        }
    }

    pub(super) fn timer_canceled(&mut self, place: Place<'_>, event: &TimerCanceled) {
        self.recorded_timer(place, CommandKind::CancelTimer, event.timer_id);
        self.forget_timer(event.timer_id);
    }

    fn recorded_timer(&mut self, place: Place<'_>, kind: CommandKind, timer_id: ActivityId) {
        self.recorded(
            place,
            Recorded {
                seq: place.seq,
                kind,
                name: None,
                id: Some(timer_id),
                value: None,
            },
        );
    }

    /// Whether it was there.
    fn forget_timer(&mut self, timer_id: ActivityId) -> bool {
        let at = self.timers.iter().position(|one| one.timer_id == timer_id);
        at.map(|at| self.timers.remove(at)).is_some()
    }
}
