//! The simulated world: one queue of events, one clock, one source of chance, and all that there is.
//!
//! Deliberately absent: threads, sleeping, real time. Invariant: a world made from the same settings takes the same steps.

use std::{collections::BTreeMap, sync::Arc};

use sagaline_core::RunId;
use sagaline_journal::{NewRecord, PortEvent, Record, wire::topic};
use sagaline_runtime::{
    delay::Tier,
    lane::{Now, Stage},
};

use crate::{
    Settings, Violation,
    broker::append::Producer,
    check::Check,
    clients::Clients,
    delay::{Delays, MAIL, MAIL_PARTITIONS},
    event::{Event, LaneKey},
    faults::Faults,
    group::Group,
    inputs::Inputs,
    log::{Log, NAMESPACE, Topics},
    node::{Node, Slot},
    plant::Bug,
    port::Request,
    rng::Rng,
    schedule::Schedule,
    time::{Moment, Span},
    topics::{QUEUE_PARTITIONS, QueueTopicsThere},
    trace::Trace,
    trim::Trims,
    worker::Workers,
};

/// A lane's turn may come this much later than what it reacts to.
const TURN_DELAY: Span = Span(200);

/// Most processes that a run may kill: the first ones unawares, three that had announced it, and some that died of
/// something else in between.
const KILLS_MAX: u32 = 16;

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) rng: Rng,
    pub(crate) now: Moment,
    pub(crate) schedule: Schedule<Event>,
    pub(crate) faults: Faults,
    pub(crate) healed: bool,
    pub(crate) partitions: i32,
    pub(crate) topics: Topics,
    pub(crate) log: Log,
    pub(crate) queue_topics: Arc<QueueTopicsThere>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) lanes: BTreeMap<LaneKey, Slot>,
    pub(crate) lanes_made: u64,
    pub(crate) group: Group,
    pub(crate) delays: Delays,
    pub(crate) producers: BTreeMap<LaneKey, Producer>,
    pub(crate) inputs: Inputs,
    pub(crate) clients: Clients,
    pub(crate) workers: Workers,
    pub(crate) check: Check,
    pub(crate) trace: Trace,
    pub(crate) trims: Trims,
    pub(crate) steps: u64,
    /// How many processes each run killed.
    pub(crate) kills: BTreeMap<RunId, u32>,
}

impl World {
    pub(crate) fn push(&mut self, after: Span, event: Event) {
        self.schedule.push(self.now + after, event);
    }

