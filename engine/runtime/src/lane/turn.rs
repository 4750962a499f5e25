//! Whose turn it is to try: of all careful lanes of a process, one at a time.
//!
//! A process dies of the run that was activated, and every lane that had announced one is suspected. Were two to try at the
//! same time, the innocent run would die with the other one, three times, and be parked for it.
//!
//! Invariant: a lane that announces a run holds the turn until the journal has what the run came to.

use std::sync::{Arc, Mutex, PoisonError};

use sagaline_core::Millis;
use sagaline_journal::Tag;

/// A turn that was held for so long is free: its lane's thread hangs, and was abandoned before that.
const HELD_MAX: Millis = Millis::from_secs(15);

/// The turn that a process's lanes share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<Option<Held>>>);

#[derive(Clone, Copy, Debug)]
struct Held {
    partition: i32,
    lane: Tag,
    since: Millis,
}

/// The turn of a lane, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    lane: Tag,
}

impl Turns {
    /// The turn, if nobody has it. `lane` is a number that no other lane of the process has.
    pub(super) fn take(&self, partition: i32, lane: Tag, now: Millis) -> Option<Turn> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some_and(|held| now.0 < held.since.0 + HELD_MAX.0) {
            return None;
        }
        *held = Some(Held {
            partition,
            lane,
            since: now,
        });
        Some(Turn {
            turns: self.clone(),
            lane,
        })
    }

    /// A new lane of that partition begins: whatever an earlier one held is free.
    pub(super) fn begin(&self, partition: i32) {
        self.free(|held| held.partition == partition);
    }

    fn free(&self, which: impl FnOnce(&Held) -> bool) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(which) {
            *held = None;
        }
    }
}

impl Turn {
    /// Holds it from now on, unless it was held for too long and is somebody else's.
    pub(super) fn is_kept(&self, now: Millis) -> bool {
        let mut held = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut().filter(|held| held.lane == self.lane) {
            Some(held) => held.since = now,
            None => return false,
        }
        true
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.free(|held| held.lane == self.lane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000);

    #[test]
    fn one_lane_at_a_time_has_the_turn_until_it_is_done() {
        let turns = Turns::default();
        let first = turns.take(0, 10, NOW);

        assert!(first.is_some());
        assert!(turns.take(1, 11, NOW).is_none());
        drop(first);

        assert!(turns.take(1, 11, NOW).is_some());
    }

    #[test]
    fn a_lane_that_was_begun_anew_does_not_wait_for_its_own_hanging_thread() {
        let turns = Turns::default();
        let hangs = turns.take(0, 10, NOW);
        turns.begin(1);
        assert!(turns.take(1, 11, NOW).is_none());

        turns.begin(0);
        let next = turns.take(1, 11, NOW);
        drop(hangs);

        assert!(next.is_some());
        assert!(turns.take(2, 12, NOW).is_none(), "it is still the second's");
    }

    #[test]
    fn a_turn_that_is_taken_again_is_held_from_then_on() {
        let turns = Turns::default();
        let held = turns.take(0, 10, NOW).unwrap();
        let later = Millis(NOW.0 + HELD_MAX.0 - 1);

        assert!(held.is_kept(later));
        assert!(
            turns
                .take(1, 11, Millis(later.0 + HELD_MAX.0 - 1))
                .is_none()
        );
        let next = turns.take(1, 11, Millis(later.0 + HELD_MAX.0));

        assert!(next.is_some());
        assert!(!held.is_kept(later), "it is another's");
    }

    #[test]
    fn a_turn_that_was_held_too_long_is_free() {
        let turns = Turns::default();
        let _hangs = turns.take(0, 10, NOW);

        assert!(turns.take(1, 11, Millis(NOW.0 + HELD_MAX.0)).is_some());
    }
}
