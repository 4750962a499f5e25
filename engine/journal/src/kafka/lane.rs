//! The port of one lane thread: one consumer of both inputs, one producer for the journal, one for effects, and two
//! helper threads for what librdkafka answers only while its caller waits.
//!
//! ```text
//!   consumer's queues ─filled─▶ wake ◀── inbox of events ◀── reports, reads, ends, lease
//!          │                     │
//!        take                   poll          the lane thread sleeps in poll and nowhere else
//! ```
//! A partition with records to take ends one poll, not the next ones until it was taken from: a lane whose batch is in
//! flight leaves its inputs where they are and must not be kept awake by them. So it looks at every lane that can take
//! after each poll, whatever the poll returned for.
//!
//! Lanes go in rounds: while appends are on their way nothing is taken, so that the next batches grow, and effects leave
//! together when they have arrived. A round that takes long (a partition's broker is away) does not hold up the next. After
//! a large round the next one begins a little later: under load it costs nothing to wait, and fewer, larger requests do
//! more per second.

mod asker;
mod doubt;
mod inbox;
mod inputs;
mod reads;
mod reports;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use self::{
    asker::Asker,
    inbox::Inbox,
    inputs::Inputs,
    reads::{Job, Reads},
    reports::{Appends, Sends},
};
use super::{
    Kafka,
    clock::Deadline,
    config::Isolation,
    lease::LeaseHandle,
    line::{Line, Pace},
    splits::Splits,
    wake::Wake,
};
use crate::{Error, LanePort, NewRecord, PortEvent, Record, Tag, wire};

/// The names that a lane needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneTopics {
    /// Where starts, signals and the like come in.
    pub inbox: Arc<str>,
    /// Where workers answer.
    pub results: Arc<str>,
    /// What the lane appends to.
    pub journal: Arc<str>,
    /// The group of the lease. The lane does not join it, but librdkafka names it to the brokers.
    pub group: Arc<str>,
}

impl LaneTopics {
    /// The names in a namespace.
    #[must_use]
    pub fn of(namespace: &str) -> Self {
        Self {
            inbox: wire::topic::inbox(namespace).into(),
            results: wire::topic::results(namespace).into(),
            journal: wire::topic::journal(namespace).into(),
            group: wire::topic::engine_group(namespace).into(),
        }
    }
}

/// Ends a lane's poll from another thread: there is something to do that is no event of the log.
#[derive(Clone, Debug)]
pub struct LaneWaker {
    ordered: Arc<AtomicBool>,
    wake: Arc<Wake>,
}

impl LaneWaker {
    /// Ends the poll that is waiting, or the next one. Several in a row count once.
    pub fn wake(&self) {
        self.ordered.store(true, Ordering::SeqCst);
        self.wake.wake();
    }
}

/// One lane thread's connection to Kafka.
pub struct KafkaLane {
    kafka: Kafka,
    topics: LaneTopics,
    lease: LeaseHandle,
    waker: LaneWaker,
    inbox: Arc<Inbox>,
    source: Splits,
    inputs: BTreeMap<i32, Inputs>,
    lost: Vec<PortEvent>,
    journal: Line<Appends>,
    effects: Line<Sends>,
    asker: Asker,
    reads: Reads,
    /// Whether inputs may be taken until the next poll.
    open: bool,
    /// Records appended since the last poll.
    appended: usize,
    /// The next round does not begin before.
    next_round: Deadline,
}

