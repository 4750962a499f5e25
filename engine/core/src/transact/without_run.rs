//! Transitions of no run: of queues, and of what is refused before there is one.

use super::queue;
use crate::{Event, Overlay, Position, Transition};

/// Gives what a transition of no run changed its place in the journal.
pub(super) fn settle(overlay: &mut Overlay<'_>, transition: &Transition, position: Position) {
    queue::settle(overlay, &transition.events, position);
    remember_refused(overlay, transition, position);
}

/// The start of a child that was refused is not taken when it comes again: its parent was told.
fn remember_refused(overlay: &mut Overlay<'_>, transition: &Transition, position: Position) {
    let of_child =
        |event: &Event| matches!(event, Event::ReplyRequested(event) if event.parent.is_some());
    if let Some(workflow_id) = &transition.workflow_id
        && transition.events.iter().any(of_child)
    {
        let identity = transition.cause.identity();
        overlay.refused(overlay.key(workflow_id), identity, position);
    }
}
