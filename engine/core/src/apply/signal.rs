//! Signals, and what a run waits for.

use super::Place;
use crate::{
    Run,
    event::{SignalReceived, WaitRecorded},
    program::Job,
};

impl Run {
    /// A program whose end is fixed is told nothing more.
    pub(super) fn signal_received(&mut self, place: Place<'_>, event: &SignalReceived) {
        if !self.is_carried(place.seq) {
            self.seen.insert(place.cause.identity());
        }
        if self.undo.is_none() {
            self.see(Job::SignalReceived {
                signal: event.signal.clone(),
                input: event.input.clone(),
            });
        }
    }

    pub(super) fn wait_recorded(&mut self, event: &WaitRecorded) {
        self.waits.clone_from(&event.waits);
    }
}