impl KafkaLane {
    /// Makes the clients. They connect when they are first needed.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): librdkafka refuses the properties.
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): a thread could not be started.
    pub fn open(kafka: &Kafka, topics: LaneTopics, lease: LeaseHandle) -> Result<Self, Error> {
        let wake = Arc::new(Wake::default());
        let inbox = Arc::new(Inbox::new(wake.clone()));
        let config = kafka.consumer(&topics.group, Isolation::Committed);
        let source = Splits::open(&config, wake.clone())?;
        Ok(Self {
            asker: Asker::start(kafka, topics.clone(), inbox.clone())?,
            reads: Reads::start(kafka, &topics, inbox.clone())?,
            journal: Line::open(
                &kafka.producer(),
                Pace::AtOnce,
                Arc::new(Appends::new(inbox.clone())),
            )?,
            effects: Line::open(
                &kafka.producer(),
                Pace::Gathered,
                Arc::new(Sends::new(inbox.clone())),
            )?,
            kafka: kafka.clone(),
            topics,
            lease,
            waker: LaneWaker {
                ordered: Arc::new(AtomicBool::new(false)),
                wake,
            },
            inbox,
            source,
            inputs: BTreeMap::new(),
            lost: Vec::new(),
            open: true,
            appended: 0,
            next_round: Deadline::after(Duration::ZERO),
        })
    }

    /// What ends this lane's poll from another thread.
    #[must_use]
    pub fn waker(&self) -> LaneWaker {
        self.waker.clone()
    }

    /// Whether a producer has no room: then nothing more is taken, so that nothing more is sent.
    fn is_congested(&self) -> bool {
        self.journal.is_full() || self.effects.is_full()
    }

    /// Sends what was appended and sent since the last poll, and moves everything that came back to `into`. Says whether
    /// inputs may be taken where they might not before.
    fn collect(&mut self, into: &mut Vec<PortEvent>) -> bool {
        self.source.serve();
        self.replace_failed_producers();
        self.journal.flush();
        if self.appended > 0 {
            if self.appended >= ROUND_RECORDS {
                self.next_round = Deadline::after(ROUND_PAUSE);
            }
            self.appended = 0;
        }
        let round = self.journal.is_busy();
        if !round {
            self.effects.flush();
        }
        for inputs in self.inputs.values_mut() {
            inputs.settle(&mut self.lost);
        }
        into.append(&mut self.lost);
        if self.inbox.take(into) {
            self.reads.go_on();
        }
        let was_open = self.open;
        self.open = !round && !self.is_congested() && self.next_round.passed();
        self.open && !was_open
    }

    /// Only a fatal error ends a producer; what it had in flight is answered as unknown.
    fn replace_failed_producers(&mut self) {
        if let Some(reason) = self.journal.reports().failure() {
            tracing::warn!(
                reason,
                "the journal producer failed for good and is replaced"
            );
            let reports = Arc::new(Appends::new(self.inbox.clone()));
            match Line::open(&self.kafka.producer(), Pace::AtOnce, reports) {
                Ok(line) => std::mem::replace(&mut self.journal, line)
                    .reports()
                    .abandon(),
                Err(error) => tracing::warn!(%error, "the journal producer could not be replaced"),
            }
        }
        if let Some(reason) = self.effects.reports().failure() {
            tracing::warn!(
                reason,
                "the effects producer failed for good and is replaced"
            );
            let reports = Arc::new(Sends::new(self.inbox.clone()));
            match Line::open(&self.kafka.producer(), Pace::Gathered, reports) {
                Ok(line) => std::mem::replace(&mut self.effects, line)
                    .reports()
                    .abandon(&reason),
                Err(error) => tracing::warn!(%error, "the effects producer could not be replaced"),
            }
        }
    }

    /// Whether some partition has records that the lane was not told of.
    fn announce(&mut self) -> bool {
        // Every one is asked: each remembers that it was announced.
        self.open
            && self
                .inputs
                .values_mut()
                .fold(false, |news, inputs| inputs.announce() | news)
    }
}

impl LanePort for KafkaLane {
    fn fetch(&mut self, partition: i32, inbox_from: i64, results_from: i64) {
        self.stop_fetching(partition);
        let places = [
            (self.topics.inbox.clone(), partition, inbox_from),
            (self.topics.results.clone(), partition, results_from),
        ];
        match self.source.assign(&places) {
            Ok(splits) => {
                let splits = <[_; 2]>::try_from(splits).expect("one split for each of two places");
                let inputs = Inputs::new(splits, [inbox_from, results_from]);
                self.inputs.insert(partition, inputs);
            }
            Err(error) => self.lost.push(PortEvent::InputLost {
                partition,
                topic: self.topics.inbox.clone(),
                reason: error.message().to_owned(),
            }),
        }
    }

