//! What one run of a chain hands to the next.

use std::mem;

use sagaline_core::{
    ActivityId, Payload, WorkflowId,
    event::{CarriedChild, Chain},
    program::SignalLeft,
};

use super::{
    super::{Outbound, step::Step},
    Shared, State,
};
use crate::Result;

impl Shared {
    /// The workflow goes on in a new run, with this input.
    pub(crate) fn continue_with(&self, input: Payload) -> Result<()> {
        self.lets_out(&Outbound::ContinueAsNew { input: &input })?;
        self.lock().continue_with = Some(input);
        Ok(())
    }

    /// What that run is given: its input, and the signals that nobody has taken.
    pub(crate) fn take_continuation(&self) -> Option<Continuation> {
        let mut state = self.lock();
        Some(Continuation {
            input: state.continue_with.take()?,
            signals: state.signals.take_left(),
            children: state.take_children(),
        })
    }

    /// Children that the run before has handed on.
    pub(crate) fn take_over(&self, chain: &Chain) {
        let mut state = self.lock();
        for child in &chain.children {
            let id = (child.child_id, child.workflow_id.clone());
            state.taken_over.push(id);
            let step = Step::carried(child, state.here.clone());
            state.steps.insert(child.child_id, step);
        }
    }

    /// Those that nobody has taken yet.
    pub(crate) fn taken_over(&self) -> Vec<(ActivityId, WorkflowId)> {
        mem::take(&mut self.lock().taken_over)
    }

    /// The run that goes on in this one's place shall hear of a child.
    pub(crate) fn hand_on(&self, child_id: ActivityId, workflow_id: WorkflowId) {
        self.lock().handed_on.push((child_id, workflow_id));
    }
}

/// What the run that goes on in this one's place is given.
pub(crate) struct Continuation {
    pub(crate) input: Payload,
    pub(crate) signals: Vec<SignalLeft>,
    pub(crate) children: Vec<CarriedChild>,
}

impl State {
    /// The children that the next run shall hear of, with how they have ended.
    fn take_children(&mut self) -> Vec<CarriedChild> {
        let left = mem::take(&mut self.taken_over).into_iter();
        let children = left.chain(mem::take(&mut self.handed_on));
        let steps = &mut self.steps;
        children
            .filter_map(|(child_id, workflow_id)| {
                let step = steps.remove(&child_id)?;
                Some(step.into_carried(child_id, workflow_id))
            })
            .collect()
    }
}
