//! What can happen to a process: it dies, it stands still, one of its threads falls silent.

use sagaline_runtime::lane::Stage;

use crate::{
    event::{Event, LaneKey, NodeEvent},
    time::{Moment, Span},
    world::World,
};

/// A supervisor abandons a thread that is silent for so long.
const SILENT_MAX: Span = Span::secs(10);

impl World {
    /// The process is gone; what its producers had sent may land still.
    pub(crate) fn crash(&mut self, node: usize) {
        if !self.nodes[node].alive {
            return;
        }
        self.nodes[node].alive = false;
        self.nodes[node].owned.clear();
        self.crash_delay(node);
        for lane in self.lanes_of(node) {
            self.cut_producer(lane);
            self.lanes.remove(&lane);
        }
        let after = Span::millis(self.rng.between(200, 4_000));
        let what = NodeEvent::Start;
        self.push(after, Event::Node { node, what });
        // The coordinator notices by the session's time-out, or at once when the connection breaks.
        let after = Span::millis(self.rng.between(50, 6_000));
        self.push(after, Event::Rebalance);
    }

    pub(super) fn pause(&mut self, node: usize) {
        if self.healed {
            return;
        }
        let until = self.now + Span::millis(self.rng.between(100, 15_000));
        for lane in self.lanes_of(node) {
            self.freeze(lane, until);
        }
        self.freeze_delay(node, until);
    }

    fn freeze(&mut self, lane: LaneKey, until: Moment) {
        if let Some(slot) = self.lanes.get_mut(&lane) {
            slot.frozen_until = slot.frozen_until.max(until);
        }
    }

    /// A lane's thread is silent: so are all lanes of its process, which here has one thread.
    pub(crate) fn hang(&mut self, lane: LaneKey, until: Moment) {
        let Some(slot) = self.lanes.get_mut(&lane) else {
            return;
        };
        let node = slot.node;
        slot.hung_in = self.nodes[node].workflows.fate.by();
        for other in self.lanes_of(node) {
            self.freeze(other, until);
        }
        let what = NodeEvent::Supervise;
        self.push(SILENT_MAX, Event::Node { node, what });
    }

    /// Lanes of a silent thread are claimed anew; the one that was in a run parks it.
    pub(super) fn supervise(&mut self, node: usize) {
        for key in self.lanes_of(node) {
            let Some(slot) = self.lanes.get_mut(&key) else {
                continue;
            };
            let silent = slot.frozen_until > self.now && !slot.abandoned;
            if !silent || slot.lane.status().stage == Stage::Stopped {
                continue;
            }
            slot.abandoned = true;
            let (partition, suspect, stopping) = (slot.partition, slot.hung_in, slot.stopping);
            if !stopping {
                self.make_lane(node, partition, suspect);
            }
        }
    }
}
