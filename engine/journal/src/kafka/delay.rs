//! The delay service's connection: a group's member that reads, a producer that sends on, and a thread that deletes what
//! was forwarded and asks how much waits. All three end one wait: that of the thread which serves them.

mod keeper;
mod sends;

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake as WakeTask, Waker},
    time::Duration,
};

use sagaline_core::Timestamp;

use self::{keeper::Keeper, sends::Sends};
use super::{
    GroupConsumer, GroupEvent, GroupSettings, HandOver, Kafka,
    clock::Deadline,
    line::{Line, Pace},
    wake::Wake,
};
use crate::{Error, NewRecord, Record, SendError, Tag};

/// What the delay service hears.
#[derive(Debug)]
pub enum DelayEvent {
    /// A record of a retry topic, in its partition's order.
    Record(Record),
    /// How a sending went: when the log appended it, if its topic says so.
    Sent {
        /// Of the request.
        tag: Tag,
        /// How it went.
        outcome: Result<Option<Timestamp>, SendError>,
    },
    /// Where a partition ends.
    Ends {
        /// The retry topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// The offset after its last record.
        end: i64,
    },
    /// These partitions came.
    Assigned(Vec<(Arc<str>, i32)>),
    /// These go once they are handed over.
    Revoked(Vec<(Arc<str>, i32)>, HandOver),
    /// Somebody else may have these already.
    Lost(Vec<(Arc<str>, i32)>),
    /// The group's member has failed: nothing comes any more.
    Ended,
}

/// Ends a wait of the delay service from another thread.
#[derive(Clone, Debug)]
pub struct DelayWaker(Arc<Wake>);

impl DelayWaker {
    /// Ends the wait that is under way, or the next one.
    pub fn wake(&self) {
        self.0.wake();
    }
}

/// The delay service's connection to Kafka.
pub struct KafkaDelay {
    kafka: Kafka,
    consumer: GroupConsumer,
    sends: Line<Sends>,
    keeper: Keeper,
    wake: Arc<Wake>,
}

impl KafkaDelay {
    /// Joins the group that shares the retry topics. Returns at once.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`]: librdkafka refuses the properties. [`crate::ErrorKind::Unavailable`]: no thread.
    pub fn open(kafka: &Kafka, group: &str, topics: &[Arc<str>]) -> Result<Self, Error> {
        let settings = GroupSettings {
            group: group.to_owned(),
            topics: topics.iter().map(ToString::to_string).collect(),
            records_max: RECORDS_MAX,
            fetch_bytes: Some(FETCH_BYTES),
            session: SESSION,
            hand_over_max: HAND_OVER_MAX,
        };
        let wake = Arc::new(Wake::default());
        Ok(Self {
            kafka: kafka.clone(),
            consumer: GroupConsumer::open(kafka, &settings)?,
            sends: line(kafka, &wake)?,
            keeper: Keeper::start(kafka, wake.clone())?,
            wake,
        })
    }

    /// What ends a wait.
    #[must_use]
    pub fn waker(&self) -> DelayWaker {
        DelayWaker(self.wake.clone())
    }

    /// Moves what has come to `into`; waits up to `wait`, or without end, for the first.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`]: the producer failed for good, and there is no thread for another.
    pub fn poll(
        &mut self,
        wait: Option<Duration>,
        into: &mut Vec<DelayEvent>,
    ) -> Result<(), Error> {
        self.replace_failed()?;
        self.sends.flush();
        self.take(into);
        if into.is_empty() && self.is_idle(into) {
            // What waits in line behind a partition that is away goes on by itself, within a second.
            self.wake.wait(wait.unwrap_or(IDLE_WAIT));
            self.take(into);
        }
        Ok(())
    }

    /// Puts a record in line; it goes with the next [`Self::poll`]. How it went comes as [`DelayEvent::Sent`].
    pub fn send(&self, tag: Tag, record: NewRecord) {
        let mark = self.sends.reports().open(tag);
        self.sends.send(record, mark);
    }

    /// Says that everything before `next` has gone on. Returns at once.
    pub fn commit(&self, topic: &Arc<str>, partition: i32, next: i64) {
        self.consumer.commit(topic, partition, next);
    }

