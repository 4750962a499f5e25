//! A producer for whoever waits for each record's acknowledgement.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use rdkafka::error::KafkaError;
use tokio::sync::oneshot;

use crate::{
    Error, ErrorKind, NewRecord,
    kafka::{
        Kafka, fault,
        line::{Line, Placed, Reports},
        slots::Slots,
        wake::lock,
    },
};

/// Sends records, each acknowledged by all replicas in sync. Cheap to clone; clones share one connection.
#[derive(Clone)]
pub struct Producer {
    kafka: Kafka,
    line: Arc<Mutex<Line<Acks>>>,
}

impl Producer {
    /// Makes the client. It connects at the first record.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: librdkafka refuses the properties. [`ErrorKind::Unavailable`]: no thread.
    pub fn open(kafka: &Kafka) -> Result<Self, Error> {
        let line = Line::open(&kafka.producer(), Arc::new(Acks::default()))?;
        Ok(Self {
            kafka: kafka.clone(),
            line: Arc::new(Mutex::new(line)),
        })
    }

    /// Sends a record and waits until it is on all replicas in sync; returns its offset, or `None` when the broker had
    /// it already from an earlier try and did not say where. Records sent to one partition one after the other, without
    /// waiting in between, keep their order.
    ///
    /// Dropping the future does not take the record back.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: not acknowledged within 8 s: it may be there or not.
    /// [`ErrorKind::NotFound`]: no such topic or partition.
    /// [`ErrorKind::Invalid`]: too large, or the principal may not write there.
    pub async fn send(&self, record: NewRecord) -> Result<Option<i64>, Error> {
        let doing = doing(&record);
        let ack = self.begin(record)?;
        finish(&doing, ack.await.ok())
    }

    /// As [`Producer::send`], on a thread that may wait: not from async code.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn send_blocking(&self, record: NewRecord) -> Result<Option<i64>, Error> {
        let doing = doing(&record);
        let ack = self.begin(record)?;
        finish(&doing, ack.blocking_recv().ok())
    }

    fn begin(&self, record: NewRecord) -> Result<oneshot::Receiver<Ack>, Error> {
        let mut line = lock(&self.line);
        let failure = lock(&line.reports().failure).clone();
        if let Some(reason) = failure {
            tracing::warn!(reason, "a producer failed for good and is replaced");
            let next = Line::open(&self.kafka.producer(), Arc::new(Acks::default()))?;
            // What was in flight is answered by the drop of its sender.
            lock(&std::mem::replace(&mut *line, next).reports().open)
                .drain()
                .for_each(drop);
        }
        line.advance();
        if line.is_full() {
            let message = format!(
                "{}: too many records are on their way already",
                doing(&record)
            );
            return Err(Error::new(
                ErrorKind::Unavailable,
                "kafka-congested",
                message,
            ));
        }
        let (sender, ack) = oneshot::channel();
        let mark = lock(&line.reports().open).insert(sender);
        line.send(record, mark as usize);
        Ok(ack)
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Producer").field(&*lock(&self.line)).finish()
    }
}

type Ack = Result<Placed, KafkaError>;

#[derive(Debug, Default)]
struct Acks {
    open: Mutex<Slots<oneshot::Sender<Ack>>>,
    failure: Mutex<Option<String>>,
}

impl Reports for Acks {
    fn delivered(&self, mark: usize, report: Result<Placed, KafkaError>) {
        let mark = u32::try_from(mark).expect("a mark was made from a slot's number");
        if let Some(sender) = lock(&self.open).remove(mark) {
            // Nobody waits for it any more when the future was dropped.
            drop(sender.send(report));
        }
    }

    fn fatal(&self, reason: &str) {
        lock(&self.failure).get_or_insert_with(|| reason.to_owned());
    }
}

fn finish(doing: &str, ack: Option<Ack>) -> Result<Option<i64>, Error> {
    match ack {
        Some(Ok(placed)) => Ok((placed.offset >= 0).then_some(placed.offset)),
        Some(Err(error)) => Err(fault::error(doing, &error)),
        None => {
            let message = format!("{doing}: the producer was replaced, the record may be there");
            Err(Error::new(
                ErrorKind::Unavailable,
                "kafka-unavailable",
                message,
            ))
        }
    }
}

fn doing(record: &NewRecord) -> String {
    format!("send to {}/{}", record.topic, record.partition)
}
