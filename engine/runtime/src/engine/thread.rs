//! A lane thread: serves the partitions that it was given, one turn after the other.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    time::Duration,
};

use sagaline_core::{Millis, RunId};
use sagaline_journal::{
    Error, LanePort, PortEvent,
    kafka::{Kafka, KafkaLane, LaneTopics, LeaseHandle},
};

use super::watch::{Statuses, ThreadWatch, WatchedWorkflows};
use crate::{
    Workflows, clock,
    lane::{Lane, LaneShared, Stage},
};

/// How long a thread waits at most before it looks for orders.
const TURN_MAX: Duration = Duration::from_millis(50);

/// How often statuses are published.
const STATUS_EVERY: Millis = Millis(200);

/// What the supervisor asks of a lane thread.
#[derive(Debug)]
pub(super) enum Order {
    /// Try to own a partition. The run, if any, is parked without being activated.
    Take(i32, Option<RunId>),
    /// Hand over a partition, then say so.
    Release(i32, mpsc::Sender<()>),
    /// Leave everything at once.
    End,
}

/// A lane thread as the supervisor sees it.
#[derive(Debug)]
pub(super) struct LaneThread {
    orders: mpsc::Sender<Order>,
    pub(super) watch: Arc<ThreadWatch>,
}

/// What a lane thread is made with.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) kafka: &'a Kafka,
    pub(super) topics: &'a LaneTopics,
    pub(super) lease: LeaseHandle,
    pub(super) shared: Arc<LaneShared>,
    pub(super) statuses: Arc<Statuses>,
    /// The thread's number: no two of a process have the same.
    pub(super) number: u64,
}

impl LaneThread {
    pub(super) fn start(parts: Parts<'_>, workflows: Arc<dyn Workflows>) -> Result<Self, Error> {
        let port = KafkaLane::open(parts.kafka, parts.topics.clone(), parts.lease)?;
        let watch = Arc::new(ThreadWatch::default());
        watch.beat();
        let (orders, receiver) = mpsc::channel();
        let mut thread = Thread {
            port,
            workflows: Arc::new(WatchedWorkflows {
                workflows,
                watch: watch.clone(),
            }),
            watch: watch.clone(),
            shared: parts.shared,
            statuses: parts.statuses,
            lanes: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_tags: parts.number << 56,
            next_status: Millis(0),
        };
        std::thread::Builder::new()
            .name(format!("sagaline-lane-{}", parts.number))
            .spawn(move || {
                thread.run(&receiver);
                thread.watch.end();
            })
            .map_err(|error| {
                Error::new(
                    sagaline_journal::ErrorKind::Unavailable,
                    "thread",
                    format!("no thread for lanes: {error}"),
                )
            })?;
        Ok(Self { orders, watch })
    }

    /// Gives an order. A thread that is gone has no lanes left to obey.
    pub(super) fn order(&self, order: Order) {
        drop(self.orders.send(order));
    }
}

impl Drop for LaneThread {
    fn drop(&mut self) {
        self.order(Order::End);
    }
}

struct Thread {
    port: KafkaLane,
    workflows: Arc<dyn Workflows>,
    watch: Arc<ThreadWatch>,
    shared: Arc<LaneShared>,
    statuses: Arc<Statuses>,
    lanes: BTreeMap<i32, Lane>,
    /// Who wants to know when a partition is handed over.
    waiting: BTreeMap<i32, mpsc::Sender<()>>,
    next_tags: u64,
    next_status: Millis,
}

impl Thread {
    fn run(&mut self, orders: &mpsc::Receiver<Order>) {
        let mut events = Vec::new();
        let mut wait = TURN_MAX;
        loop {
            self.watch.beat();
            loop {
                match orders.try_recv() {
                    Ok(Order::End) | Err(mpsc::TryRecvError::Disconnected) => return,
                    Ok(order) => self.obey(order),
                    Err(mpsc::TryRecvError::Empty) => break,
                }
            }
            self.port.poll(wait, &mut events);
            wait = self.turn(&mut events);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Take(partition, suspect) => {
                // Tags of one lane never meet those of another: 2^32 of them each.
                self.next_tags += 1 << 32;
                let lane = Lane::new(
                    partition,
                    self.shared.clone(),
                    self.workflows.clone(),
                    self.next_tags,
                    suspect,
                );
                if self.lanes.insert(partition, lane).is_some() {
                    self.port.release(partition);
                }
            }
            Order::Release(partition, done) => match self.lanes.get_mut(&partition) {
                Some(lane) => {
                    lane.stop();
                    self.waiting.insert(partition, done);
                }
                None => {
                    let _ = done.send(());
                }
            },
            Order::End => {}
        }
    }

    fn turn(&mut self, events: &mut Vec<PortEvent>) -> Duration {
        let now = clock::now();
        for event in events.drain(..) {
            if let Some(lane) = self.lanes.get_mut(&event.partition()) {
                lane.handle(event, now, &mut self.port);
            }
        }
        let mut wait = TURN_MAX;
        let mut over = Vec::new();
        let publish = now.monotonic >= self.next_status;
        for (partition, lane) in &mut self.lanes {
            let next = lane.step(now, &mut self.port);
            if let Some(next) = next {
                wait = wait.min(Duration::from_millis(next.0));
            }
            if lane.is_over() {
                over.push(*partition);
            }
            if publish {
                self.statuses.put(lane.status());
            }
        }
        if publish {
            self.next_status = Millis(now.monotonic.0 + STATUS_EVERY.0);
        }
        for partition in over {
            self.lane_is_over(partition);
        }
        wait
    }

    /// A lane that handed over is gone; one that failed stays to be seen, unless it was to be released.
    fn lane_is_over(&mut self, partition: i32) {
        let stopped = self
            .lanes
            .get(&partition)
            .is_some_and(|lane| lane.status().stage == Stage::Stopped);
        let waiting = self.waiting.remove(&partition);
        if stopped || waiting.is_some() {
            self.lanes.remove(&partition);
            self.port.release(partition);
            self.statuses.remove(partition);
        }
        if let Some(done) = waiting {
            let _ = done.send(());
        }
    }
}
