//! One idempotent producer and the thread that brings its delivery reports.
//!
//! Sending never waits: what may not go yet, or has no room in librdkafka, stands in line here, and everything after it
//! too, so that records of one partition keep their order.
//!
//! ```text
//!   send ─▶ line ─(nothing is on its way)─▶ librdkafka ─▶ broker
//!             ▲                                              │
//!             └── the last report opens the gate: all go ◀───┘
//! ```
//! A line that is [`Pace::Gathered`] does as Nagle does (RFC 896): alone, a record leaves at once; while others are on
//! their way it waits for them and leaves with what came meanwhile. librdkafka by itself would make a request of every
//! few records, and requests are what a broker's time goes into.
//!
//! Invariant: every record that was sent is reported once, unless the whole producer is given up ([`Reports::fatal`]).

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Timestamp as MessageTime},
    producer::{BaseProducer, BaseRecord, NoCustomPartitioner, ProducerContext},
};
use sagaline_core::Timestamp;

use super::{clock::Deadline, context::Notes, fault, record, wake::lock};
use crate::{Error, NewRecord};

/// Where a producer's reports go. Called on the producer's own thread, and by [`Line::flush`].
pub(super) trait Reports: Send + Sync + 'static {
    /// A record was acknowledged or given up. `mark` is what [`Line::send`] was given.
    fn delivered(&self, mark: usize, report: Result<Placed, KafkaError>);

    /// Nothing is on its way any more, until the next record goes.
    fn idle(&self) {}

    /// The producer can never send again.
    fn fatal(&self, reason: &str);
}

/// Where an acknowledged record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) offset: i64,
    pub(super) appended_at: Option<Timestamp>,
}

/// What is said to be delivered without a place, and may be nowhere. librdkafka says so of a record that was refused when one
/// behind it was taken, as if brokers took no sequence before the one that they wait for. Kafka does, from a producer that
/// the partition has not heard of: of a new topic's, or after the producer took another id.
pub(super) const NOWHERE: KafkaError =
    KafkaError::MessageProduction(RDKafkaErrorCode::Inconsistent);

/// When records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// At the next flush.
    AtOnce,
    /// At the next flush, or with all that came meanwhile when nothing is on its way.
    Gathered,
}

/// Records that stand in line are sent when there are so many, whatever is on its way.
const GATHERED_MAX: usize = 1_000;

/// What is on its way for longer holds nobody up: one partition's broker is away, the others go on.
const HOLD_MAX: Duration = Duration::from_millis(20);

/// A line is full when records of so many bytes stand in it.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A producer.
pub(super) struct Line<R: Reports> {
    producer: Arc<BaseProducer<Desk<R>>>,
    closed: Arc<AtomicBool>,
}

impl<R: Reports> Line<R> {
    pub(super) fn open(config: &ClientConfig, pace: Pace, reports: Arc<R>) -> Result<Self, Error> {
        let desk = Desk {
            reports,
            pace,
            notes: Notes::default(),
            queue: Mutex::default(),
            on_their_way: AtomicUsize::new(0),
            producer: OnceLock::new(),
        };
        let producer = BaseProducer::from_config_and_context(config, desk)
            .map_err(|error| fault::error("make a producer", &error))?;
        let producer = Arc::new(producer);
        // Set once, here.
        drop(desk_of(&producer).producer.set(Arc::downgrade(&producer)));
        let closed = Arc::new(AtomicBool::new(false));
        thread::Builder::new()
            .name("kafka-reports".to_owned())
            .spawn({
                let (producer, closed) = (producer.clone(), closed.clone());
                move || serve(&producer, &closed)
            })
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self { producer, closed })
    }

    /// Puts a record in line; `mark` comes back with its report. It goes after the next [`Self::flush`].
    pub(super) fn send(&self, record: NewRecord, mark: usize) {
        lock(&self.desk().queue).push(record, mark);
    }

    /// Sends what stands in line, as far as it may go.
    pub(super) fn flush(&self) {
        self.desk().flush(&self.producer);
    }

    /// Whether records stand in line and nothing is sure to send them but a flush.
    pub(super) fn waits(&self) -> bool {
        !lock(&self.desk().queue).records.is_empty()
    }

    /// Whether something is on its way, and not for so long that nobody should wait for it.
    pub(super) fn is_busy(&self) -> bool {
        let desk = self.desk();
        desk.on_their_way.load(Ordering::SeqCst) > 0
            && lock(&desk.queue).hold.is_some_and(|hold| !hold.passed())
    }

    /// Whether so much stands in line that its owner should ask for nothing more.
    pub(super) fn is_full(&self) -> bool {
        let queue = lock(&self.desk().queue);
        queue.refused || queue.bytes >= LINE_BYTES_MAX
    }

    pub(super) fn reports(&self) -> &Arc<R> {
        &self.desk().reports
    }

    fn desk(&self) -> &Desk<R> {
        desk_of(&self.producer)
    }
}

