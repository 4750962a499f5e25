//! The delay services of the processes: their shares of the retry topics, and their way to the log and back.
//!
//! A service that does not hear that a partition was taken from it goes on forwarding: what it does is repeated by the
//! next one, and must do no harm. Deliberately absent: what a service decides; that is the real one.

mod check;
mod strangers;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::{
    NewRecord, Record, SendError, SendErrorKind, Tag,
    wire::{ce_type, header, topic},
};
use sagaline_runtime::{
    Keys,
    delay::{Delay, DelayConfig, Order, Tier},
    lane::Now,
};

pub(crate) use self::check::Delayed;
use crate::{
    Violation,
    event::Event,
    inputs::MARK,
    log::NAMESPACE,
    plant::Bug,
    time::{Moment, Span},
    world::World,
};

/// The topic of strangers that takes delayed records.
pub(crate) const MAIL: &str = "mail";

/// Its partitions.
pub(crate) const MAIL_PARTITIONS: i32 = 2;

/// A partition of a retry topic.
pub(crate) type Spot = (Arc<str>, i32);

/// One service in one life of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DelayKey(u64);

/// All services, and what the coordinator of their group knows.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    services: BTreeMap<DelayKey, Service>,
    made: u64,
    holders: BTreeMap<Spot, Option<DelayKey>>,
    committed: BTreeMap<Spot, i64>,
    pub(crate) check: Delayed,
}

/// One process's service.
#[derive(Debug)]
struct Service {
    node: usize,
    delay: Delay,
    reads: BTreeMap<Spot, Read>,
    /// Counts turns: a turn that was scheduled before another happened is dropped.
    turn: u64,
    /// Its thread stands still until then.
    frozen_until: Moment,
}

/// What a service reads of a partition.
#[derive(Debug, Default)]
struct Read {
    next: i64,
    held: bool,
    /// Records are on their way.
    arriving: bool,
}

/// Something that happens to a service.
#[derive(Debug)]
pub(crate) enum DelayEvent {
    /// It is called although nothing came.
    Turn(u64),
    /// A sending came back.
    Sent(Tag, Result<Option<Timestamp>, SendError>),
    /// Records of a partition reach it.
    Arrive(Spot),
    /// It hears that it has a partition, that it shall let go of it, that it is gone.
    Assigned(Spot),
    Leave(Spot),
    Gone(Spot),
    /// A commit of its reaches the coordinator.
    Commit(Spot, i64),
}

/// A record that a service sends.
#[derive(Debug)]
pub(crate) struct Relay {
    key: DelayKey,
    tag: Tag,
    record: NewRecord,
    lands: bool,
    told: Result<(), SendError>,
}

impl World {
    /// A process starts: so does its service.
    pub(crate) fn start_delay(&mut self, node: usize) {
        self.delays.made += 1;
        let config = DelayConfig {
            namespace: NAMESPACE.into(),
            partitions: self.partitions,
            keys: Keys::development(),
            targets: BTreeSet::from([MAIL.into()]),
            topics: self.queue_topics.clone(),
        };
        let service = Service {
            node,
            delay: Delay::new(config),
            reads: BTreeMap::new(),
            turn: 0,
            frozen_until: Moment::default(),
        };
        let key = DelayKey(self.delays.made);
        self.delays.services.insert(key, service);
    }

    /// A process is gone; what its producer had sent may land still.
    pub(crate) fn crash_delay(&mut self, node: usize) {
        self.delays
            .services
            .retain(|_, service| service.node != node);
    }

    /// A process stands still.
    pub(crate) fn freeze_delay(&mut self, node: usize, until: Moment) {
        let of_node = self.delays.services.values_mut();
        for service in of_node.filter(|service| service.node == node) {
            service.frozen_until = service.frozen_until.max(until);
        }
    }

    /// Gives the retry topics' partitions to the services that live; now and then some change hands without need.
    pub(crate) fn rebalance_delays(&mut self) {
        let living: Vec<DelayKey> = self.delays.services.keys().copied().collect();
        let shuffles = !self.healed && self.rng.percent(40);
        for tier in Tier::ALL {
            let name: Arc<str> = topic::retry(NAMESPACE, tier.name()).into();
            for partition in 0..self.partitions {
                let spot = (name.clone(), partition);
                let old = self.delays.holders.get(&spot).copied().flatten();
                let lives = old.is_some_and(|key| living.contains(&key));
                if living.is_empty() || (lives && !(shuffles && self.rng.percent(50))) {
                    continue;
                }
                let new = *self.rng.pick(&living);
                if old == Some(new) {
                    continue;
                }
                self.delays.holders.insert(spot.clone(), Some(new));
                if let Some(old) = old {
                    self.take_away(old, spot.clone());
                }
                let after = self.rng.delay(Span::millis(200));
                self.push(after, event(new, DelayEvent::Assigned(spot)));
            }
        }
    }

