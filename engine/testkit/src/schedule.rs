//! What will happen, in order of its time; what is due at the same time, in the order in which it was put there.

use std::collections::BTreeMap;

use crate::time::Moment;

/// Events to come.
#[derive(Debug)]
pub(crate) struct Schedule<E> {
    events: BTreeMap<(Moment, u64), E>,
    count: u64,
}

impl<E> Schedule<E> {
    pub(crate) const fn new() -> Self {
        Self {
            events: BTreeMap::new(),
            count: 0,
        }
    }

    pub(crate) fn push(&mut self, at: Moment, event: E) {
        self.count += 1;
        self.events.insert((at, self.count), event);
    }

    pub(crate) fn pop(&mut self) -> Option<(Moment, E)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }

    /// The events to come, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.events.values()
    }
}
