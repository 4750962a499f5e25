//! Who waits for another branch of the same run: the engine is told nothing of that.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use super::{reach::Reach, state::Shared};

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct Parked(Mutex<Spots>);

#[derive(Debug, Default)]
struct Spots {
    waiting: BTreeMap<Spot, Waiter>,
    last: Spot,
}

/// A place among those that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot(u64);

#[derive(Debug)]
struct Waiter {
    /// Which requests to stop reach it.
    reach: Reach,
    waker: Option<Waker>,
}

impl Shared {
    /// Waits where the workflow's code stands, until somebody wakes who waits there.
    pub(crate) fn park(&self, waker: &Waker) -> Spot {
        let reach = self.here();
        let mut spots = self.parked.lock();
        spots.last = Spot(spots.last.0 + 1);
        let (spot, waker) = (spots.last, Some(waker.clone()));
        spots.waiting.insert(spot, Waiter { reach, waker });
        spot
    }

    /// Waits on there, unless a request to stop has reached it.
    pub(crate) fn stays(&self, spot: Spot, waker: &Waker) -> bool {
        let mut spots = self.parked.lock();
        spots.waiting.get_mut(&spot).is_some_and(|waiter| {
            waiter.waker = Some(waker.clone());
            !waiter.reach.is_canceled()
        })
    }

    /// Nobody waits there any more.
    pub(crate) fn leave_spot(&self, spot: Spot) {
        self.parked.lock().waiting.remove(&spot);
    }

    /// Wakes who waits there.
    pub(crate) fn wake(&self, spot: Spot) {
        let mut spots = self.parked.lock();
        let waiter = spots.waiting.get_mut(&spot);
        let waker = waiter.and_then(|waiter| waiter.waker.take());
        drop(spots);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Parked {
    /// Those whom a request to stop has reached, to be woken.
    #[must_use]
    pub(super) fn reached(&self) -> Vec<Waker> {
        let mut spots = self.lock();
        let waiting = spots.waiting.values_mut();
        let reached = waiting.filter(|waiter| waiter.reach.is_canceled());
        reached.filter_map(|waiter| waiter.waker.take()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Spots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