    fn take_away(&mut self, old: DelayKey, spot: Spot) {
        let after = if self.rng.ppm(self.faults.deaf) {
            Span::millis(self.rng.between(2_000, 20_000))
        } else {
            self.rng.delay(Span::millis(100))
        };
        if self.rng.percent(50) {
            self.push(after, event(old, DelayEvent::Leave(spot.clone())));
        }
        let after = after + self.rng.delay(Span::millis(300));
        self.push(after, event(old, DelayEvent::Gone(spot)));
    }

    /// Something happens to a service.
    pub(crate) fn delay(&mut self, key: DelayKey, what: DelayEvent) -> Result<(), Violation> {
        let Some(service) = self.delays.services.get_mut(&key) else {
            return Ok(());
        };
        if service.frozen_until > self.now {
            let at = service.frozen_until;
            self.schedule.push(at, event(key, what));
            return Ok(());
        }
        let monotonic = self.nodes[service.node].monotonic(self.now);
        // It is not to believe its wall clock in anything.
        let wall = self
            .now
            .wall(self.rng.between(0, 7_200_000_000).cast_signed() - 3_600_000_000);
        let now = Now { wall, monotonic };
        match what {
            DelayEvent::Turn(turn) if turn != service.turn => return Ok(()),
            DelayEvent::Turn(_) => {}
            DelayEvent::Sent(tag, outcome) => service.delay.sent(tag, outcome, now),
            DelayEvent::Arrive(spot) => self.arrive_delayed(key, &spot, now),
            DelayEvent::Assigned(spot) => self.assign_delay(key, spot),
            // What it hears of a share that it has again is out of date.
            DelayEvent::Leave(spot) | DelayEvent::Gone(spot)
                if self.delays.holders.get(&spot) == Some(&Some(key)) => {}
            DelayEvent::Leave(spot) => service.delay.leave(&[spot]),
            DelayEvent::Gone(spot) => {
                service.reads.remove(&spot);
                service.delay.forget(&[spot]);
            }
            DelayEvent::Commit(spot, next) => {
                if self.delays.holders.get(&spot) == Some(&Some(key)) {
                    self.delays.committed.insert(spot, next);
                }
                return Ok(());
            }
        }
        self.delay_turn(key, now)
    }

    fn delay_turn(&mut self, key: DelayKey, now: Now) -> Result<(), Violation> {
        let Some(service) = self.delays.services.get_mut(&key) else {
            return Ok(());
        };
        let (orders, next) = service.delay.step(now);
        service.turn += 1;
        let turn = service.turn;
        if let Some(next) = next {
            let after = Span::millis(next.0) + Span(self.rng.below(500));
            self.push(after, event(key, DelayEvent::Turn(turn)));
        }
        for order in orders {
            match order {
                Order::Send { tag, record } => self.relay(key, tag, record),
                Order::Commit {
                    topic,
                    partition,
                    next,
                } => {
                    let commit = DelayEvent::Commit((topic, partition), next);
                    let after = self.rng.delay(Span::millis(5));
                    // A commit is lost as an answer is.
                    if !self.rng.ppm(self.faults.effect_failed) {
                        self.push(after, event(key, commit));
                    }
                }
                Order::Hold {
                    topic,
                    partition,
                    hold,
                } => self.hold_delayed(key, (topic, partition), hold),
                Order::Trim {
                    topic,
                    partition,
                    before,
                } => self.log.trim(&topic, partition, before),
                Order::AskEnd { .. } => {}
            }
        }
        self.make_topics();
        Ok(())
    }

    fn relay(&mut self, key: DelayKey, tag: Tag, record: NewRecord) {
        let mut after = self.rng.delay(Span::millis(2));
        let failed = |kind| {
            Err(SendError {
                kind,
                reason: "simulated".into(),
            })
        };
        let is_foreign = &*record.topic == MAIL;
        let (lands, told) = if !self.log.has(&record.topic, record.partition) {
            (false, failed(SendErrorKind::Missing))
        } else if self.rng.ppm(self.faults.effect_failed) {
            (false, failed(SendErrorKind::Unavailable))
        } else if self.rng.ppm(self.faults.effect_unknown) {
            after = after + Span::millis(self.rng.below(5_000));
            (true, failed(SendErrorKind::Unavailable))
        } else if is_foreign && self.rng.ppm(self.faults.task_refused) {
            (false, failed(SendErrorKind::Refused))
        } else {
            (true, Ok(()))
        };
        let relay = Relay {
            key,
            tag,
            record,
            lands,
            told,
        };
        self.push(after, Event::Relay(relay));
    }

