//! Inputs between a run and its children.

use super::Work;
use crate::{
    ChildClosed, StopChild,
    decide::{self, Ignored},
    state::Key,
};

impl Work<'_, '_> {
    /// A parent wants its child to stop. Nobody is told when that one has ended already: its parent hears of it.
    pub(super) fn stop_child(&mut self, key: Key<'_>, stop: &StopChild) -> Result<(), Ignored> {
        let run = self.overlay.run_of(key).ok_or(Ignored::Stale)?;
        let events = decide::child::stop(run, self.cause, stop)?;
        self.transition(key, events);
        Ok(())
    }

    /// A child has ended.
    pub(super) fn child_closed(
        &mut self,
        key: Key<'_>,
        closed: &ChildClosed,
    ) -> Result<(), Ignored> {
        // It may have been started by a run before this one in the chain.
        let run = self.overlay.run_of(key).ok_or(Ignored::Stale)?;
        let events = decide::child::closed(run, closed)?;
        self.transition(key, events);
        Ok(())
    }
}
