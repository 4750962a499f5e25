//! What signals between runs ask for.

use sagaline_core::{Event, Sender, Transition};

use super::{Effect, family_id};
use crate::inputs::SignalKey;

/// What an event that is about a signal between runs asks for; none: it is about none.
pub(super) fn of(transition: &Transition, event: &Event) -> Option<Effect> {
    let id = |sender: &Sender, word| {
        Effect::Signal(format!("{}/{}/{word}", sender.run_id, sender.signal_id))
    };
    match event {
        Event::ExternalSignalSent(event) => {
            let key = (transition.run_id?, event.signal_id.get());
            Some(Effect::Signal(family_id(key, SIGNAL)))
        }
        Event::SignalReceived(event) => {
            let sender = event.sender.as_deref().filter(|sender| sender.awaited)?;
            Some(id(sender, "delivered"))
        }
        Event::ReplyRequested(event) => Some(id(event.sender.as_ref()?, "refused")),
        _ => None,
    }
}

/// The signal that a `ce_id` sends; none: it tells of one.
pub(super) fn sent_by(id: &str) -> Option<SignalKey> {
    let (run_id, signal_id) = id
        .strip_suffix(SIGNAL)?
        .strip_suffix('/')?
        .split_once('/')?;
    Some((run_id.parse().ok()?, signal_id.parse().ok()?))
}

const SIGNAL: &str = "signal";
