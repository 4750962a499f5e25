//! The delay service: records wait in retry topics and go on when they are due. A state machine without I/O; its thread,
//! or the simulation, drives it.
//!
//! ```text
//! retry.12h, 2h, 30m, 5m, 1m ─(append time + span)─▶ the tier that what remains needs ─▶ … ─▶ retry.soon
//! retry.soon ─(a heap, at the millisecond)─▶ target                refused ─▶ inbox, journaled as InputRejected
//! ```
//! Invariant: nothing reaches its target before it is due by the broker's clock; a position is told to the group only
//! when everything before it was acknowledged elsewhere. What is forwarded twice is dropped by its receiver.
//!
//! Deliberately absent: threads, Kafka, the own wall clock ([`clock`]), and anything of workflows.

mod bound;
mod clock;
mod figures;
mod forward;
mod room;
mod shelf;
#[cfg(test)]
mod tests;
mod tier;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::{NewRecord, Record, SendError, Tag, wire::topic};

pub use self::{
    bound::DELAY_MAX,
    figures::TierStatus,
    room::{SOON_BYTES_MAX, SOON_RECORDS_MAX, TIER_BYTES_MAX, TIER_RECORDS_MAX},
    tier::Tier,
};
use self::{
    bound::{Bound, Targets},
    clock::BrokerClock,
    figures::Figures,
    forward::Sent,
    room::Soon,
    shelf::{Entry, Place, Shelf},
};
use crate::{
    Keys,
    input::Reading,
    lane::{Now, QueueTopics},
};

/// Between one deletion of what was forwarded and the next.
pub const TRIM_EVERY: Millis = Millis::from_secs(10);

/// Pause before the time is asked for again when nobody answered.
const TICK_AGAIN_AFTER: Millis = Millis(500);

/// What [`Delay::new`] takes.
#[derive(Clone, Debug)]
pub struct DelayConfig {
    /// The namespace.
    pub namespace: String,
    /// Number of partitions of the inbox.
    pub partitions: i32,
    /// Keys for MACs.
    pub keys: Keys,
    /// Topics that take delayed records of anybody.
    pub targets: BTreeSet<String>,
    /// Which topics are there.
    pub topics: Arc<dyn QueueTopics>,
}

/// What is to be done at the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Send a record, and say how it went: [`Delay::sent`].
    Send {
        /// Its mark.
        tag: Tag,
        /// The record.
        record: NewRecord,
    },
    /// Everything before `next` is done: commit it.
    Commit {
        /// The retry topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// The next offset.
        next: i64,
    },
    /// Hand out nothing more of a partition, or go on.
    Hold {
        /// The retry topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Hold it; else go on.
        hold: bool,
    },
    /// Delete the records before an offset, which were committed a while ago.
    Trim {
        /// The retry topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// The first that stays.
        before: i64,
    },
    /// Say where a partition ends: [`Delay::ends`].
    AskEnd {
        /// The retry topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
    },
}

/// The delay service of one process.
#[derive(Debug)]
pub struct Delay {
    reading: Reading,
    targets: Targets,
    topics: Arc<dyn QueueTopics>,
    tiers: [Arc<str>; Tier::ALL.len()],
    clock: BrokerClock,
    shelves: BTreeMap<Place, Shelf>,
    /// What waits, by when it goes on.
    due: BTreeSet<(Timestamp, Place, i64)>,
    sending: HashMap<Tag, Sent>,
    sending_bytes: usize,
    next_tag: Tag,
    /// Taken before the time was known.
    unsorted: VecDeque<(Place, Record)>,
    /// The question for the time that is on its way.
    tick: Option<Tag>,
    tick_at: Millis,
    ticks: usize,
    /// What is in memory of all partitions of `soon`.
    soon: Soon,
    held: BTreeSet<Place>,
    /// Shelves whose positions may have changed.
    moved: BTreeSet<Place>,
    trim_at: Millis,
    figures: Figures,
}

impl Delay {
    /// A service that has no partition yet.
    #[must_use]
    pub fn new(config: DelayConfig) -> Self {
        let name = |tier: Tier| topic::retry(&config.namespace, tier.name()).into();
        Self {
            reading: Reading::new(&config.namespace, config.partitions, config.keys),
            tiers: Tier::ALL.map(name),
            targets: Targets {
                namespace: config.namespace,
                open: config.targets,
            },
            topics: config.topics,
            clock: BrokerClock::default(),
            shelves: BTreeMap::new(),
            due: BTreeSet::new(),
            sending: HashMap::new(),
            sending_bytes: 0,
            next_tag: 0,
            unsorted: VecDeque::new(),
            tick: None,
            tick_at: Millis(0),
            ticks: 0,
            soon: Soon::default(),
            held: BTreeSet::new(),
            moved: BTreeSet::new(),
            trim_at: Millis(0),
            figures: Figures::default(),
        }
    }