    fn release(&mut self, partition: i32) {
        self.stop_fetching(partition);
        self.reads.cancel(partition);
    }

    fn take(
        &mut self,
        partition: i32,
        records_max: usize,
        bytes_max: usize,
        into: &mut Vec<Record>,
    ) {
        if !self.open {
            return;
        }
        if let Some(inputs) = self.inputs.get_mut(&partition) {
            let from = (&self.source, &self.asker);
            inputs.take(from, (records_max, bytes_max), into, &mut self.lost);
        }
    }

    fn append(&mut self, partition: i32, tag: Tag, records: Vec<NewRecord>) {
        if records.is_empty() {
            self.inbox.push(PortEvent::Appended {
                partition,
                tag,
                reports: Vec::new(),
            });
            return;
        }
        let first_mark = self.journal.reports().open(partition, tag, records.len());
        self.appended += records.len();
        for (index, record) in records.into_iter().enumerate() {
            self.journal.send(record, first_mark + index);
        }
    }

    fn send(&mut self, partition: i32, tag: Tag, record: NewRecord) {
        let mark = self.effects.reports().open(partition, tag);
        self.effects.send(record, mark);
    }

    fn read(&mut self, topic: Arc<str>, partition: i32, tag: Tag, from: i64, to: Option<i64>) {
        self.reads.read(Job {
            topic,
            partition,
            tag,
            from,
            to,
        });
    }

    fn ends(&mut self, partition: i32, tag: Tag) {
        self.asker.ask(partition, tag);
    }

    fn prove_lease(&mut self, partition: i32, tag: Tag) {
        let inbox = self.inbox.clone();
        self.lease.prove(partition, move |held| {
            inbox.push(PortEvent::Lease {
                partition,
                tag,
                held,
            });
        });
    }

    fn poll(&mut self, wait: Duration, into: &mut Vec<PortEvent>) {
        let before = into.len();
        let late = Deadline::after(wait);
        loop {
            let opened = self.collect(into);
            let ordered = self.waker.ordered.swap(false, Ordering::SeqCst);
            if into.len() > before || self.announce() || opened || ordered {
                return;
            }
            let remaining = late.remaining();
            if remaining.is_zero() {
                return;
            }
            let pause = if self.is_congested() {
                CONGESTION_PAUSE
            } else if !self.open || self.effects.waits() {
                match self.next_round.remaining() {
                    Duration::ZERO => GATHER_PAUSE,
                    soon => soon,
                }
            } else {
                SERVE_PAUSE
            };
            self.waker.wake.wait(remaining.min(pause));
        }
    }
}

impl KafkaLane {
    fn stop_fetching(&mut self, partition: i32) {
        if let Some(inputs) = self.inputs.remove(&partition) {
            self.source.unassign(inputs.splits());
        }
    }
}

impl fmt::Debug for KafkaLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLane")
            .field("topics", &self.topics)
            .field("inputs", &self.inputs)
            .field("journal", &self.journal)
            .field("effects", &self.effects)
            .finish_non_exhaustive()
    }
}

/// How often the client as a whole is looked after when nothing wakes the thread.
const SERVE_PAUSE: Duration = Duration::from_secs(1);

/// How soon a round, or effects in line, are looked at again: the last report before them goes on with them, unless a broker
/// is away.
const GATHER_PAUSE: Duration = Duration::from_millis(20);

/// How soon a full producer is tried again: librdkafka does not say when there is room.
const CONGESTION_PAUSE: Duration = Duration::from_millis(5);

/// A round of so many records is large: there is load.
const ROUND_RECORDS: usize = 128;

/// From a large round to the next, at least. With 1,000 open sagas a tenth fewer milliseconds of CPU for each.
const ROUND_PAUSE: Duration = Duration::from_millis(10);