    /// Whether this bug was planted.
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.settings.bug == Some(bug)
    }

    /// Takes the next step. `false` when nothing is left to happen.
    pub(crate) fn step(&mut self) -> Result<bool, Violation> {
        let Some((at, event)) = self.schedule.pop() else {
            return Ok(false);
        };
        self.now = self.now.max(at);
        self.steps += 1;
        if let Some(lane) = event.lane() {
            let Some(slot) = self.lanes.get(&lane) else {
                return Ok(true);
            };
            if slot.frozen_until > self.now {
                self.schedule.push(slot.frozen_until, event);
                return Ok(true);
            }
        }
        self.trace.event(self.now, &event);
        self.happen(event)?;
        Ok(true)
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Turn { lane, turn } => {
                if self.lanes.get(&lane).is_some_and(|slot| slot.turn == turn) {
                    self.lane_turn(lane, None)?;
                }
                Ok(())
            }
            Event::Back { lane, event } => self.lane_turn(lane, Some(event)),
            Event::Arrive { lane, generation } => self.arrive(lane, generation),
            Event::Ask { lane, request } => self.asked(lane, request),
            Event::Land(landing) => self.land(landing),
            Event::GiveUp { lane, tag } => {
                self.give_up(lane, tag);
                Ok(())
            }
            Event::Effect(effect) => self.effect(effect),
            Event::Delay { key, what } => self.delay(key, what),
            Event::Relay(relay) => self.relayed(relay),
            Event::RetryTopicLost => {
                self.lose_retry_topic();
                Ok(())
            }
            Event::Trim => self.trim(),
            Event::Read(reading) => {
                self.read(reading);
                Ok(())
            }
            Event::Ends { lane, tag } => {
                self.ends(lane, tag);
                Ok(())
            }
            Event::Lease { lane, tag } => {
                self.lease(lane, tag);
                Ok(())
            }
            Event::TopicReady(topic) => {
                self.topic_ready(topic);
                Ok(())
            }
            Event::Work(job) => {
                self.work(job);
                Ok(())
            }
            Event::Client(act) => {
                self.client(act);
                Ok(())
            }
            Event::Node { node, what } => self.node(node, what),
            Event::Rebalance => {
                self.rebalance();
                self.rebalance_delays();
                Ok(())
            }
            Event::Heal => {
                self.heal();
                Ok(())
            }
            Event::Sweep => {
                self.sweep();
                Ok(())
            }
        }
    }

    /// Gives a lane what came back, lets it go on, and takes from it what it asks.
    pub(crate) fn lane_turn(
        &mut self,
        key: LaneKey,
        event: Option<PortEvent>,
    ) -> Result<(), Violation> {
        let now = self.now;
        let Some(slot) = self.lanes.get_mut(&key) else {
            return Ok(());
        };
        let node = &self.nodes[slot.node];
        let clock = Now {
            wall: now.wall(node.skew_micros),
            monotonic: node.monotonic(now),
        };
        let had_event = event.is_some();
        if let Some(event) = event {
            slot.lane.handle(event, clock, &mut slot.port);
        }
        let mut next = None;
        // A thread handles several events before it steps; a call without an event is that step.
        let steps = !had_event || self.rng.percent(70);
        if steps {
            next = slot.lane.step(clock, &mut slot.port);
        }
        let requests = slot.port.take_requests();
        slot.turn += 1;
        let (turn, node, stage) = (slot.turn, slot.node, slot.lane.status().stage);
        let after = match (steps, next) {
            (false, _) => Some(TURN_DELAY),
            (true, Some(next)) => Some(Span::millis(next.0.max(1))),
            (true, None) => None,
        };
        if let Some(after) = after {
            self.push(after, Event::Turn { lane: key, turn });
        }
        let silence = Span::secs(self.rng.between(11, 40));
        for (request, late) in requests {
            if late {
                self.push(silence, Event::Ask { lane: key, request });
            } else {
                self.asked(key, request)?;
            }
        }
        self.make_topics();
        self.take_local(key)?;
        let fate = self.nodes[node].workflows.fate.clone();
        if fate.is_dead() {
            self.crash(node);
            return self.killed(fate.by());
        }
        if fate.take_hang() {
            self.hang(key, now + silence);
        }
        self.after_turn(key, stage)
    }

    /// Poison: a run that kills its processes is parked before it has killed too many.
    fn killed(&mut self, by: Option<RunId>) -> Result<(), Violation> {
        let Some(run_id) = by else { return Ok(()) };
        let kills = self.kills.entry(run_id).or_default();
        *kills += 1;
        if *kills <= KILLS_MAX {
            return Ok(());
        }
        let what = format!("run {run_id} has killed {kills} processes");
        Err(Violation::new("poison", what))
    }

    fn asked(&mut self, lane: LaneKey, request: Request) -> Result<(), Violation> {
        if let Some(slot) = self.lanes.get(&lane) {
            self.check.asked(slot.partition, &request)?;
            self.request(lane, request);
        }
        Ok(())
    }

    fn after_turn(&mut self, key: LaneKey, stage: Stage) -> Result<(), Violation> {
        let Some(slot) = self.lanes.get(&key) else {
            return Ok(());
        };
        self.check.memory(&slot.lane)?;
        match stage {
            Stage::TakingOver | Stage::Active => Ok(()),
            Stage::Stopped => {
                self.forget_lane(key);
                Ok(())
            }
            Stage::Failed => {
                let status = slot.lane.status();
                let (code, message) = status.error.unwrap_or_default();
                Err(Violation::new(
                    "lane",
                    format!("lane {} failed: {code}: {message}", key.0),
                ))
            }
        }
    }

    /// Produces a record as a client or a worker does: it is there at once.
    pub(crate) fn produce(&mut self, record: &NewRecord) -> Option<Record> {
        let appended = self.log.append(record, self.now.appended_at())?;
        self.trace.record(&appended);
        self.check.produced(&appended, &self.inputs);
        if self.rng.ppm(self.faults.transactions) {
            for _ in 0..self.rng.between(1, 3) {
                self.log.mark(&appended.topic, appended.partition);
            }
        }
        self.wake_readers(&appended);
        Some(appended)
    }

    /// Records that were appended to an input reach its readers after a while.
    pub(crate) fn wake_readers(&mut self, record: &Record) {
        if Topics::is_retry(&record.topic) {
            return self.wake_delays(record);
        }
        if record.topic != self.topics.inbox && record.topic != self.topics.results {
            return;
        }
        let readers: Vec<LaneKey> = self
            .lanes
            .iter()
            .filter(|(_, slot)| slot.partition == record.partition)
            .map(|(key, _)| *key)
            .collect();
        for lane in readers {
            self.expect_arrival(lane);
        }
    }

    fn topic_ready(&mut self, topic: String) {
        let partitions = match Topics::is_retry(&topic) {
            true => self.partitions,
            false => QUEUE_PARTITIONS,
        };
        self.queue_topics.ready(&topic, partitions);
        self.log.create(topic.into(), partitions);
    }

    /// The topics that a turn asked for will be there soon.
    pub(crate) fn make_topics(&mut self) {
        for topic in self.queue_topics.take_wanted() {
            let after = self.rng.delay(Span::millis(100));
            self.push(after, Event::TopicReady(topic));
        }
    }
}

/// The journal, the inputs, the replies, control, and what the delay service reads and writes, with their partitions.
pub(crate) fn log(topics: &Topics, partitions: i32) -> Log {
    let mut log = Log::default();
    for topic in [&topics.inbox, &topics.results, &topics.journal] {
        log.create(topic.clone(), partitions);
    }
    log.create(topics.replies.clone(), 1);
    for tier in Tier::ALL {
        log.create(topic::retry(NAMESPACE, tier.name()).into(), partitions);
    }
    log.create(MAIL.into(), MAIL_PARTITIONS);
    log.create(topics.control.clone(), 1);
    log.create(topic::state(NAMESPACE).into(), partitions);
    debug_assert!(topics.inbox.starts_with(NAMESPACE));
    log
}
