//! Signals that come, and all that a run waits for but steps and timers.

use std::task::Waker;

use sagaline_core::{Name, Payload, Timestamp, Wait, WaitFor, program::ProgramCommand};

use super::{
    super::{signal::Told, waits::Ticket},
    Shared,
};

impl Shared {
    /// Somebody sent a message.
    pub(crate) fn receive(&self, signal: &Name, input: &Payload) {
        let mut state = self.lock();
        state.signals.receive(signal.clone(), input.clone());
        let received = state.waiters.signaled(signal);
        drop(state);
        received.into_iter().for_each(Waker::wake);
    }

    /// The next signal of a name, or a place among those that wait for one.
    pub(crate) fn poll_signal(
        &self,
        ticket: Option<Ticket>,
        name: &Name,
        wait: impl FnOnce(Timestamp) -> Wait,
        waker: &Waker,
    ) -> Told {
        let mut state = self.lock();
        let here = state.here.clone();
        if state.waiters.is_canceled(ticket.as_ref(), &here) {
            state.waiters.leave(ticket);
            return Told::Canceled;
        }
        if let Some(input) = state.signals.take(name) {
            state.waiters.leave(ticket);
            return Told::Signal(input);
        }
        let (at, kind) = (state.at, WaitFor::Signal);
        let waiters = &mut state.waiters;
        Told::Wait(waiters.wait(ticket, (kind, || wait(at)), here, waker))
    }

    /// The code of the user may have changed the run's state.
    pub(crate) fn state_changed(&self) {
        let wakers = self.lock().waiters.changed();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether somebody waits no longer, or does not begin to where the code stands, since it was asked to stop.
    pub(crate) fn is_wait_canceled(&self, ticket: Option<&Ticket>) -> bool {
        let state = self.lock();
        state.waiters.is_canceled(ticket, &state.here)
    }

    /// Waits, or waits on.
    pub(crate) fn wait(
        &self,
        ticket: Option<Ticket>,
        (kind, wait): (WaitFor, impl FnOnce(Timestamp) -> Wait),
        waker: &Waker,
    ) -> Ticket {
        let mut state = self.lock();
        let (at, here) = (state.at, state.here.clone());
        let waiters = &mut state.waiters;
        waiters.wait(ticket, (kind, || wait(at)), here, waker)
    }

    /// Nobody waits there any more.
    pub(crate) fn leave(&self, ticket: Option<Ticket>) {
        self.lock().waiters.leave(ticket);
    }

    /// Tells what the run waits for, if that has changed.
    pub(crate) fn tell_waits(&self) {
        let mut state = self.lock();
        let expected = state.expected.map(|(since, total)| Wait {
            kind: WaitFor::Children,
            name: Name::from("children"),
            since,
            deadline: None,
            choices: Vec::new(),
            total: Some(total),
        });
        if let Some(waits) = state.waiters.untold(expected) {
            state.commands.push(ProgramCommand::RecordWaits(waits));
        }
    }
}
