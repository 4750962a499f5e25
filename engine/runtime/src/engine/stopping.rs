//! The order to stop. Everything that a stop waits for ends by one deadline, whatever else was being waited for when the
//! order came.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use sagaline_core::Millis;

use super::{HAND_OVER_MAX, LEAVE_MAX};
use crate::clock;

/// How often who waits looks whether the order has come.
const TURN: Duration = Duration::from_millis(50);

/// Whether the engine is to stop, and since when.
#[derive(Debug, Default)]
pub(super) struct Stopping {
    ordered_at: OnceLock<Millis>,
    handed_over: AtomicBool,
}

impl Stopping {
    /// The engine is to stop. Only the first order counts.
    pub(super) fn order(&self) {
        self.order_at(clock::monotonic());
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.ordered_at.get().is_some()
    }

    /// Partitions are handed over, or were let go: nobody needs to be served any more.
    pub(super) fn handed_over(&self) {
        self.handed_over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::SeqCst)
    }

    /// How much is left for leaving the group.
    pub(super) fn left_for_leaving(&self) -> Duration {
        let end = self.ordered_at.get().copied().unwrap_or_default().0
            + millis(HAND_OVER_MAX)
            + millis(LEAVE_MAX);
        Duration::from_millis(end.saturating_sub(clock::monotonic().0))
    }

    /// Waits until so many have said that they are done, but not for long; says how many have not.
    pub(super) fn await_all(&self, done: &Receiver<()>, mut left: usize) -> usize {
        let began = clock::monotonic();
        while left > 0 {
            let remaining = self.until(began).0.saturating_sub(clock::monotonic().0);
            if remaining == 0 {
                break;
            }
            match done.recv_timeout(Duration::from_millis(remaining).min(TURN)) {
                Ok(()) => left -= 1,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        left
    }

    /// Until when a hand-over that began then may take.
    fn until(&self, began: Millis) -> Millis {
        let began = self.ordered_at.get().map_or(began, |at| began.min(*at));
        Millis(began.0 + millis(HAND_OVER_MAX))
    }

    fn order_at(&self, at: Millis) {
        // Ordered before: that one counts.
        let _ = self.ordered_at.set(at);
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn ordered_at(at: u64) -> Stopping {
        let stopping = Stopping::default();
        stopping.order_at(Millis(at));
        stopping
    }

    #[test]
    fn a_hand_over_during_which_the_order_comes_ends_with_the_stop_or_before() {
        let max = millis(HAND_OVER_MAX);

        assert_eq!(Stopping::default().until(Millis(7)), Millis(7 + max));
        // It began before the order, or because of it, after another one.
        assert_eq!(ordered_at(1_000).until(Millis(7)), Millis(7 + max));
        assert_eq!(ordered_at(1_000).until(Millis(3_000)), Millis(1_000 + max));
    }

    #[test]
    fn a_second_order_gives_no_more_time() {
        let stopping = ordered_at(1_000);

        stopping.order_at(Millis(9_000));

        let end = Millis(1_000 + millis(HAND_OVER_MAX));
        assert_eq!(stopping.until(Millis(20_000)), end);
    }

    #[test]
    fn whoever_is_done_is_not_waited_for_and_whoever_is_gone_neither() {
        let stopping = Stopping::default();
        let (done, finished) = mpsc::channel();
        for _ in 0..2 {
            done.send(()).unwrap();
        }
        assert_eq!(stopping.await_all(&finished, 2), 0);

        drop(done);
        assert_eq!(stopping.await_all(&finished, 1), 1);
    }
}
