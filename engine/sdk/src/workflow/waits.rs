//! Who waits for something that no event of its own shows, and what is told of that.

use std::{collections::BTreeMap, task::Waker};

use sagaline_core::{Name, Wait, WaitFor};

use super::reach::Reach;

/// Those that wait, in the order in which they began to.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiting: BTreeMap<u64, Waiter>,
    last_ticket: u64,
    /// What was last told of those that wait.
    told: Vec<Wait>,
}

#[derive(Debug)]
struct Waiter {
    wait: Wait,
    /// What it waits for really; how that is told may differ.
    kind: WaitFor,
    /// Which requests to stop reach it.
    reach: Reach,
    canceled: bool,
    waker: Option<Waker>,
}

/// A place among those that wait.
#[derive(Debug)]
pub(crate) struct Ticket(u64);

impl Waiters {
    /// A signal of that name has come. Gives whom to wake.
    pub(super) fn signaled(&mut self, name: &Name) -> Vec<Waker> {
        self.wake(|one| one.kind == WaitFor::Signal && one.wait.name == *name)
    }

    /// The state may have changed. Gives whom to wake.
    pub(super) fn changed(&mut self) -> Vec<Waker> {
        self.wake(|one| one.kind == WaitFor::Condition)
    }

    fn wake(&mut self, concerns: impl Fn(&Waiter) -> bool) -> Vec<Waker> {
        let waiting = self.waiting.values_mut().filter(|one| concerns(one));
        waiting.filter_map(|one| one.waker.take()).collect()
    }

    /// Nobody waits any more where a request to stop has reached. Gives whom to wake.
    pub(super) fn cancel(&mut self) -> Vec<Waker> {
        let waiting = self.waiting.values_mut();
        let reached = waiting.filter(|one| one.reach.is_canceled());
        reached
            .filter_map(|one| {
                one.canceled = true;
                one.waker.take()
            })
            .collect()
    }

    /// Whether somebody waits no longer, or does not begin to where the code stands, since it was asked to stop.
    pub(super) fn is_canceled(&self, ticket: Option<&Ticket>, here: &Reach) -> bool {
        match ticket.and_then(|ticket| self.waiting.get(&ticket.0)) {
            Some(waiter) => waiter.canceled,
            None => here.is_canceled(),
        }
    }

    /// Waits, or waits on.
    pub(super) fn wait(
        &mut self,
        ticket: Option<Ticket>,
        (kind, wait): (WaitFor, impl FnOnce() -> Wait),
        here: Reach,
        waker: &Waker,
    ) -> Ticket {
        let ticket = ticket.unwrap_or_else(|| {
            self.last_ticket += 1;
            Ticket(self.last_ticket)
        });
        let waiter = self.waiting.entry(ticket.0).or_insert_with(|| Waiter {
            wait: wait(),
            kind,
            reach: here,
            canceled: false,
            waker: None,
        });
        waiter.waker = Some(waker.clone());
        ticket
    }

    pub(super) fn leave(&mut self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.waiting.remove(&ticket.0);
        }
    }

    /// What is waited for, `other` too, if that is not what was last told.
    pub(super) fn untold(&mut self, other: Option<Wait>) -> Option<Vec<Wait>> {
        let waits = || {
            let waiting = self.waiting.values().map(|one| &one.wait);
            waiting.chain(&other)
        };
        if waits().eq(&self.told) {
            return None;
        }
        self.told = waits().cloned().collect();
        Some(self.told.clone())
    }
}
