//! I10: a timer fires once, never early, never after it was cancelled or nobody waits any more.

use sagaline_core::Event;

use super::{Place, Run};
use crate::Violation;

impl Run {
    pub(super) fn timer(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        match event {
            Event::TimerStarted(event) => {
                let id = event.timer_id.get();
                if id != self.next_id || self.undo.is_some() {
                    let what = format!("timer {id} where {} is next", self.next_id);
                    return Err(self.violates("I10", what));
                }
                self.next_id += 1;
                self.timers.insert(id, event.due_at);
                Ok(())
            }
            Event::TimerFired(event) => {
                let due = self.timers.remove(&event.timer_id.get());
                let in_time = |due: &_| *due <= place.at && place.by.is_none() && !self.paused;
                match due.filter(in_time) {
                    Some(_) if self.undo.is_none() => Ok(()),
                    _ => {
                        let what = format!(
                            "timer {} fired at {}, due {due:?}, by {:?}",
                            event.timer_id,
                            place.at.to_rfc3339(),
                            place.by
                        );
                        Err(self.violates("I10", what))
                    }
                }
            }
            Event::TimerCanceled(event) => match self.timers.remove(&event.timer_id.get()) {
                Some(_) => Ok(()),
                None => {
                    let what = format!("timer {} cancelled, which is over", event.timer_id);
                    Err(self.violates("I10", what))
                }
            },
            _ => Ok(()),
        }
    }
}
