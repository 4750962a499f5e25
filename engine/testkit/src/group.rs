//! The lease: which process the group's coordinator gives each partition to, and what it answers to an offset commit.

use sagaline_journal::{PortEvent, Tag};

use crate::{
    event::{Event, LaneKey, NodeEvent},
    time::Span,
    world::World,
};

/// The coordinator's view.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// By partition.
    pub(crate) holders: Vec<Option<usize>>,
}

impl Group {
    pub(crate) fn new(partitions: i32) -> Self {
        Self {
            holders: vec![None; usize::try_from(partitions).unwrap_or_default()],
        }
    }

    pub(crate) fn holds(&self, node: usize, partition: i32) -> bool {
        usize::try_from(partition)
            .ok()
            .and_then(|at| self.holders.get(at))
            .is_some_and(|holder| *holder == Some(node))
    }
}

impl World {
    /// Gives the partitions to the members that live; now and then some change hands without need.
    pub(crate) fn rebalance(&mut self) {
        let living: Vec<usize> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].alive)
            .collect();
        let shuffles = !self.healed && self.rng.percent(40);
        for partition in 0..self.group.holders.len() {
            let old = self.group.holders[partition];
            let stays = old.is_some_and(|node| self.nodes[node].alive)
                && !(shuffles && self.rng.percent(50));
            if stays {
                continue;
            }
            let new = if living.is_empty() {
                None
            } else {
                Some(*self.rng.pick(&living))
            };
            self.group.holders[partition] = new;
            self.tell(old, new, i32::try_from(partition).unwrap_or_default());
        }
        if self.faults.rebalance_every != Span(0) {
            let after = self.rng.delay(self.faults.rebalance_every);
            self.push(after, Event::Rebalance);
        }
    }

    fn tell(&mut self, old: Option<usize>, new: Option<usize>, partition: i32) {
        if old == new {
            return;
        }
        if let Some(node) = old {
            let deaf = self.rng.ppm(self.faults.deaf);
            let after = if deaf {
                Span::millis(self.rng.between(2_000, 20_000))
            } else {
                self.rng.delay(Span::millis(100))
            };
            let what = NodeEvent::Revoked(partition);
            self.push(after, Event::Node { node, what });
        }
        if let Some(node) = new {
            let after = self.rng.delay(Span::millis(200));
            let what = NodeEvent::Assigned(partition);
            self.push(after, Event::Node { node, what });
        }
    }

    /// An offset commit is accepted from whoever holds the partition.
    pub(crate) fn lease(&mut self, lane: LaneKey, tag: Tag) {
        let Some(slot) = self.lanes.get(&lane) else {
            return;
        };
        let (node, partition, abandoned) = (slot.node, slot.partition, slot.abandoned);
        let holds = self.group.holds(node, partition) && !abandoned;
        let held = if holds {
            !self.rng.ppm(self.faults.lease_denied)
        } else {
            self.rng.ppm(self.faults.lease_wrong)
        };
        let event = PortEvent::Lease {
            partition,
            tag,
            held,
        };
        self.back(Span::millis(2), lane, event);
    }
}
