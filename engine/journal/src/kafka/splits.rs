//! A consumer whose partitions each have a queue of their own, so that one can be read without another's records in the
//! way, and the thread that reads them sleeps until one fills.
//!
//! ```text
//!   librdkafka's thread                         the reading thread
//!   queue empty → not empty:                    take:  filled = false, then pop until empty,
//!      filled = true, wake                             or stop early with filled = true
//! ```
//! Invariant: a queue that is not empty has `filled` set or is being popped, so nobody sleeps on records. librdkafka
//! calls only when a queue was empty; records of an earlier assignment count until they are popped, hence a new split
//! begins as filled.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer, ConsumerContext, base_consumer::PartitionQueue},
    error::KafkaError,
    message::BorrowedMessage,
};

use super::{
    context::{Notes, Quiet},
    fault,
    wake::Wake,
};
use crate::{Error, ErrorKind};

/// A consumer that is only assigned, never subscribed.
pub(super) struct Splits {
    consumer: Arc<BaseConsumer<Quiet>>,
    wake: Arc<Wake>,
    events: Arc<AtomicBool>,
}

impl Splits {
    /// Makes the consumer; `wake` is called whenever something can be read.
    pub(super) fn open(config: &ClientConfig, wake: Arc<Wake>) -> Result<Self, Error> {
        let mut consumer = BaseConsumer::from_config_and_context(config, Quiet::default())
            .map_err(|error| fault::error("make a consumer", &error))?;
        let events = Arc::new(AtomicBool::new(true));
        consumer.set_nonempty_callback({
            let (events, wake) = (events.clone(), wake.clone());
            move || {
                events.store(true, Ordering::SeqCst);
                wake.wake();
            }
        });
        Ok(Self {
            consumer: Arc::new(consumer),
            wake,
            events,
        })
    }

    /// The consumer, for questions that block: on another thread.
    pub(super) fn consumer(&self) -> &Arc<BaseConsumer<Quiet>> {
        &self.consumer
    }

    /// Begins to read these partitions at absolute offsets. The others go on undisturbed.
    pub(super) fn assign(&self, places: &[(Arc<str>, i32, i64)]) -> Result<Vec<Split>, Error> {
        let mut list = TopicPartitionList::with_capacity(places.len());
        let mut splits = Vec::with_capacity(places.len());
        for (topic, partition, from) in places {
            // Before the assignment, so that no record ever takes the way through the common queue.
            splits.push(Split::open(&self.consumer, &self.wake, topic, *partition)?);
            list.add_partition_offset(topic, *partition, Offset::Offset(*from))
                .map_err(|error| {
                    fault::error(&format!("read {topic}/{partition} from {from}"), &error)
                })?;
        }
        self.consumer
            .incremental_assign(&list)
            .map_err(|error| fault::error("assign partitions", &error))?;
        Ok(splits)
    }

    /// Stops reading, and forgets what was read ahead.
    pub(super) fn unassign(&self, splits: &[Split]) {
        let mut list = TopicPartitionList::with_capacity(splits.len());
        for split in splits {
            list.add_partition(&split.topic, split.partition);
        }
        if let Err(error) = self.consumer.incremental_unassign(&list) {
            tracing::warn!(%error, ?splits, "could not stop reading");
        }
        for split in splits {
            // What is left is out of date; popping frees it.
            while split.pop().is_some() {}
        }
    }

    /// Serves what concerns the client as a whole. Cheap when there is nothing.
    pub(super) fn serve(&self) {
        if !self.events.swap(false, Ordering::SeqCst) {
            return;
        }
        serve(&self.consumer, self.consumer.context().notes());
    }

    /// Why the error that was just popped happened.
    pub(super) fn last_error(&self) -> String {
        self.consumer.context().notes().last_error()
    }
}

impl fmt::Debug for Splits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Splits").finish_non_exhaustive()
    }
}

/// Pops the common queue until it is empty. A poll that returns nothing may have served one log line of several.
pub(super) fn serve<C: ConsumerContext>(consumer: &BaseConsumer<C>, notes: &Notes) {
    loop {
        let before = notes.served();
        match consumer.poll(Duration::ZERO) {
            None if notes.served() == before => return,
            None => {}
            Some(Ok(message)) => drop(message),
            Some(Err(error)) => tracing::debug!(%error, "from a Kafka consumer"),
        }
    }
}

/// The queue of one partition.
pub(super) struct Split<C: ConsumerContext = Quiet> {
    topic: Arc<str>,
    partition: i32,
    queue: PartitionQueue<C>,
    filled: Arc<AtomicBool>,
}

impl<C: ConsumerContext> Split<C> {
    /// Takes a partition's records out of the common queue: call it before the partition is assigned.
    pub(super) fn open(
        consumer: &Arc<BaseConsumer<C>>,
        wake: &Arc<Wake>,
        topic: &Arc<str>,
        partition: i32,
    ) -> Result<Self, Error> {
        let mut queue = consumer
            .split_partition_queue(topic, partition)
            .ok_or_else(|| {
                let message = format!("`{topic}` is no name of a topic");
                Error::new(ErrorKind::Invalid, "kafka-refused", message)
            })?;
        let filled = Arc::new(AtomicBool::new(true));
        queue.set_nonempty_callback({
            let (filled, wake) = (filled.clone(), wake.clone());
            move || {
                filled.store(true, Ordering::SeqCst);
                wake.wake();
            }
        });
        Ok(Self {
            topic: topic.clone(),
            partition,
            queue,
            filled,
        })
    }

    pub(super) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    pub(super) fn partition(&self) -> i32 {
        self.partition
    }

    pub(super) fn is_at(&self, topic: &str, partition: i32) -> bool {
        &*self.topic == topic && self.partition == partition
    }

    /// Whether there may be something to pop.
    pub(super) fn is_filled(&self) -> bool {
        self.filled.load(Ordering::SeqCst)
    }

    /// Announces that the queue is about to be popped until it is empty.
    pub(super) fn begin(&self) {
        self.filled.store(false, Ordering::SeqCst);
    }

    /// Says that popping stopped before the queue was empty.
    pub(super) fn stop_early(&self) {
        self.filled.store(true, Ordering::SeqCst);
    }

    /// The next record or error, if one is there.
    pub(super) fn pop(&self) -> Option<Result<BorrowedMessage<'_>, KafkaError>> {
        self.queue.poll(Duration::ZERO)
    }
}

impl<C: ConsumerContext> fmt::Debug for Split<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}
