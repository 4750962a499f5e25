//! Reads many partitions of one topic as they grow, on the caller's thread.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{
    Kafka,
    config::Isolation,
    context::Quiet,
    ends::{self, Edge},
    fault,
    reader::READER_GROUP,
    record,
};
use crate::{Error, ErrorKind, Record};

/// What a [`Tail`] gives.
#[derive(Debug)]
pub enum Tailed {
    /// The next record of its partition.
    Record(Record),
    /// There is nothing more in that partition for now.
    End(i32),
}

/// Follows partitions of a topic, each from an offset on.
pub struct Tail {
    consumer: BaseConsumer<Quiet>,
    topic: Arc<str>,
    /// The next offset of each partition that is followed.
    next: HashMap<i32, i64>,
}

impl Tail {
    /// Follows nothing yet. It sees everything, as the journal is to be read.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: librdkafka refuses the properties.
    pub fn open(kafka: &Kafka, topic: &str) -> Result<Self, Error> {
        let mut config = kafka.consumer(READER_GROUP, Isolation::Uncommitted);
        config
            .set("enable.partition.eof", "true")
            .set("fetch.message.max.bytes", "1048576")
            .set("queued.min.messages", "20000")
            .set("queued.max.messages.kbytes", "16384");
        let consumer = BaseConsumer::from_config_and_context(&config, Quiet::default())
            .map_err(|error| fault::error("make a consumer", &error))?;
        Ok(Self {
            consumer,
            topic: topic.into(),
            next: HashMap::new(),
        })
    }

    /// Follows these partitions, each from this offset on, and no others.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`]: librdkafka refuses.
    pub fn assign(&mut self, partitions: &[(i32, i64)]) -> Result<(), Error> {
        self.next = partitions.iter().copied().collect();
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (partition, offset) in partitions {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset))
                .map_err(|error| fault::error(&self.doing(), &error))?;
        }
        self.consumer
            .assign(&list)
            .map_err(|error| fault::error(&self.doing(), &error))
    }

    /// What comes next of any of them; none within `wait`. While the brokers are away it waits.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: a partition is not there, or what was to be read next was deleted.
    pub fn poll(&mut self, wait: Duration) -> Result<Option<Tailed>, Error> {
        match self.consumer.poll(wait) {
            None => Ok(None),
            Some(Ok(message)) => {
                let record = record::taken(&message, &self.topic);
                // What was asked for before the last assignment may still come.
                let Some(next) = self.next.get_mut(&record.partition) else {
                    return Ok(None);
                };
                if record.offset < *next {
                    return Ok(None);
                }
                *next = record.offset + 1;
                Ok(Some(Tailed::Record(record)))
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Some(Tailed::End(partition))),
            Some(Err(error)) => {
                let reason = self.consumer.context().notes().last_error();
                let error = fault::error_because(&self.doing(), &error, &reason);
                // librdkafka goes on by itself when the brokers come back.
                if error.kind() != ErrorKind::Unavailable {
                    return Err(error);
                }
                tracing::debug!(%error, "following goes on after an error");
                Ok(None)
            }
        }
    }

    /// Where these partitions end now. One that cannot be asked is left out.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: no answer within 3 s.
    pub fn ends(&self, partitions: &[i32]) -> Result<HashMap<i32, i64>, Error> {
        let topic = &*self.topic;
        let places: Vec<(&str, i32)> = partitions.iter().map(|one| (topic, *one)).collect();
        let answers = ends::ask(&self.consumer, &places, Edge::End)?;
        let known = answers.into_iter();
        Ok(known
            .filter_map(|((_, partition), end)| Some((partition, end.ok()?)))
            .collect())
    }

    fn doing(&self) -> String {
        format!("follow {}", self.topic)
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail")
            .field("topic", &self.topic)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
