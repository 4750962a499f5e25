//! Looking for due times: those that came, those of a backfill, those to come. Nothing is decided about them here.

use sagaline_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Book, WAITING_MAX};
use crate::schedule::{
    Instant,
    description::{Mode, Upcoming},
    spec::Next,
};

/// Due times that one look hands on.
const DUE_MAX: usize = 500;

/// Due times that one look passes; of those over `DUE_MAX` it only counts how many there are.
const PASSED_MAX: u64 = 20_000;

/// Due times that came, as history holds them: replay decides nothing anew.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::schedule) struct Look {
    pub(super) due: Vec<Instant>,
    /// As many came behind them.
    pub(super) more: u64,
    /// As many came too long before them.
    pub(super) missed: u64,
    pub(super) until: Option<Instant>,
    pub(super) next: Option<Upcoming>,
    /// It stopped before it was through: another look is due at once, or then.
    pub(super) again_at: Option<Instant>,
}

/// Due times of a backfill.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::schedule) struct Filled {
    pub(super) due: Vec<Instant>,
    pub(super) until: Option<Instant>,
}

impl Book {
    /// Looks for due times up to `now`.
    pub(in crate::schedule) fn look(&self, now: Timestamp) -> Look {
        let mut look = Look::default();
        let (Some(times), Some(kept)) = (&self.times, &self.kept) else {
            return look;
        };
        let window = self.schedule.catch_up.as_millis();
        let mut after = kept.looked_until.0;
        let mut passed = 0;
        loop {
            match times.next_after(after) {
                Next::At(due) => {
                    let begins_at = times.begins_at(&self.name, due);
                    if begins_at > now {
                        look.next = Some(Upcoming {
                            due_at: Instant(due),
                            begins_at: Instant(begins_at),
                        });
                        break;
                    }
                    after = due;
                    passed += 1;
                    // Of those that cannot all be taken, how many there were is enough.
                    if now.since(due).0 > window {
                        look.missed += 1;
                    } else if look.due.len() < DUE_MAX {
                        look.due.push(Instant(due));
                    } else {
                        look.more += 1;
                    }
                    let is_full = look.due.len() == DUE_MAX && self.schedule.overlap.takes_all();
                    if is_full || passed == PASSED_MAX {
                        look.again_at = Some(Instant(now));
                        break;
                    }
                }
                Next::NotBefore(until) => {
                    after = until;
                    look.again_at = Some(Instant(until.max(now)));
                    break;
                }
                Next::Never => break,
            }
        }
        look.until = Some(Instant(after));
        look
    }

    /// How many of the first backfill there is room for.
    pub(in crate::schedule) fn room_to_fill(&self) -> usize {
        let Some(kept) = &self.kept else { return 0 };
        let under_way = kept.waiting.len().max(kept.running.len());
        match kept.backfills.is_empty() {
            true => 0,
            false => WAITING_MAX.saturating_sub(under_way).min(DUE_MAX),
        }
    }

    /// Due times of the first backfill, as many as there is room for.
    pub(in crate::schedule) fn fill(&self) -> Filled {
        let room = self.room_to_fill();
        let kept = self.kept.as_ref();
        let backfill = kept.and_then(|kept| kept.backfills.front());
        let mut filled = Filled::default();
        let (Some(times), Some(backfill)) = (&self.times, backfill) else {
            return filled;
        };
        let mut after = Timestamp::from_micros(backfill.from.0.as_micros().saturating_sub(1));
        while filled.due.len() < room {
            match times.next_after(after) {
                Next::At(due) if due <= backfill.to.0 => {
                    filled.due.push(Instant(due));
                    after = due;
                }
                Next::NotBefore(until) if until < backfill.to.0 => {
                    filled.until = Some(Instant(until));
                    return filled;
                }
                Next::At(_) | Next::NotBefore(_) | Next::Never => return filled,
            }
        }
        filled.until = Some(Instant(after));
        filled
    }

    /// The next times at which it is due, at most so many; none while it takes nothing by itself.
    pub(in crate::schedule) fn upcoming(&self, many: usize) -> Vec<Upcoming> {
        let mut found = Vec::new();
        if !self.admits(Mode::Time) {
            return found;
        }
        let (Some(times), Some(kept)) = (&self.times, &self.kept) else {
            return found;
        };
        let mut after = kept.looked_until.0;
        found.extend(self.next.clone().filter(|_| many > 0));
        if let Some(next) = found.first() {
            after = next.due_at.0;
        }
        while found.len() < many
            && let Next::At(due) = times.next_after(after)
        {
            after = due;
            found.push(Upcoming {
                due_at: Instant(due),
                begins_at: Instant(times.begins_at(&self.name, due)),
            });
        }
        found
    }
}
