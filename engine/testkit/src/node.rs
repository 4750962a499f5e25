//! Engine processes: their lanes, their clocks, and all that can happen to them.

mod harm;

use std::{collections::BTreeSet, num::NonZeroUsize, sync::Arc};

use sagaline_core::{Millis, RunId};
use sagaline_runtime::{
    Keys,
    lane::{Lane, LaneConfig, LaneShared},
};

use crate::{
    Violation,
    event::{Event, LaneKey, NodeEvent},
    local::LocalHere,
    log::NAMESPACE,
    port::Port,
    programs::{Fate, SimWorkflows},
    time::{Moment, Span},
    world::World,
};

/// One engine process.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) alive: bool,
    /// Ahead of the broker's clock.
    pub(crate) skew_micros: i64,
    pub(crate) workflows: Arc<SimWorkflows>,
    pub(crate) starts: u32,
    started_at: Moment,
    shared: Option<Arc<LaneShared>>,
    pub(crate) local: Option<Arc<LocalHere>>,
    /// Partitions that it believes to have.
    owned: BTreeSet<i32>,
}

/// A lane object with its port.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) node: usize,
    pub(crate) partition: i32,
    pub(crate) lane: Lane,
    pub(crate) port: Port,
    /// Counts turns: a turn that was scheduled before another happened is dropped.
    pub(crate) turn: u64,
    /// Its thread is silent until then.
    pub(crate) frozen_until: Moment,
    /// Its thread was given up by its process.
    pub(crate) abandoned: bool,
    /// The run that its thread fell silent in.
    pub(crate) hung_in: Option<RunId>,
    stopping: bool,
}

impl Node {
    pub(crate) fn new() -> Self {
        let workflows = SimWorkflows {
            build: 1,
            has_rare: false,
            fate: Arc::new(Fate::default()),
        };
        Self {
            alive: false,
            skew_micros: 0,
            workflows: Arc::new(workflows),
            starts: 0,
            started_at: Moment::default(),
            shared: None,
            local: None,
            owned: BTreeSet::new(),
        }
    }

    /// Its monotonic clock began at some other time.
    pub(crate) fn monotonic(&self, now: Moment) -> Millis {
        Millis((now.0 - self.started_at.0) / 1_000 + u64::from(self.starts) * 7_919)
    }
}

impl World {
    /// Something happens to a process.
    pub(crate) fn node(&mut self, node: usize, what: NodeEvent) -> Result<(), Violation> {
        match what {
            NodeEvent::Start => self.start_node(node),
            NodeEvent::Crash => {
                self.crash(node);
                self.again(self.faults.crash_every, node, what);
            }
            NodeEvent::Pause => {
                self.pause(node);
                self.again(self.faults.pause_every, node, what);
            }
            NodeEvent::Assigned(partition) => self.assigned(node, partition),
            NodeEvent::Revoked(partition) => return self.revoked(node, partition),
            NodeEvent::Supervise => self.supervise(node),
        }
        Ok(())
    }

    fn start_node(&mut self, node: usize) {
        if self.nodes[node].alive {
            return;
        }
        let workflows = Arc::new(SimWorkflows {
            build: if self.deployed() || self.rng.percent(30) {
                2
            } else {
                1
            },
            has_rare: self.healed || self.rng.percent(50),
            fate: Arc::new(Fate::default()),
        });
        let starts = self.nodes[node].starts + 1;
        let local = Arc::new(self.draw_local());
        let config = LaneConfig {
            namespace: NAMESPACE.into(),
            app: "sim".into(),
            build: workflows.build.to_string(),
            process: format!("process-{node}-{starts}"),
            partitions: self.partitions,
            closed_retention: self.settings.closed_retention(),
            programs_kept: NonZeroUsize::new(self.settings.programs_kept())
                .unwrap_or(NonZeroUsize::MIN),
            keys: Keys::development(),
            topics: self.queue_topics.clone(),
            local: local.clone(),
        };
        let skew_micros = self.draw_skew();
        self.nodes[node] = Node {
            alive: true,
            skew_micros,
            workflows,
            starts,
            started_at: self.now,
            shared: Some(Arc::new(LaneShared::new(config))),
            local: Some(local),
            owned: BTreeSet::new(),
        };
        self.start_delay(node);
        let after = self.rng.delay(Span::millis(100));
        self.push(after, Event::Rebalance);
    }