    /// Hands nothing more out of a partition, or goes on. Returns at once; what was read ahead is kept.
    pub fn hold(&self, topic: &Arc<str>, partition: i32, hold: bool) {
        if hold {
            self.consumer.hold(topic, partition);
        } else {
            self.consumer.resume(topic, partition);
        }
    }

    /// Deletes the records of a partition before an offset, some time.
    pub fn trim(&self, topic: &Arc<str>, partition: i32, before: i64) {
        self.keeper.trim(topic.clone(), partition, before);
    }

    /// Asks where a partition ends. [`DelayEvent::Ends`] says it, unless the brokers are away.
    pub fn ask_end(&self, topic: &Arc<str>, partition: i32) {
        self.keeper.ask_end(topic.clone(), partition);
    }

    /// Leaves the group after the last commit; waits for that, but not longer than `wait`.
    pub fn close(self, wait: Duration) {
        let late = Deadline::after(wait);
        let waker = Waker::from(Arc::new(Signal(self.wake.clone())));
        let mut context = Context::from_waker(&waker);
        let mut closed = pin!(self.consumer.close());
        while closed.as_mut().poll(&mut context).is_pending() && !late.passed() {
            self.wake.wait(late.remaining());
        }
    }

    /// Asks for whatever comes next to end the wait; otherwise puts it into `into`.
    fn is_idle(&mut self, into: &mut Vec<DelayEvent>) -> bool {
        let waker = Waker::from(Arc::new(Signal(self.wake.clone())));
        // It keeps the waker when it is dropped, and loses nothing.
        let next = pin!(self.consumer.next()).poll(&mut Context::from_waker(&waker));
        match next {
            Poll::Pending => return true,
            Poll::Ready(Some(event)) => into.push(event.into()),
            Poll::Ready(None) => into.push(DelayEvent::Ended),
        }
        self.take(into);
        false
    }

    fn take(&mut self, into: &mut Vec<DelayEvent>) {
        self.sends.reports().take(into);
        self.keeper.take(into);
        while let Some(event) = self.consumer.try_next() {
            into.push(event.into());
            if into.len() >= EVENTS_MAX {
                return;
            }
        }
    }

    fn replace_failed(&mut self) -> Result<(), Error> {
        let Some(reason) = self.sends.reports().failure() else {
            return Ok(());
        };
        tracing::warn!(
            reason,
            "the delay service's producer failed for good and is replaced"
        );
        let failed = std::mem::replace(&mut self.sends, line(&self.kafka, &self.wake)?);
        failed.reports().abandon(self.sends.reports());
        Ok(())
    }
}

impl fmt::Debug for KafkaDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaDelay")
            .field("sends", &self.sends)
            .finish_non_exhaustive()
    }
}

impl From<GroupEvent> for DelayEvent {
    fn from(event: GroupEvent) -> Self {
        match event {
            GroupEvent::Record(record) => Self::Record(record),
            GroupEvent::Assigned(places) => Self::Assigned(places),
            GroupEvent::Revoked(places, hand_over) => Self::Revoked(places, hand_over),
            GroupEvent::Lost(places) => Self::Lost(places),
        }
    }
}

struct Signal(Arc<Wake>);

impl WakeTask for Signal {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

fn line(kafka: &Kafka, wake: &Arc<Wake>) -> Result<Line<Sends>, Error> {
    Line::open(
        &kafka.producer(),
        Pace::Gathered,
        Arc::new(Sends::new(wake.clone())),
    )
}

/// Records that may wait to be polled.
const RECORDS_MAX: usize = 500;

/// Bytes of a partition that one fetch brings: of dozens of partitions, most wait for hours.
const FETCH_BYTES: usize = 64 * 1024;

/// Most events of one poll.
const EVENTS_MAX: usize = 2_000;

/// As that of the lease: what a killed process held moves together.
const SESSION: Duration = Duration::from_secs(6);

/// How long a revocation waits for what is on its way.
const HAND_OVER_MAX: Duration = Duration::from_millis(1_000);

/// A wait without end looks around this often.
const IDLE_WAIT: Duration = Duration::from_secs(60);
