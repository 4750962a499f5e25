//! The load generator: keeps N sagas open, starts another for each that closes, and measures from start to reply.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::BorrowedMessage,
    producer::{BaseProducer, BaseRecord},
};
use sagaline_journal::wire::{partition_of, topic};

use super::{child::Children, contender::Contender};
use crate::{clock, kafka, kafka::PARTITIONS};

/// How long the first sagas may take: processes start and groups form.
const FIRST_MAX: Duration = Duration::from_secs(60);
/// How long the last sagas may take.
const LAST_MAX: Duration = Duration::from_secs(20);

const CHECK_EVERY: Duration = Duration::from_millis(500);
const POLL_MAX: Duration = Duration::from_millis(100);
/// The longest wait for a reply while sagas are started at a rate.
const STEADY_POLL: Duration = Duration::from_millis(2);

/// The sagas of one run.
pub(crate) struct Load {
    contender: Contender,
    consumer: BaseConsumer,
    producer: BaseProducer,
    namespace: String,
    inbox: String,
    slots: Vec<Slot>,
    open: usize,
    closed: u64,
    restarting: bool,
    latencies: Vec<Duration>,
    checked: Instant,
}

/// A place for one open saga; its sagas follow one another.
struct Slot {
    generation: u32,
    started: Instant,
    open: bool,
}

impl Load {
    /// Starts the first sagas.
    pub(super) fn new(
        contender: Contender,
        kafka: &str,
        namespace: &str,
        open: u32,
    ) -> Result<Self> {
        let mut load = Self::idle(contender, kafka, namespace, open)?;
        load.start_all(open)?;
        Ok(load)
    }

    /// Starts none; so many may be open at a time.
    pub(crate) fn idle(
        contender: Contender,
        kafka: &str,
        namespace: &str,
        open_max: u32,
    ) -> Result<Self> {
        let consumer: BaseConsumer =
            kafka::consumer(kafka, &format!("{namespace}.load")).create()?;
        let mut replies = TopicPartitionList::new();
        replies.add_partition_offset(&topic::replies(namespace), 0, Offset::Offset(0))?;
        consumer.assign(&replies)?;
        let now = clock::now();
        Ok(Self {
            contender,
            consumer,
            producer: kafka::producer(kafka).create()?,
            namespace: namespace.to_owned(),
            inbox: topic::inbox(namespace),
            slots: (0..open_max)
                .map(|_| Slot {
                    generation: 0,
                    started: now,
                    open: false,
                })
                .collect(),
            open: 0,
            closed: 0,
            restarting: false,
            latencies: Vec::new(),
            checked: now,
        })
    }

    /// Keeps so many open from now on.
    pub(crate) fn start_all(&mut self, open: u32) -> Result<()> {
        self.restarting = true;
        for slot in 0..open as usize {
            if !self.slots.get(slot).is_some_and(|slot| slot.open) {
                self.start(slot)?;
            }
        }
        Ok(())
    }

    /// Starts so many a second for a while, however long they take.
    pub(crate) fn run_at(
        &mut self,
        per_second: u32,
        length: Duration,
        children: &mut Children,
    ) -> Result<()> {
        self.restarting = false;
        let (begun, mut started) = (clock::now(), 0);
        while begun.elapsed() < length {
            let due = (begun.elapsed().as_secs_f64() * f64::from(per_second)) as usize;
            while started < due {
                let slot = started % self.slots.len();
                if self.slots.get(slot).is_some_and(|slot| slot.open) {
                    bail!("{} sagas are open: the rate is too high", self.open);
                }
                self.start(slot)?;
                started += 1;
            }
            self.turn(STEADY_POLL, children)?;
        }
        Ok(())
    }

    /// Goes on until as many have closed as are kept open.
    pub(crate) fn run_until_all_closed_once(&mut self, children: &mut Children) -> Result<()> {
        let begun = clock::now();
        while self.closed < self.slots.len() as u64 {
            if begun.elapsed() > FIRST_MAX {
                bail!(
                    "only {} of {} sagas closed within {FIRST_MAX:?}",
                    self.closed,
                    self.slots.len()
                );
            }
            self.turn(POLL_MAX, children)?;
        }
        Ok(())
    }

