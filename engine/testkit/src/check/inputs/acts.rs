//! What somebody asks of a run that exists: was there nothing to do?

use sagaline_core::{Event, Transition};

use super::super::runs::IdState;
use crate::inputs::{ByHand, OperateAsked, StopAsked};

/// Whether a run is deleted: of no history, and the answer stands beside it.
pub(super) fn deletes(transition: &&Transition) -> bool {
    let deletes = |event: &Event| matches!(event, Event::WorkflowDeleted(_));
    transition.run_id.is_none() && transition.events.iter().any(deletes)
}

/// Only a closed run is deleted, and only when somebody asks for it; `states` are those that the id was in.
pub(super) fn may_delete(asked: &OperateAsked, states: &[IdState]) -> Result<(), &'static str> {
    let was_closed = |state: &IdState| matches!(state, IdState::Closed(_));
    match asked.act == ByHand::Delete && states.iter().any(was_closed) {
        true => Ok(()),
        false => Err("there was no closed run"),
    }
}

/// Whether it was asked to stop before.
pub(super) fn is_so_already(
    cancel: Option<bool>,
    undoing: bool,
    cancels: bool,
    asked: &StopAsked,
) -> bool {
    if cancels {
        cancel.is_some() || undoing
    } else {
        undoing && asked.compensate
    }
}
