//! Inbox partitions that somebody added after the first claim fixed their number: they have no journal. Whoever holds
//! their lease forwards what lies there, each record to the partition that its key belongs to.
//!
//! ```text
//! position: committed by the group ─▶ read ─▶ forward, all acknowledged ─▶ commit
//! ```
//! Invariant: a position is told to the group only when everything before it was acknowledged. What is forwarded twice is
//! dropped where it arrives, by its identity.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use sagaline_core::Millis;
use sagaline_journal::{
    Error, ErrorKind, NewRecord,
    kafka::{Group, Kafka, LaneTopics, Producer, Reader},
};

use super::watch::lock;
use crate::{clock, lane::LaneShared};

/// Most records that are forwarded at once, and none after so many bytes.
const RECORDS_MAX: usize = 1_000;
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// How often partitions that were read to their end are looked at.
const TURN: Duration = Duration::from_millis(500);

/// Pause after a failure.
const RETRY_AFTER: Millis = Millis(1_000);

/// The extra partitions that this process holds.
#[derive(Debug)]
pub(super) struct Strays {
    kafka: Kafka,
    topics: LaneTopics,
    shared: Arc<LaneShared>,
    held: BTreeSet<i32>,
    positions: Arc<Mutex<BTreeMap<i32, i64>>>,
    /// The thread's orders, once there was anything to do for it.
    orders: Option<mpsc::Sender<Order>>,
}

#[derive(Debug)]
enum Order {
    Take(i32),
    Release(i32, mpsc::Sender<()>),
}

impl Strays {
    pub(super) fn new(kafka: Kafka, topics: LaneTopics, shared: Arc<LaneShared>) -> Self {
        Self {
            kafka,
            topics,
            shared,
            held: BTreeSet::new(),
            positions: Arc::default(),
            orders: None,
        }
    }

    /// Begins to forward what lies in a partition.
    pub(super) fn take(&mut self, partition: i32) -> Result<(), Error> {
        tracing::warn!(
            partition,
            "the inbox has more partitions than its journal; what lies in this one is forwarded"
        );
        let orders = match &self.orders {
            Some(orders) => orders,
            None => self.orders.insert(self.start()?),
        };
        self.held.insert(partition);
        lock(&self.positions).remove(&partition);
        // A thread that is gone has panicked, and the log says where; the group's lag shows it.
        drop(orders.send(Order::Take(partition)));
        Ok(())
    }

    /// Ends it; `done` is told, or dropped, once nothing of it is on its way. Says whether the partition was held.
    pub(super) fn release(&mut self, partition: i32, done: &mpsc::Sender<()>) -> bool {
        let held = self.held.remove(&partition);
        if held && let Some(orders) = &self.orders {
            drop(orders.send(Order::Release(partition, done.clone())));
        }
        held
    }

    /// The partitions held.
    pub(super) fn held(&self) -> impl Iterator<Item = i32> {
        self.held.iter().copied()
    }

    /// How far each is forwarded, those included that were just released.
    pub(super) fn positions(&self) -> Vec<(i32, i64)> {
        let positions = lock(&self.positions);
        positions.iter().map(|(at, next)| (*at, *next)).collect()
    }

    /// Drops the positions of partitions that were released, once they are committed.
    pub(super) fn forget_released(&self) {
        lock(&self.positions).retain(|partition, _| self.held.contains(partition));
    }

    fn start(&self) -> Result<mpsc::Sender<Order>, Error> {
        let mut forwarder = Forwarder {
            reader: Reader::open_committed(&self.kafka)?,
            producer: Producer::open(&self.kafka)?,
            group: Group::open(&self.kafka, &self.topics.group)?,
            inbox: self.topics.inbox.clone(),
            shared: self.shared.clone(),
            partitions: BTreeMap::new(),
            positions: self.positions.clone(),
        };
        let (orders, ordered) = mpsc::channel();
        std::thread::Builder::new()
            .name("sagaline-strays".to_owned())
            .spawn(move || forwarder.run(&ordered))
            .map_err(|error| {
                let message = format!("no thread for forwards: {error}");
                Error::new(ErrorKind::Unavailable, "thread", message)
            })?;
        Ok(orders)
    }
}

