//! The lease: which process the group's coordinator gives each partition to, and what it answers to an offset commit.

use sagaline_journal::{PortEvent, Tag};

use crate::{
    event::{Event, LaneKey, NodeEvent},
    time::Span,
    world::World,
};

/// A process in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) node: usize,
    pub(crate) starts: u32,
}

/// The coordinator's view.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// By partition: the process, and which of its lives. A process that started anew is another member.
    pub(crate) holders: Vec<Option<Member>>,
}

impl Group {
    pub(crate) fn new(partitions: i32) -> Self {
        Self {
            holders: vec![None; usize::try_from(partitions).unwrap_or_default()],
        }
    }

    pub(crate) fn holds(&self, member: Member, partition: i32) -> bool {
        usize::try_from(partition)
            .ok()
            .and_then(|at| self.holders.get(at))
            .is_some_and(|holder| *holder == Some(member))
    }
}

impl World {
    /// Gives the partitions to the members that live; now and then some change hands without need.
    pub(crate) fn rebalance(&mut self) {
        let living: Vec<Member> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].alive)
            .map(|node| self.member(node))
            .collect();
        let shuffles = !self.healed && self.rng.percent(40);
        for partition in 0..self.group.holders.len() {
            let old = self.group.holders[partition];
            let lives = old.is_some_and(|member| living.contains(&member));
            if lives && !(shuffles && self.rng.percent(50)) {
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

    /// A process in the life that it has now.
    pub(crate) fn member(&self, node: usize) -> Member {
        let starts = self.nodes[node].starts;
        Member { node, starts }
    }

    fn tell(&mut self, old: Option<Member>, new: Option<Member>, partition: i32) {
        if old == new {
            return;
        }
        if let Some(Member { node, .. }) = old {
            let deaf = self.rng.ppm(self.faults.deaf);
            let after = if deaf {
                Span::millis(self.rng.between(2_000, 20_000))
            } else {
                self.rng.delay(Span::millis(100))
            };
            let what = NodeEvent::Revoked(partition);
            self.push(after, Event::Node { node, what });
        }
        if let Some(Member { node, .. }) = new {
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
        let holds = self.group.holds(self.member(node), partition) && !abandoned;
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
