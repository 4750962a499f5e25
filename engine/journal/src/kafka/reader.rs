//! Blocking reads: for folds at take-over, for the command line and for tests.

use std::{fmt, ops::ControlFlow, sync::Arc, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{
    Kafka,
    clock::Deadline,
    config::Isolation,
    context::Quiet,
    ends::{self, Edge},
    fault, record,
};
use crate::{Error, ErrorKind, Record};

/// Reads ranges of partitions, one after the other, on the caller's thread.
///
/// It keeps its connections, so one that is kept is faster than a new one.
pub struct Reader {
    consumer: BaseConsumer<Quiet>,
}

impl Reader {
    /// A reader that sees everything, as the journal is to be read.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: librdkafka refuses the properties.
    pub fn open(kafka: &Kafka) -> Result<Self, Error> {
        Self::with(kafka, Isolation::Uncommitted, None)
    }

    /// The same for many short reads, one after the other: none waits for what the broker still has to say to the one before.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: librdkafka refuses the properties.
    pub fn open_for_pieces(kafka: &Kafka) -> Result<Self, Error> {
        Self::with(kafka, Isolation::Uncommitted, Some("5"))
    }

    /// A reader that sees of transactions only what was committed, as inputs are to be read.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: librdkafka refuses the properties.
    pub fn open_committed(kafka: &Kafka) -> Result<Self, Error> {
        Self::with(kafka, Isolation::Committed, None)
    }

    /// `wait_ms`: how long the broker may keep a fetch that it has nothing for.
    fn with(kafka: &Kafka, isolation: Isolation, wait_ms: Option<&str>) -> Result<Self, Error> {
        let mut config = kafka.consumer(READER_GROUP, isolation);
        config
            .set("enable.partition.eof", "true")
            .set("fetch.message.max.bytes", "4194304")
            .set("queued.min.messages", "100000")
            .set("queued.max.messages.kbytes", "32768");
        if let Some(wait_ms) = wait_ms {
            config.set("fetch.wait.max.ms", wait_ms);
        }
        let consumer = BaseConsumer::from_config_and_context(&config, Quiet::default())
            .map_err(|error| fault::error("make a consumer", &error))?;
        Ok(Self { consumer })
    }

    /// The offset after the last record that this reader can see now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such partition. [`ErrorKind::Unavailable`]: no answer within 3 s.
    pub fn end(&self, topic: &str, partition: i32) -> Result<i64, Error> {
        ends::ask_one(&self.consumer, (topic, partition), Edge::End)
    }

    /// The first offset that is still there; the end, if nothing is.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such partition. [`ErrorKind::Unavailable`]: no answer within 3 s.
    pub fn beginning(&self, topic: &str, partition: i32) -> Result<i64, Error> {
        ends::ask_one(&self.consumer, (topic, partition), Edge::Beginning)
    }

    /// Gives each record from `from` to before `to` to `visit`; without `to`, up to the end as it is when the call
    /// begins. Returns where the next record would be: `to`, or after the record at which `visit` broke off.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such partition, `from` was deleted, or the log ends before `from` or `to`.
    /// [`ErrorKind::Unavailable`]: nothing came for 10 s.
    pub fn read(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        to: Option<i64>,
        mut visit: impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<i64, Error> {
        let end = self.end(topic, partition)?;
        let to = to.unwrap_or(end);
        if end < to || end < from {
            let message =
                format!("read {topic}/{partition} from {from} to {to}: the log ends at {end}");
            return Err(Error::new(
                ErrorKind::NotFound,
                "kafka-offset-missing",
                message,
            ));
        }
        if to <= from {
            return Ok(from);
        }
        let mut pass = Pass::begin(&self.consumer, topic, partition, from)?;
        // Offsets at the end may hold no record; the broker's "nothing more" then tells that all was seen. One that has
        // just become leader may say so too early, but not once more after it was asked where the log ends.
        let mut end_checked = false;
        while pass.next < to {
            match pass.poll(SILENCE_MAX)? {
                Some(Arrived::Record(record)) if record.offset < to => {
                    pass.next = record.offset + 1;
                    end_checked = false;
                    if visit(&record).is_break() {
                        return Ok(pass.next);
                    }
                }
                Some(Arrived::Record(_)) => return Ok(to),
                Some(Arrived::End) if end_checked => return Ok(to),
                Some(Arrived::End) => {
                    self.end(topic, partition)?;
                    pass.restart()?;
                    end_checked = true;
                }
                None => {
                    let doing = format!("read {topic}/{partition} from {}", pass.next);
                    return Err(fault::timed_out(&doing, SILENCE_MAX));
                }
            }
        }
        Ok(to)
    }

    /// Gives each record from `from` on to `visit`, as it comes, until that breaks off. `idle` is asked at least five
    /// times a second while nothing comes, and may break off too. Returns where the next record would be.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such partition, or `from` was deleted or is beyond the end. While the brokers are
    /// away it waits.
    pub fn tail(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        mut visit: impl FnMut(&Record) -> ControlFlow<()>,
        mut idle: impl FnMut() -> ControlFlow<()>,
    ) -> Result<i64, Error> {
        let mut pass = Pass::begin(&self.consumer, topic, partition, from)?;
        loop {
            match pass.poll(TAIL_PAUSE)? {
                Some(Arrived::Record(record)) => {
                    pass.next = record.offset + 1;
                    if visit(&record).is_break() {
                        return Ok(pass.next);
                    }
                }
                Some(Arrived::End) | None => {
                    if idle().is_break() {
                        return Ok(pass.next);
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// A partition that is being read; it is let go at the end.
struct Pass<'a> {
    consumer: &'a BaseConsumer<Quiet>,
    topic: Arc<str>,
    partition: i32,
    next: i64,
}

enum Arrived {
    Record(Record),
    /// There is nothing more for now.
    End,
}

impl<'a> Pass<'a> {
    fn begin(
        consumer: &'a BaseConsumer<Quiet>,
        topic: &str,
        partition: i32,
        from: i64,
    ) -> Result<Self, Error> {
        let pass = Self {
            consumer,
            topic: topic.into(),
            partition,
            next: from,
        };
        pass.restart()?;
        Ok(pass)
    }

    /// Begins anew at the next record.
    fn restart(&self) -> Result<(), Error> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.topic, self.partition, Offset::Offset(self.next))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|error| fault::error(&self.doing(), &error))
    }

    /// The next record, or that there is none; `None` after `wait`.
    fn poll(&self, wait: Duration) -> Result<Option<Arrived>, Error> {
        let late = Deadline::after(wait);
        loop {
            match self.consumer.poll(late.remaining()) {
                Some(Ok(message)) => {
                    return Ok(Some(Arrived::Record(record::taken(&message, &self.topic))));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Some(Arrived::End)),
                Some(Err(error)) => {
                    let reason = self.consumer.context().notes().last_error();
                    let error = fault::error_because(&self.doing(), &error, &reason);
                    // librdkafka goes on by itself when the brokers come back.
                    if error.kind() != ErrorKind::Unavailable {
                        return Err(error);
                    }
                    tracing::debug!(%error, "reading goes on after an error");
                }
                None => {}
            }
            if late.passed() {
                return Ok(None);
            }
        }
    }

    fn doing(&self) -> String {
        format!("read {}/{} from {}", self.topic, self.partition, self.next)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.consumer.unassign() {
            tracing::debug!(%error, "a partition was not let go");
        }
    }
}

/// librdkafka wants a group even of a consumer that never joins one.
pub(super) const READER_GROUP: &str = "sagaline.reader";

/// A read to which nothing comes for this long has failed: the brokers are away.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How often [`Reader::tail`] asks whether to go on.
const TAIL_PAUSE: Duration = Duration::from_millis(200);
