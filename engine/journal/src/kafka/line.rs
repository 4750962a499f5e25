//! One idempotent producer and the thread that brings its delivery reports.
//!
//! Sending never waits: what librdkafka has no room for stands in line here, and everything after it too, so that
//! records of one partition keep their order.
//!
//! Invariant: every record that was sent is reported once, unless the whole producer is given up ([`Reports::fatal`]).

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Timestamp as MessageTime},
    producer::{BaseProducer, BaseRecord, NoCustomPartitioner, Producer, ProducerContext},
};
use sagaline_core::Timestamp;

use super::{context::Notes, fault, record};
use crate::{Error, NewRecord};

/// Where a producer's reports go. Called on the producer's own thread, and by [`Line::send`].
pub(super) trait Reports: Send + Sync + 'static {
    /// A record was acknowledged or given up. `mark` is what [`Line::send`] was given.
    fn delivered(&self, mark: usize, report: Result<Placed, KafkaError>);

    /// The producer can never send again.
    fn fatal(&self, reason: &str);
}

/// Where an acknowledged record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Negative: the broker had it already and did not say where.
    pub(super) offset: i64,
    pub(super) appended_at: Option<Timestamp>,
}

/// A producer.
pub(super) struct Line<R: Reports> {
    producer: Arc<BaseProducer<Desk<R>>>,
    reports: Arc<R>,
    waiting: VecDeque<(NewRecord, usize)>,
    closed: Arc<AtomicBool>,
}

impl<R: Reports> Line<R> {
    pub(super) fn open(config: &ClientConfig, reports: Arc<R>) -> Result<Self, Error> {
        let desk = Desk {
            reports: reports.clone(),
            notes: Notes::default(),
        };
        let producer = BaseProducer::from_config_and_context(config, desk)
            .map_err(|error| fault::error("make a producer", &error))?;
        let producer = Arc::new(producer);
        let closed = Arc::new(AtomicBool::new(false));
        thread::Builder::new()
            .name("kafka-reports".to_owned())
            .spawn({
                let (producer, closed) = (producer.clone(), closed.clone());
                move || serve(&producer, &closed)
            })
            .map_err(|error| fault::no_thread(&error))?;
        Ok(Self {
            producer,
            reports,
            waiting: VecDeque::new(),
            closed,
        })
    }

    /// Sends a record; `mark` comes back with its report.
    pub(super) fn send(&mut self, record: NewRecord, mark: usize) {
        self.waiting.push_back((record, mark));
        if self.waiting.len() == 1 {
            self.advance();
        }
    }

    /// Sends what stood in line, as far as there is room.
    pub(super) fn advance(&mut self) {
        while let Some((record, mark)) = self.waiting.front() {
            match produce(&self.producer, record, *mark) {
                Ok(()) => {}
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => return,
                Err(error) => {
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                        self.reports.fatal(&error.to_string());
                    }
                    self.reports.delivered(*mark, Err(error));
                }
            }
            self.waiting.pop_front();
        }
    }

    /// Whether something stands in line, so that its owner should ask for nothing more.
    pub(super) fn is_full(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn reports(&self) -> &Arc<R> {
        &self.reports
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
        let in_flight = self.producer.in_flight_count();
        write!(
            f,
            "Line({in_flight} in flight, {} waiting)",
            self.waiting.len()
        )
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
    }
}

/// Each turn ends with up to 1 ms of spinning inside `poll`, so turns are long; what keeps it from being longer still is
/// that a closed producer lives on for one.
const SERVE_SPAN: Duration = Duration::from_secs(1);

struct Desk<R> {
    reports: Arc<R>,
    notes: Notes,
}

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
            Ok(message) => Ok(Placed {
                offset: message.offset(),
                appended_at: match message.timestamp() {
                    MessageTime::LogAppendTime(millis) => Some(Timestamp::from_millis(millis)),
                    MessageTime::CreateTime(_) | MessageTime::NotAvailable => None,
                },
            }),
            Err((error, _)) => Err(error.clone()),
        };
        self.reports.delivered(mark, report);
    }
}
