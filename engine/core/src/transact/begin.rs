//! How a run begins: by a start, or in the place of another.

use alloc::{boxed::Box, sync::Arc};

use super::Work;
use crate::{
    Event, Overlay, Place, Position, Run, RunId, WorkflowId,
    decide::{
        self,
        chain::{Beginning, Next},
    },
    event::WorkflowStarted,
    state::{Key, Open},
};

/// The run that begins with that event.
pub(super) fn open(
    overlay: &mut Overlay<'_>,
    workflow_id: &WorkflowId,
    (run_id, place): (RunId, Place<'_>),
    started: &Arc<WorkflowStarted>,
) -> Box<Open> {
    let starts = overlay.reopen(workflow_id);
    let carried = started
        .continued_from()
        .map(|before| overlay.take_carried(before));
    let run = Run::start(run_id, place, started, starts, carried.unwrap_or_default());
    Open::new(workflow_id.clone(), run)
}

impl Work<'_, '_> {
    /// Makes the run that goes on in the place of the one that has just closed: as its program wants, or another attempt.
    pub(super) fn go_on(&mut self, key: Key<'_>, next: Option<Next>) {
        let Some(old) = self.overlay.run_of(key) else {
            return;
        };
        let Some(new_run_id) = old.closed.as_ref().and_then(|closed| closed.new_run_id) else {
            return;
        };
        let old_run_id = old.run_id;
        let Beginning {
            run_id,
            started,
            copies,
        } = match next {
            Some(next) => {
                self.continuations = self.continuations.saturating_add(1);
                decide::chain::begin(old, new_run_id, next, self.programs)
            }
            None => decide::retry::begin(old, new_run_id, self.env.now, self.programs),
        };
        // The new run must find the old one closed.
        self.overlay.settle(key, old_run_id, Position::default());
        let place = Place {
            seq: 1,
            at: self.env.now,
            cause: self.cause,
        };
        let started = Arc::new(started);
        let open = open(self.overlay, key.workflow_id, (run_id, place), &started);
        let mut events = decide::first(Event::WorkflowStarted(started));
        events.extend(copies);
        self.extend(key, open, 1, events);
    }
}