    /// A record of a service reaches the broker.
    pub(crate) fn relayed(&mut self, mut relay: Relay) -> Result<(), Violation> {
        let mut appended_at = None;
        if relay.lands {
            refused_mark(&mut relay.record);
            // The topic may have gone meanwhile.
            if let Some(record) = self.produce(&relay.record) {
                appended_at = Some(record.timestamp);
                self.delays.check.landed(&record, &self.topics.inbox)?;
            } else {
                relay.told = Err(SendError {
                    kind: SendErrorKind::Missing,
                    reason: "simulated".into(),
                });
            }
        }
        if self.has(Bug::TimeTooLate) {
            appended_at = appended_at.map(|at| at.plus(Millis(1_000)));
        }
        let outcome = relay.told.map(|()| appended_at);
        let after = self.rng.delay(Span::millis(1));
        self.push(
            after,
            event(relay.key, DelayEvent::Sent(relay.tag, outcome)),
        );
        Ok(())
    }

    fn assign_delay(&mut self, key: DelayKey, spot: Spot) {
        if self.delays.holders.get(&spot) != Some(&Some(key)) {
            return;
        }
        let next = self.delays.committed.get(&spot).copied().unwrap_or(0);
        if let Some(service) = self.delays.services.get_mut(&key) {
            let read = Read {
                next,
                ..Read::default()
            };
            service.reads.insert(spot.clone(), read);
            service.delay.assigned(std::slice::from_ref(&spot));
        }
        self.expect_delayed(key, &spot);
    }

    fn hold_delayed(&mut self, key: DelayKey, spot: Spot, hold: bool) {
        let service = self.delays.services.get_mut(&key);
        if let Some(read) = service.and_then(|service| service.reads.get_mut(&spot)) {
            read.held = hold;
            self.expect_delayed(key, &spot);
        }
    }

    /// A record is in a retry topic: its readers will hear of it.
    pub(crate) fn wake_delays(&mut self, record: &Record) {
        let spot = (record.topic.clone(), record.partition);
        let has = |service: &Service| service.reads.contains_key(&spot);
        let readers = self.delays.services.iter();
        let readers: Vec<DelayKey> = readers
            .filter(|(_, service)| has(service))
            .map(|(key, _)| *key)
            .collect();
        for key in readers {
            self.expect_delayed(key, &spot);
        }
    }

    fn expect_delayed(&mut self, key: DelayKey, spot: &Spot) {
        let service = self.delays.services.get_mut(&key);
        let Some(read) = service.and_then(|service| service.reads.get_mut(spot)) else {
            return;
        };
        if read.held || read.arriving || self.log.end(&spot.0, spot.1) == read.next {
            return;
        }
        read.arriving = true;
        let mut after = self.rng.delay(Span::millis(2));
        if self.rng.ppm(self.faults.fetch_slow) {
            after = after + Span::millis(self.rng.between(100, 8_000));
        }
        self.push(after, event(key, DelayEvent::Arrive(spot.clone())));
    }

    fn arrive_delayed(&mut self, key: DelayKey, spot: &Spot, now: Now) {
        let service = self.delays.services.get_mut(&key);
        let Some(service) = service else { return };
        let Some(read) = service.reads.get_mut(spot) else {
            return;
        };
        read.arriving = false;
        let end = self.log.end(&spot.0, spot.1);
        if read.next > end {
            // The topic was made anew: the client begins at its beginning.
            read.next = 0;
        }
        let most = *self.rng.pick(&[1, 3, 50, 1_000]);
        let from = read.next;
        read.next = end.min(from + most);
        let records = self.log.range(&spot.0, spot.1, from, read.next);
        for record in records.cloned() {
            service.delay.take(record, now);
        }
        self.expect_delayed(key, spot);
    }

    /// A retry topic is deleted by somebody, with all that waits in it. Whoever misses it makes it again.
    pub(crate) fn lose_retry_topic(&mut self) {
        if self.healed {
            return;
        }
        let tier = *self.rng.pick(&Tier::ALL);
        let name = topic::retry(NAMESPACE, tier.name());
        self.log.remove(&name);
        self.queue_topics.gone(&name);
        // Clients tell a topic that was made anew by its id, also where it is as long as the old one was.
        let services = self.delays.services.values_mut();
        let reads = services.flat_map(|service| &mut service.reads);
        for (_, read) in reads.filter(|((topic, _), _)| **topic == *name) {
            read.next = i64::MAX;
        }
        self.delays
            .committed
            .retain(|(topic, _), _| **topic != *name);
        self.delays.check.may_be_lost();
        let after = self.rng.delay(self.faults.retry_lost_every);
        self.push(after, Event::RetryTopicLost);
    }
}

fn event(key: DelayKey, what: DelayEvent) -> Event {
    Event::Delay { key, what }
}

/// A refused record is known by the number that its sender gave it.
fn refused_mark(record: &mut NewRecord) {
    if record.headers.get(header::FORWARDED) == Some(ce_type::REFUSED.as_bytes()) {
        let id = record.headers.get(header::CE_ID).map(<[u8]>::to_vec);
        record.push_header(MARK, id.unwrap_or_default());
    }
}