    /// Goes on for a while.
    pub(crate) fn run_for(&mut self, length: Duration, children: &mut Children) -> Result<()> {
        let begun = clock::now();
        while begun.elapsed() < length {
            self.turn(POLL_MAX, children)?;
        }
        Ok(())
    }

    /// Starts no more, and waits for those that are open.
    pub(crate) fn drain(&mut self, children: &mut Children) -> Result<()> {
        self.restarting = false;
        let begun = clock::now();
        while self.open > 0 {
            if begun.elapsed() > LAST_MAX {
                bail!(
                    "{} sagas were lost: not closed {LAST_MAX:?} after the last start",
                    self.open
                );
            }
            self.turn(POLL_MAX, children)?;
        }
        Ok(())
    }

    /// Forgets what was measured.
    pub(crate) fn clear(&mut self) {
        self.latencies.clear();
    }

    /// What was measured since [`Self::clear`]: of every saga that closed.
    pub(crate) fn take_latencies(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.latencies)
    }

    /// How many have closed since the beginning.
    pub(crate) fn closed(&self) -> u64 {
        self.closed
    }

    /// Takes the replies that are there, and waits for the first.
    fn turn(&mut self, mut wait: Duration, children: &mut Children) -> Result<()> {
        loop {
            let Some(reply) = self.consumer.poll(wait) else {
                break;
            };
            let slot = closed_slot(self.contender, &reply?)?;
            if let Some((slot, generation)) = slot {
                self.close(slot, generation)?;
            }
            wait = Duration::ZERO;
            if self.open == 0 && !self.restarting {
                break;
            }
        }
        self.producer.poll(Duration::ZERO);
        if self.checked.elapsed() > CHECK_EVERY {
            self.checked = clock::now();
            children.check()?;
        }
        Ok(())
    }

    /// Replies come at least once: only the first for an open saga counts.
    fn close(&mut self, index: usize, generation: u32) -> Result<()> {
        let slot = self
            .slots
            .get_mut(index)
            .context("a reply for a saga that nobody started")?;
        if !slot.open || slot.generation != generation {
            return Ok(());
        }
        slot.open = false;
        self.open -= 1;
        self.closed += 1;
        self.latencies.push(slot.started.elapsed());
        if self.restarting {
            self.start(index)
        } else {
            Ok(())
        }
    }

    fn start(&mut self, index: usize) -> Result<()> {
        let slot = self.slots.get_mut(index).context("there is no such slot")?;
        slot.generation += 1;
        slot.open = true;
        slot.started = clock::now();
        self.open += 1;
        let saga = format!("order-{index}-{}", slot.generation);
        let input = format!(
            r#"{{"order":"{saga}","customer":"c-{index}","sku":"keyboard","quantity":2,"amount":"129.90"}}"#
        );
        let partition = partition_of(saga.as_bytes(), PARTITIONS);
        let mut record = BaseRecord::to(&self.inbox)
            .partition(partition)
            .key(saga.as_bytes())
            .payload(input.as_bytes());
        record.headers = self.contender.start_headers(&self.namespace, &saga);
        self.producer
            .send(record)
            .map_err(|(error, _)| anyhow!(error))
    }
}

/// The slot and generation in a saga's id, if the reply says that it is closed.
fn closed_slot(contender: Contender, reply: &BorrowedMessage<'_>) -> Result<Option<(usize, u32)>> {
    let Some(saga) = contender.closed(reply)? else {
        return Ok(None);
    };
    let mut parts = saga.split('-').skip(1);
    let slot = parts.next().and_then(|part| part.parse().ok());
    let generation = parts.next().and_then(|part| part.parse().ok());
    let parsed = slot.zip(generation);
    parsed
        .with_context(|| format!("a reply for {saga}, which nobody started"))
        .map(Some)
}
