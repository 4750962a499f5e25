//! Inputs between a run that sends a signal and the run that it goes to.

use super::Work;
use crate::{
    ExternalSignal, SignalTold,
    decide::{Ignored, external},
    state::Key,
};

impl Work<'_, '_> {
    /// A signal of another run.
    pub(super) fn external_signal(
        &mut self,
        key: Key<'_>,
        command: &ExternalSignal,
    ) -> Result<(), Ignored> {
        let run_id = self.of_chain(key, command.run_id);
        match external::target(self.overlay, run_id, self.cause, command) {
            Ok(run) => {
                let events = external::signal(run, self.cause, command)?;
                self.transition(key, events);
            }
            Err(rejection) => self.done.rejected = Some(rejection),
        }
        Ok(())
    }

    /// A run is told what became of a signal that it sent. Nobody is when it has ended.
    pub(super) fn signal_told(&mut self, key: Key<'_>, told: &SignalTold) -> Result<(), Ignored> {
        let run = self.overlay.run_of(key).ok_or(Ignored::Stale)?;
        let events = external::told(run, self.cause, told)?;
        self.transition(key, events);
        Ok(())
    }
}