/// The thread notices within [`SERVE_SPAN`] and then gives up what is still in flight.
impl<R: Reports> Drop for Line<R> {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl<R: Reports> fmt::Debug for Line<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let desk = self.desk();
        let waiting = lock(&desk.queue).records.len();
        let on_their_way = desk.on_their_way.load(Ordering::Relaxed);
        write!(f, "Line({on_their_way} in flight, {waiting} waiting)")
    }
}

fn desk_of<R: Reports>(producer: &BaseProducer<Desk<R>>) -> &Desk<R> {
    use rdkafka::producer::Producer as _;
    producer.context()
}

/// What stands in line.
#[derive(Debug, Default)]
struct Queue {
    records: VecDeque<(NewRecord, usize)>,
    bytes: usize,
    /// librdkafka had no room for the first.
    refused: bool,
    /// Until then, what is on its way holds up what is not.
    hold: Option<Deadline>,
}

impl Queue {
    fn push(&mut self, record: NewRecord, mark: usize) {
        self.bytes += record.size();
        self.records.push_back((record, mark));
    }

    fn pop(&mut self) {
        if let Some((record, _)) = self.records.pop_front() {
            self.bytes -= record.size();
        }
    }
}

/// The producer's context: where its reports arrive, and what stands in line.
struct Desk<R: Reports> {
    reports: Arc<R>,
    pace: Pace,
    notes: Notes,
    queue: Mutex<Queue>,
    /// Records that librdkafka has and has not reported.
    on_their_way: AtomicUsize,
    producer: OnceLock<Weak<BaseProducer<Self>>>,
}

impl<R: Reports> Desk<R> {
    fn flush(&self, producer: &BaseProducer<Self>) {
        let mut queue = lock(&self.queue);
        if queue.records.is_empty() || !self.is_open(&queue) {
            return;
        }
        queue.refused = false;
        while let Some((record, mark)) = queue.records.front() {
            // Before it can be reported.
            self.on_their_way.fetch_add(1, Ordering::SeqCst);
            if let Err(error) = produce(producer, record, *mark) {
                self.on_their_way.fetch_sub(1, Ordering::SeqCst);
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) {
                    queue.refused = true;
                    break;
                }
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                    self.reports.fatal(&error.to_string());
                }
                self.reports.delivered(*mark, Err(error));
            }
            queue.pop();
        }
        queue.hold = Some(Deadline::after(HOLD_MAX));
    }

    fn is_open(&self, queue: &Queue) -> bool {
        self.pace == Pace::AtOnce
            || self.on_their_way.load(Ordering::SeqCst) == 0
            || queue.records.len() >= GATHERED_MAX
            || queue.hold.is_none_or(Deadline::passed)
    }

    /// A record arrived. It is no longer on its way when that is told: whoever hears of it may look at once. Whoever puts one
    /// in line after the count fell sends it, whoever did before is seen here.
    fn arrived(&self, mark: usize, report: Result<Placed, KafkaError>) {
        let is_last = self.on_their_way.fetch_sub(1, Ordering::SeqCst) == 1;
        self.reports.delivered(mark, report);
        if !is_last {
            return;
        }
        if let Some(producer) = self.producer.get().and_then(Weak::upgrade) {
            self.flush(&producer);
        }
        self.reports.idle();
    }
}

fn produce<R: Reports>(
    producer: &BaseProducer<Desk<R>>,
    record: &NewRecord,
    mark: usize,
) -> Result<(), KafkaError> {
    let message: BaseRecord<'_, [u8], [u8], usize> = BaseRecord {
        topic: &record.topic,
        partition: Some(record.partition),
        payload: record.value.as_deref(),
        key: record.key.as_deref(),
        timestamp: None,
        headers: record::headers(record),
        delivery_opaque: mark,
    };
    producer.send(message).map_err(|(error, _)| error)
}

fn serve<R: Reports>(producer: &BaseProducer<Desk<R>>, closed: &AtomicBool) {
    while !closed.load(Ordering::Relaxed) {
        producer.poll(SERVE_SPAN);
        // What waits behind a partition whose broker is away waits no longer than this.
        desk_of(producer).flush(producer);
    }
}

/// Each turn ends with up to 1 ms of spinning inside `poll`, so turns are long; what keeps it from being longer still is
/// that a closed producer lives on for one.
const SERVE_SPAN: Duration = Duration::from_secs(1);

impl<R: Reports> ClientContext for Desk<R> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.notes.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.reports.fatal(reason);
        }
        self.notes.error(&error, reason);
    }
}

impl<R: Reports> ProducerContext<NoCustomPartitioner> for Desk<R> {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, mark: usize) {
        let report = match result {
            Ok(message) if message.offset() < 0 => Err(NOWHERE),
            Ok(message) => Ok(Placed {
                offset: message.offset(),
                appended_at: match message.timestamp() {
                    MessageTime::LogAppendTime(millis) => Some(Timestamp::from_millis(millis)),
                    MessageTime::CreateTime(_) | MessageTime::NotAvailable => None,
                },
            }),
            Err((error, _)) => Err(error.clone()),
        };
        self.arrived(mark, report);
    }
}
