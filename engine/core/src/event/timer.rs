//! Timers.

use crate::{ActivityId, Timestamp};

event! {
    /// The program asked to be woken at an instant.
    TimerStarted {
        /// Its number in the run.
        timer_id: ActivityId,
        /// When.
        due_at: Timestamp,
    }
    /// The instant has come.
    TimerFired {
        /// Number of the timer.
        timer_id: ActivityId,
    }
    /// The program does not wait for it any more.
    TimerCanceled {
        /// Number of the timer.
        timer_id: ActivityId,
    }
}
