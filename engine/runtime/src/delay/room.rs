//! How much is in memory, and which partitions are not read on while it is too much.

use super::{Delay, Order, Tier, shelf::Place};

/// Most records of `soon` that a process has in memory; while there are so many, a partition that has its share or more
/// of them is not read on.
pub const SOON_RECORDS_MAX: usize = 100_000;

/// As [`SOON_RECORDS_MAX`], in bytes.
pub const SOON_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most records that are read ahead of each partition of the other tiers.
pub const TIER_RECORDS_MAX: usize = 256;

/// As [`TIER_RECORDS_MAX`], in bytes.
pub const TIER_BYTES_MAX: usize = 1024 * 1024;

/// Most records that wait for the broker's time to be known.
const UNSORTED_MAX: usize = 1_000;

/// What is in memory of all partitions of `soon`.
#[derive(Debug, Default)]
pub(super) struct Soon {
    pub(super) shelves: usize,
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl Soon {
    pub(super) const fn less(&mut self, records: usize, bytes: usize) {
        self.records -= records;
        self.bytes -= bytes;
    }
}

impl Delay {
    /// A partition that has as much in memory as it may is held, until half of that is gone.
    pub(super) fn hold_or_resume(&mut self, orders: &mut Vec<Order>) {
        let mut held = std::mem::take(&mut self.held);
        held.retain(|place| {
            let hold = !self.has_room(*place);
            let Some(shelf) = self.shelves.get_mut(place) else {
                return false;
            };
            if shelf.held != hold {
                shelf.held = hold;
                orders.push(Order::Hold {
                    topic: self.topic(place.tier),
                    partition: place.partition,
                    hold,
                });
            }
            hold
        });
        self.held = held;
    }

    pub(super) fn is_full(&self, place: Place) -> bool {
        self.fills(place, 1)
    }

    fn has_room(&self, place: Place) -> bool {
        !self.fills(place, 2)
    }

    /// Whether a partition has that part of what it may have in memory: 1 is all, 2 half.
    fn fills(&self, place: Place, part: usize) -> bool {
        let Some(shelf) = self.shelves.get(&place) else {
            return false;
        };
        if self.unsorted.len() * part >= UNSORTED_MAX {
            return true;
        }
        let (records, bytes) = (shelf.len() * part, shelf.bytes() * part);
        if place.tier != Tier::Soon {
            return records >= TIER_RECORDS_MAX || bytes >= TIER_BYTES_MAX;
        }
        let all = &self.soon;
        let is_over = |all, one, max| all * part >= max && one * self.soon.shelves >= max;
        is_over(all.records, records, SOON_RECORDS_MAX) || is_over(all.bytes, bytes, SOON_BYTES_MAX)
    }
}