    /// The topics that it reads.
    #[must_use]
    pub const fn topics(&self) -> &[Arc<str>] {
        &self.tiers
    }

    /// These partitions of retry topics came; they are read from where the group stands.
    pub fn assigned(&mut self, places: &[(Arc<str>, i32)]) {
        for (topic, partition) in places {
            if let Some(place) = self.place(topic, *partition) {
                self.forget_place(place);
                self.shelves.insert(place, Shelf::default());
                self.soon.shelves += usize::from(place.tier == Tier::Soon);
            }
        }
    }

    /// These will go: nothing more is sent from them. Once [`Self::has_left`], they can be forgotten.
    pub fn leave(&mut self, places: &[(Arc<str>, i32)]) {
        for (topic, partition) in places {
            let place = self.place(topic, *partition);
            if let Some(shelf) = place.and_then(|place| self.shelves.get_mut(&place)) {
                shelf.leaving = true;
            }
        }
        let shelves = &self.shelves;
        let stays = |place: &Place| shelves.get(place).is_some_and(|shelf| !shelf.leaving);
        self.due.retain(|(_, place, _)| stays(place));
        self.unsorted.retain(|(place, _)| stays(place));
    }

    /// Whether nothing of the partitions that leave is on its way any more.
    #[must_use]
    pub fn has_left(&self) -> bool {
        let is_left = |shelf: &Shelf| !shelf.leaving || shelf.sent == 0;
        self.shelves.values().all(is_left)
    }

    /// These are gone: whoever has them reads them from the last commit.
    pub fn forget(&mut self, places: &[(Arc<str>, i32)]) {
        for (topic, partition) in places {
            if let Some(place) = self.place(topic, *partition) {
                self.forget_place(place);
            }
        }
    }

    /// Takes a record of a retry topic.
    pub fn take(&mut self, record: Record, now: Now) {
        let Some(place) = self.place(&record.topic, record.partition) else {
            return;
        };
        if self.shelves.get(&place).is_none_or(|shelf| shelf.leaving) {
            return;
        }
        match self.clock.time(now.monotonic) {
            Some(time) => self.sort(place, record, time),
            None => {
                self.unsorted.push_back((place, record));
                if self.is_full(place) {
                    self.held.insert(place);
                }
            }
        }
    }

    /// Says what is to be done now, and when to be called again if nothing happens before.
    pub fn step(&mut self, now: Now) -> (Vec<Order>, Option<Millis>) {
        let mut orders = Vec::new();
        self.ask_time(now.monotonic, &mut orders);
        if let Some(time) = self.clock.time(now.monotonic) {
            while let Some((place, record)) = self.unsorted.pop_front() {
                self.sort(place, record, time);
            }
            self.send_due(time, now.monotonic, &mut orders);
        }
        self.say_positions(&mut orders);
        self.hold_or_resume(&mut orders);
        self.trim(now.monotonic, &mut orders);
        (orders, self.next_turn(now.monotonic))
    }

    /// Takes how a sending went: when the log appended the record, if it says so.
    pub fn sent(&mut self, tag: Tag, outcome: Result<Option<Timestamp>, SendError>, now: Now) {
        let Some(sent) = self.sending.remove(&tag) else {
            return;
        };
        self.sending_bytes -= sent.bytes;
        if self.tick == Some(tag) {
            self.tick = None;
            // A topic that keeps its senders' clocks tells no time: then the own one must do.
            let time = outcome.map(|at| at.unwrap_or(now.wall));
            match time {
                Ok(time) => self.clock.reported(sent.at, time, now.monotonic),
                Err(_) => self.tick_at = Millis(now.monotonic.0 + TICK_AGAIN_AFTER.0),
            }
            return;
        }
        match outcome {
            Ok(appended_at) => {
                if let Some(appended_at) = appended_at {
                    self.clock.reported(sent.at, appended_at, now.monotonic);
                }
                self.arrived(tag, &sent, appended_at);
            }
            Err(error) => self.failed(tag, &sent, &error, now.monotonic),
        }
    }

    /// A partition ends there, says the log.
    pub fn ends(&mut self, topic: &str, partition: i32, end: i64) {
        let place = self.place(topic, partition);
        if let Some(shelf) = place.and_then(|place| self.shelves.get_mut(&place)) {
            shelf.end = end;
        }
    }

    /// How each tier is doing, for metrics and people.
    #[must_use]
    pub fn status(&self) -> Vec<TierStatus> {
        let of = |tier: Tier| {
            let shelves = self
                .shelves
                .iter()
                .filter(move |(place, _)| place.tier == tier);
            let mut status = self.figures.of(tier);
            for (_, shelf) in shelves {
                status.partitions += 1;
                status.waiting += shelf.waiting();
                status.bytes += shelf.bytes();
            }
            status
        };
        Tier::ALL.into_iter().map(of).collect()
    }

