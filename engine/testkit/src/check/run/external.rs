//! I11: a signal to another run is sent once, and its sender told what became of it, once.

use sagaline_core::{
    Event,
    event::{ExternalSignalFailed, ExternalSignalSent, SignalReceived},
};

use super::{super::external::Told, Place, Run};
use crate::{
    Violation,
    inputs::{Asks, Input, SignalKey},
};

/// A signal that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    awaited: bool,
    told: bool,
}

/// Whether an event is about a signal to another run.
pub(super) const fn is_about(event: &Event) -> bool {
    matches!(
        event,
        Event::ExternalSignalSent(_)
            | Event::ExternalSignalDelivered(_)
            | Event::ExternalSignalFailed(_)
    )
}

impl Run {
    /// What other journals must agree with.
    pub(in crate::check) fn take_signals_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.signals_told)
    }

    /// Whether a signal need not be sent any more: its sender goes on and was told what became of it.
    pub(in crate::check) fn knows_of_signal(&self, id: u32) -> bool {
        let sent = self.sent.get(&id);
        self.closed.is_none() && sent.is_some_and(|sent| sent.awaited && sent.told)
    }

    /// Whether it listens for what became of a signal.
    pub(in crate::check) fn listens_for_signal(&self, id: u32, refused: bool) -> bool {
        let sent = self.sent.get(&id);
        self.closed.is_none() && sent.is_some_and(|sent| !sent.told && (sent.awaited || refused))
    }

    /// A signal of another run is what that run sent.
    pub(super) fn check_sender(
        &mut self,
        place: Place<'_>,
        event: &SignalReceived,
    ) -> Result<(), Violation> {
        let by = match place.by.map(|input| &input.asks) {
            Some(Asks::SignalOf(key, _)) => Some(*key),
            _ => None,
        };
        let sender = event.sender.as_deref();
        let key = sender.map(|sender| (sender.run_id, sender.signal_id.get()));
        let is_sent = key.is_none() || place.outside.signals.is_sent(&self.workflow_id, event);
        if by != key || !is_sent {
            let what = format!("{event:?} by {:?}, which nobody sent", place.by);
            return Err(self.violates("I11", what));
        }
        let run_id = self.run_id;
        let told = key.map(|key| Told::Received(key, run_id));
        self.signals_told.extend(told);
        Ok(())
    }

    pub(super) fn external(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        let told = match place.by {
            Some(Input {
                asks: Asks::SignalTold(key, refused),
                ..
            }) => Some((*key, refused.as_deref())),
            _ => None,
        };
        match event {
            Event::ExternalSignalSent(event) => return self.signal_sent(event),
            Event::ExternalSignalDelivered(event) => {
                let key = (self.run_id, event.signal_id.get());
                let signals = &place.outside.signals;
                if told == Some((key, None)) && signals.is_received(key, event.run_id) {
                    return self.signal_told(key);
                }
            }
            Event::ExternalSignalFailed(event) if self.says(event, told) => {
                return self.signal_told((self.run_id, event.signal_id.get()));
            }
            _ => {}
        }
        let what = format!("{event:?} by {:?}", place.by);
        Err(self.violates("I11", what))
    }

    fn says(&self, event: &ExternalSignalFailed, told: Option<(SignalKey, Option<&str>)>) -> bool {
        let key = (self.run_id, event.signal_id.get());
        told == Some((key, Some(event.failure.error_type.as_str())))
    }

    fn signal_sent(&mut self, event: &ExternalSignalSent) -> Result<(), Violation> {
        let id = event.signal_id.get();
        if id != self.next_id || self.undo.is_some() || self.paused {
            let what = format!("signal {id} is sent, {} is next", self.next_id);
            return Err(self.violates("I11", what));
        }
        self.next_id += 1;
        let (awaited, told) = (event.awaited, false);
        self.sent.insert(id, Sent { awaited, told });
        let key = (self.run_id, id);
        self.signals_told
            .push(Told::Sent(key, Box::new(event.clone())));
        Ok(())
    }

    fn signal_told(&mut self, (_, id): SignalKey) -> Result<(), Violation> {
        match self.sent.get_mut(&id) {
            Some(sent) if !sent.told => {
                sent.told = true;
                Ok(())
            }
            other => {
                let what = format!("is told again of signal {id}: {other:?}");
                Err(self.violates("I11", what))
            }
        }
    }
}
