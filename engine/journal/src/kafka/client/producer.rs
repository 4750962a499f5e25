//! A producer for whoever waits for each record's acknowledgement, or for those of many together.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use rdkafka::error::KafkaError;
use sagaline_core::Timestamp;
use tokio::sync::oneshot;

use super::bulk::{Bulk, Told};
use crate::{
    Error, ErrorKind, NewRecord,
    kafka::{
        Kafka, fault,
        line::{Line, NOWHERE, Pace, Placed, Reports},
        slots::Slots,
        wake::lock,
    },
};

/// Where and when a record was appended, as far as the broker has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its offset.
    pub offset: i64,
    /// The broker's time.
    pub at: Option<Timestamp>,
}

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
        let line = Line::open(&kafka.producer(), Pace::Gathered, Arc::new(Acks::default()))?;
        Ok(Self {
            kafka: kafka.clone(),
            line: Arc::new(Mutex::new(line)),
        })
    }

    /// Sends a record and waits until it is on all replicas in sync; returns its offset. Records sent to one partition one
    /// after the other, without waiting in between, keep their order, but for one of which nobody said where it is: that is
    /// sent again, and may be there twice.
    ///
    /// Dropping the future does not take the record back.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: not acknowledged within 8 s, or nobody says where: it may be there or not.
    /// [`ErrorKind::NotFound`]: no such topic or partition.
    /// [`ErrorKind::Invalid`]: too large, or the principal may not write there.
    pub async fn send(&self, record: NewRecord) -> Result<i64, Error> {
        self.append(record).await.map(|appended| appended.offset)
    }

    /// As [`Producer::send`], and says when the broker appended it, if its topic is stamped by the broker.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub async fn append(&self, record: NewRecord) -> Result<Appended, Error> {
        let mut tries = 1;
        loop {
            let ack = self.begin(record.clone())?.await.ok();
            if !is_nowhere(&ack) || tries == TRIES_MAX {
                return finish(&doing(&record), ack);
            }
            tries += 1;
        }
    }

    /// As [`Producer::send`], on a thread that may wait: not from async code.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn send_blocking(&self, record: NewRecord) -> Result<i64, Error> {
        let mut tries = 1;
        loop {
            let ack = self.begin(record.clone())?.blocking_recv().ok();
            if !is_nowhere(&ack) || tries == TRIES_MAX {
                return finish(&doing(&record), ack).map(|appended| appended.offset);
            }
            tries += 1;
        }
    }

    /// What sends many records and hears of them together.
    #[must_use]
    pub fn bulk(&self) -> Bulk {
        Bulk::new(self.clone())
    }

    /// As [`Producer::send_blocking`], many at once: how each ended, in their order.
    pub fn send_all_blocking(&self, records: Vec<NewRecord>) -> Vec<Result<i64, Error>> {
        let put = |record: NewRecord| {
            let (sender, ack) = oneshot::channel();
            let put = self.put(record.clone(), Waiter::One(sender));
            (record, put.map(|()| ack))
        };
        let begun: Vec<_> = records.into_iter().map(put).collect();
        self.flush();
        let end = |(record, ack): (NewRecord, Result<oneshot::Receiver<Ack>, Error>)| {
            let ack = ack?.blocking_recv().ok();
            match is_nowhere(&ack) {
                true => self.send_blocking(record),
                false => finish(&doing(&record), ack).map(|appended| appended.offset),
            }
        };
        begun.into_iter().map(end).collect()
    }

    fn begin(&self, record: NewRecord) -> Result<oneshot::Receiver<Ack>, Error> {
        let (sender, ack) = oneshot::channel();
        self.put(record, Waiter::One(sender))?;
        self.flush();
        Ok(ack)
    }

    /// Puts a record in line.
    pub(super) fn put(&self, record: NewRecord, waiter: Waiter) -> Result<(), Error> {
        let mut line = lock(&self.line);
        self.replace_failed(&mut line)?;
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
        let mark = lock(&line.reports().open).insert(waiter);
        line.send(record, mark as usize);
        Ok(())
    }

    /// Sends what stands in line, once it may go.
    pub(super) fn flush(&self) {
        lock(&self.line).flush();
    }

    fn replace_failed(&self, line: &mut Line<Acks>) -> Result<(), Error> {
        let failure = lock(&line.reports().failure).clone();
        let Some(reason) = failure else { return Ok(()) };
        tracing::warn!(reason, "a producer failed for good and is replaced");
        let next = Line::open(
            &self.kafka.producer(),
            Pace::Gathered,
            Arc::new(Acks::default()),
        )?;
        let open: Vec<_> = lock(&std::mem::replace(line, next).reports().open)
            .drain()
            .collect();
        open.into_iter().for_each(Waiter::give_up);
        Ok(())
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Producer").field(&*lock(&self.line)).finish()
    }
}

pub(super) type Ack = Result<Placed, KafkaError>;

/// Who wants to know what became of a record.
#[derive(Debug)]
pub(super) enum Waiter {
    One(oneshot::Sender<Ack>),
    /// One of a bulk's, by its mark.
    Many(Arc<Told>, u64),
}

impl Waiter {
    fn tell(self, ack: Ack) {
        match self {
            // Nobody waits for it any more when the future was dropped.
            Self::One(sender) => drop(sender.send(ack)),
            Self::Many(told, mark) => told.tell(mark, Some(ack)),
        }
    }

    fn give_up(self) {
        match self {
            Self::One(sender) => drop(sender),
            Self::Many(told, mark) => told.tell(mark, None),
        }
    }
}

#[derive(Debug, Default)]
struct Acks {
    open: Mutex<Slots<Waiter>>,
    /// Bulks that were told something since the last idle moment: few, one for each task queue.
    told: Mutex<Vec<Arc<Told>>>,
    failure: Mutex<Option<String>>,
}

impl Reports for Acks {
    fn delivered(&self, mark: usize, report: Result<Placed, KafkaError>) {
        let mark = u32::try_from(mark).expect("a mark was made from a slot's number");
        let waiter = lock(&self.open).remove(mark);
        if let Some(Waiter::Many(bulk, _)) = &waiter {
            let mut told = lock(&self.told);
            if !told.iter().any(|known| Arc::ptr_eq(known, bulk)) {
                told.push(bulk.clone());
            }
        }
        if let Some(waiter) = waiter {
            waiter.tell(report);
        }
    }

    fn idle(&self) {
        let told = std::mem::take(&mut *lock(&self.told));
        told.iter().for_each(|bulk| bulk.idle());
    }

    fn fatal(&self, reason: &str) {
        lock(&self.failure).get_or_insert_with(|| reason.to_owned());
    }
}

/// Nobody says where it is, so it may be nowhere.
fn is_nowhere(ack: &Option<Ack>) -> bool {
    matches!(ack, Some(Err(error)) if *error == NOWHERE)
}

/// What became of it; `None`: its producer was replaced.
pub(super) fn finish(doing: &str, ack: Option<Ack>) -> Result<Appended, Error> {
    match ack {
        Some(Ok(placed)) => Ok(Appended {
            offset: placed.offset,
            at: placed.appended_at,
        }),
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

/// How often a record is sent of which nobody says where it is.
const TRIES_MAX: u32 = 5;

fn doing(record: &NewRecord) -> String {
    format!("send to {}/{}", record.topic, record.partition)
}