struct Forwarder {
    reader: Reader,
    producer: Producer,
    group: Group,
    inbox: Arc<str>,
    shared: Arc<LaneShared>,
    partitions: BTreeMap<i32, Progress>,
    positions: Arc<Mutex<BTreeMap<i32, i64>>>,
}

/// How far a partition is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The next record; `None` until the group was asked.
    next: Option<i64>,
    /// After a failure: not before then.
    not_before: Millis,
    /// The last try failed, and the log says why.
    failed: bool,
}

impl Forwarder {
    /// Until the engine is gone.
    fn run(&mut self, orders: &mpsc::Receiver<Order>) {
        let mut wait = Duration::ZERO;
        loop {
            match orders.recv_timeout(wait) {
                Ok(Order::Take(partition)) => {
                    self.partitions.insert(partition, Progress::default());
                }
                Ok(Order::Release(partition, done)) => {
                    self.partitions.remove(&partition);
                    // Nobody waits for it any more when it took too long.
                    let _ = done.send(());
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    wait = if self.turn() { Duration::ZERO } else { TURN };
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Forwards from each partition; says whether there may be more.
    fn turn(&mut self) -> bool {
        let mut more = false;
        let now = clock::monotonic();
        let mut partitions = std::mem::take(&mut self.partitions);
        for (partition, progress) in &mut partitions {
            if now < progress.not_before {
                continue;
            }
            match self.forward_from(*partition, progress.next) {
                Ok((next, is_end)) => {
                    more |= !is_end;
                    progress.next = Some(next);
                    progress.failed = false;
                    lock(&self.positions).insert(*partition, next);
                }
                Err(error) => {
                    if !std::mem::replace(&mut progress.failed, true) {
                        tracing::warn!(partition, %error, "an extra inbox partition is not forwarded; trying again");
                    }
                    progress.not_before = Millis(clock::monotonic().0 + RETRY_AFTER.0);
                    // What the group says may lie before what is there, or behind it.
                    if error.kind() == ErrorKind::NotFound {
                        progress.next = None;
                    }
                }
            }
        }
        self.partitions = partitions;
        more
    }

    /// Forwards some records; says where the next is, and whether that was the end.
    fn forward_from(&self, partition: i32, from: Option<i64>) -> Result<(i64, bool), Error> {
        let from = match from {
            Some(from) => from,
            None => self.position_of_group(partition)?,
        };
        let (mut records, mut bytes) = (Vec::new(), 0);
        let mut is_end = true;
        let next = self
            .reader
            .read(&self.inbox, partition, from, None, |record| {
                bytes += record.size();
                records.push(self.shared.reading.stray(record));
                if records.len() < RECORDS_MAX && bytes < BYTES_MAX {
                    return ControlFlow::Continue(());
                }
                is_end = false;
                ControlFlow::Break(())
            })?;
        self.forward(records)?;
        Ok((next, is_end))
    }

    fn forward(&self, records: Vec<NewRecord>) -> Result<(), Error> {
        // What would be too large was cut; what the topic still refuses waits until its settings are mended.
        let sent = self.producer.send_all_blocking(records);
        sent.into_iter().try_for_each(|sent| sent.map(drop))
    }

    /// Where the group stands; at the beginning, when nothing was ever forwarded or its offset has no record any more.
    fn position_of_group(&self, partition: i32) -> Result<i64, Error> {
        let committed = self.group.committed(&self.inbox, &[partition])?;
        let there = self.reader.beginning(&self.inbox, partition)?
            ..=self.reader.end(&self.inbox, partition)?;
        let committed = committed.into_iter().next().flatten();
        Ok(committed
            .filter(|next| there.contains(next))
            .unwrap_or(*there.start()))
    }
}