    /// The same will happen again, unless it does not happen at all.
    fn again(&mut self, every: Span, node: usize, what: NodeEvent) {
        if every != Span(0) {
            let after = self.rng.delay(every);
            self.push(after, Event::Node { node, what });
        }
    }

    /// All processes start, and bad things begin to happen to them.
    pub(crate) fn start_nodes(&mut self) {
        for node in 0..self.nodes.len() {
            let what = NodeEvent::Start;
            self.push(Span(0), Event::Node { node, what });
            self.again(self.faults.crash_every, node, NodeEvent::Crash);
            self.again(self.faults.pause_every, node, NodeEvent::Pause);
        }
    }

    /// Once deployed, every process that starts has the new build.
    fn deployed(&self) -> bool {
        self.healed || self.now.0 > self.settings.active_for().0 / 2
    }

    fn draw_local(&mut self) -> LocalHere {
        let full = match self.healed {
            true => 0,
            false => *self.rng.pick(&[0, 100_000, 600_000]),
        };
        let has_any = self.healed || self.rng.percent(85);
        LocalHere::new(self.rng.fork(), full, has_any)
    }

    fn draw_skew(&mut self) -> i64 {
        let most = if self.rng.ppm(self.faults.skew_large) {
            // Seconds, or so far that deadlines and the memory of closed runs would be lost if it counted.
            [10_000, 86_400_000][usize::from(self.rng.percent(50))]
        } else {
            self.faults.skew_ms_max
        };
        let skew = self.rng.below(most * 2_000 + 1);
        skew.cast_signed() - (most * 1_000).cast_signed()
    }

    fn lanes_of(&self, node: usize) -> Vec<LaneKey> {
        let of_node = self.lanes.iter().filter(|(_, slot)| slot.node == node);
        of_node.map(|(key, _)| *key).collect()
    }

    fn assigned(&mut self, node: usize, partition: i32) {
        if !self.nodes[node].alive || !self.group.holds(self.member(node), partition) {
            return;
        }
        self.nodes[node].owned.insert(partition);
        let busy = self
            .lanes
            .values()
            .find(|slot| slot.node == node && slot.partition == partition && !slot.abandoned);
        match busy {
            None => self.make_lane(node, partition, None),
            Some(slot) if slot.stopping => {
                let what = NodeEvent::Assigned(partition);
                self.push(Span::millis(100), Event::Node { node, what });
            }
            Some(_) => {}
        }
    }

    pub(crate) fn make_lane(&mut self, node: usize, partition: i32, suspect: Option<RunId>) {
        let Some(shared) = self.nodes[node].shared.clone() else {
            return;
        };
        self.lanes_made += 1;
        let key = LaneKey(self.lanes_made);
        let workflows = self.nodes[node].workflows.clone();
        let port = Port::new(workflows.fate.clone(), self.rng.fork());
        let slot = Slot {
            node,
            partition,
            lane: Lane::new(partition, shared, workflows, key.0 << 32, suspect),
            port,
            turn: 0,
            frozen_until: Moment::default(),
            abandoned: false,
            hung_in: None,
            stopping: false,
        };
        self.lanes.insert(key, slot);
        self.push(Span(0), Event::Turn { lane: key, turn: 0 });
    }

    fn revoked(&mut self, node: usize, partition: i32) -> Result<(), Violation> {
        if self.group.holds(self.member(node), partition)
            || !self.nodes[node].owned.remove(&partition)
        {
            return Ok(());
        }
        for key in self.lanes_of(node) {
            if let Some(slot) = self.lanes.get_mut(&key)
                && slot.partition == partition
                && !slot.abandoned
            {
                slot.stopping = true;
                slot.lane.stop();
                slot.turn += 1;
                let turn = slot.turn;
                self.push(Span(0), Event::Turn { lane: key, turn });
            }
        }
        Ok(())
    }

    pub(crate) fn forget_lane(&mut self, key: LaneKey) {
        self.lanes.remove(&key);
    }
}