    fn place(&self, topic: &str, partition: i32) -> Option<Place> {
        let tier = Tier::ALL
            .into_iter()
            .zip(&self.tiers)
            .find(|(_, name)| &***name == topic)?
            .0;
        Some(Place { tier, partition })
    }

    fn topic(&self, tier: Tier) -> Arc<str> {
        self.tiers[tier as usize].clone()
    }

    fn forget_place(&mut self, place: Place) {
        if let Some(shelf) = self.shelves.remove(&place) {
            if place.tier == Tier::Soon {
                self.soon.shelves -= 1;
                self.soon.less(shelf.len(), shelf.bytes());
            }
            self.due.retain(|(_, of, _)| *of != place);
            self.unsorted.retain(|(of, _)| *of != place);
            self.held.remove(&place);
            self.moved.remove(&place);
        }
    }

    /// Puts a record where it waits.
    fn sort(&mut self, place: Place, record: Record, time: Timestamp) {
        let Some(shelf) = self.shelves.get_mut(&place) else {
            return;
        };
        let offset = record.offset;
        if shelf.next.is_some_and(|next| offset < next) {
            tracing::warn!(topic = %record.topic, partition = record.partition, "a retry topic was made anew");
            self.due.retain(|(_, of, _)| *of != place);
            let gone = std::mem::take(shelf);
            // Whoever reads it does not know.
            shelf.held = gone.held;
            if place.tier == Tier::Soon {
                self.soon.less(gone.len(), gone.bytes());
            }
        }
        let bound = Bound::of(&record, time, &self.reading, &self.targets);
        let due = shelf::leaves_at(place.tier, &record, &bound, time);
        if place.tier == Tier::Soon {
            self.soon.records += 1;
            self.soon.bytes += record.size();
        }
        shelf.put(Entry::new(bound, record));
        self.due.insert((due, place, offset));
        if self.is_full(place) {
            self.held.insert(place);
        }
    }

    fn say_positions(&mut self, orders: &mut Vec<Order>) {
        for place in std::mem::take(&mut self.moved) {
            let topic = self.topic(place.tier);
            let shelf = self.shelves.get_mut(&place);
            if let Some(next) = shelf.and_then(Shelf::moved_to) {
                orders.push(Order::Commit {
                    topic,
                    partition: place.partition,
                    next,
                });
            }
        }
    }

    /// What was committed one round ago is deleted; where a partition is not read on, it is asked how much waits.
    fn trim(&mut self, now: Millis, orders: &mut Vec<Order>) {
        if now < self.trim_at {
            return;
        }
        self.trim_at = Millis(now.0 + TRIM_EVERY.0);
        for (place, shelf) in &mut self.shelves {
            let (topic, partition) = (&self.tiers[place.tier as usize], place.partition);
            if let Some(before) = shelf.next_trim() {
                orders.push(Order::Trim {
                    topic: topic.clone(),
                    partition,
                    before,
                });
            }
            if shelf.held {
                orders.push(Order::AskEnd {
                    topic: topic.clone(),
                    partition,
                });
            }
        }
    }

    fn next_turn(&self, now: Millis) -> Option<Millis> {
        let until = |at: Millis| Millis(at.0.saturating_sub(now.0).max(1));
        let trim = self
            .shelves
            .values()
            .any(|shelf| shelf.may_trim() || shelf.held)
            .then(|| until(self.trim_at));
        let tick = self.time_to_ask(now).map(until);
        let due = self.clock.time(now).and_then(|time| {
            let (due, ..) = self.due.first().filter(|_| self.may_send())?;
            Some(due.since(time).max(Millis(1)))
        });
        [trim, tick, due].into_iter().flatten().min()
    }

    /// When the time is to be asked for next, if it is: before anything is sorted, and while anything waits.
    fn time_to_ask(&self, now: Millis) -> Option<Millis> {
        let wants =
            !self.shelves.is_empty() && (self.clock.time(now).is_none() || !self.due.is_empty());
        (wants && self.tick.is_none()).then(|| self.clock.stale_at().max(self.tick_at))
    }

    fn ask_time(&mut self, now: Millis, orders: &mut Vec<Order>) {
        if self.time_to_ask(now).is_none_or(|at| now < at) {
            return;
        }
        // Another partition each time: one that is away must not be the only one that is asked.
        let at = self.ticks % self.shelves.len();
        let Some(place) = self.shelves.keys().nth(at).copied() else {
            return;
        };
        self.ticks += 1;
        self.next_tag += 1;
        let record = forward::tick(self.topic(place.tier), place.partition, &self.reading.keys);
        self.tick = Some(self.next_tag);
        let sent = Sent::tick(place, now);
        self.sending.insert(self.next_tag, sent);
        orders.push(Order::Send {
            tag: self.next_tag,
            record,
        });
    }
}
