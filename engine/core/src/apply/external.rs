//! Signals to other runs.

use alloc::boxed::Box;

use super::Place;
use crate::{
    ActivityId, Run,
    event::{ExternalSignalDelivered, ExternalSignalFailed, ExternalSignalSent},
    program::{CommandKind, Job, Recorded},
};

impl Run {
    pub(super) fn external_signal_sent(&mut self, place: Place<'_>, event: &ExternalSignalSent) {
        self.next_activity_id = event.signal_id.next();
        self.recorded(
            place,
            Recorded {
                seq: place.seq,
                kind: CommandKind::SignalExternal,
                name: Some(event.signal.clone()),
                id: Some(event.signal_id),
                value: None,
            },
        );
        if event.awaited {
            self.signals_sent.push(event.signal_id);
        }
    }

    pub(super) fn external_signal_delivered(&mut self, event: &ExternalSignalDelivered) {
        let signal_id = event.signal_id;
        self.signal_told(signal_id, || Job::SignalDelivered { signal_id });
    }

    pub(super) fn external_signal_failed(
        &mut self,
        place: Place<'_>,
        event: &ExternalSignalFailed,
    ) {
        self.seen.insert(place.cause.identity());
        let signal_id = event.signal_id;
        self.signal_told(signal_id, || Job::SignalFailed {
            signal_id,
            failure: Box::new(event.failure.clone()),
        });
    }

    /// A program that does not wait for it, or whose end is fixed, is told nothing.
    fn signal_told(&mut self, signal_id: ActivityId, job: impl FnOnce() -> Job) {
        let Some(at) = self.signals_sent.iter().position(|one| *one == signal_id) else {
            return;
        };
        self.signals_sent.remove(at);
        if self.undo.is_none() {
            self.see(job());
        }
    }
}
