//! How many records may still be handed to a consumer's owner. Counted beside the channel, so that records can go through
//! it many at a time.
//!
//! Invariant: a thread that found no room is woken once half of it is free.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Debug)]
pub(super) struct Room {
    max: usize,
    taken: AtomicUsize,
    /// Somebody waits for room.
    wanted: AtomicBool,
}

impl Room {
    pub(super) const fn new(max: usize) -> Self {
        Self {
            max,
            taken: AtomicUsize::new(0),
            wanted: AtomicBool::new(false),
        }
    }

    /// How much there is for the one thread that takes. Without any, [`Room::free`] will say that it is waited for.
    pub(super) fn left(&self) -> usize {
        let left = || self.max - self.taken.load(Ordering::SeqCst).min(self.max);
        if left() == 0 {
            self.wanted.store(true, Ordering::SeqCst);
        }
        // Again: what was freed before anybody could see that it is wanted.
        left()
    }

    /// Takes as much as was [`Room::left`].
    pub(super) fn take(&self, records: usize) {
        self.taken.fetch_add(records, Ordering::SeqCst);
    }

    /// Frees one; says whether to wake the thread that wants more.
    pub(super) fn free(&self) -> bool {
        let taken = self.taken.fetch_sub(1, Ordering::SeqCst) - 1;
        taken <= self.max / 2 && self.wanted.swap(false, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_found_no_room_is_woken_once_when_half_is_free() {
        let room = Room::new(4);
        room.take(room.left());

        assert_eq!(room.left(), 0);
        let woken: Vec<bool> = (0..4).map(|_| room.free()).collect();

        assert_eq!(woken, [false, true, false, false]);
        assert_eq!(room.left(), 4);
    }

    #[test]
    fn nobody_is_woken_who_does_not_wait() {
        let room = Room::new(1);
        room.take(1);

        assert!(!room.free());
    }
}
