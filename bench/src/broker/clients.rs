//! The producer whose reports are counted, and the topics of one measurement.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseRecord, ProducerContext, ThreadedProducer},
};

use crate::{
    clock,
    kafka::{self, Topics},
    subject::Subject,
};

/// Bytes of every record.
pub(super) const RECORD_BYTES: usize = 200;

/// How long records may take at most.
const RECORDS_MAX: Duration = Duration::from_secs(60);

/// A topic that is made for a measurement and deleted after it.
pub(super) struct Topic {
    pub(super) name: String,
    _topics: Topics,
}

impl Topic {
    pub(super) fn new(subject: &Subject, partitions: i32) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("broker-{}-{number}", std::process::id());
        let name = format!("{namespace}.records");
        let topics = Topics::new(subject.address(), namespace)?;
        topics.create_with(&[(name.clone(), partitions)], &[])?;
        topics.wait_for(std::slice::from_ref(&name))?;
        Ok(Self {
            name,
            _topics: topics,
        })
    }

    /// A consumer of partition 0 from its first record on.
    pub(super) fn consumer(&self, subject: &Subject) -> Result<BaseConsumer> {
        let consumer: BaseConsumer = kafka::consumer(subject.address(), &self.name)
            .set("fetch.wait.max.ms", "500")
            .create()?;
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(&self.name, 0, Offset::Offset(0))?;
        consumer.assign(&all)?;
        Ok(consumer)
    }
}

/// An idempotent producer to partition 0 that knows when its last record was acknowledged.
pub(super) struct Producer {
    producer: ThreadedProducer<Reports>,
    reports: Arc<Outstanding>,
    topic: String,
}

struct Outstanding {
    records: AtomicU64,
    /// When the last report came, and whether one was bad.
    last: Mutex<(Option<Instant>, Option<KafkaError>)>,
    owner: Thread,
}

struct Reports(Arc<Outstanding>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        let mut last = self.0.last.lock().expect("nobody panics with it");
        if let Err((error, _)) = result {
            last.1 = Some(error.clone());
        }
        if self.0.records.fetch_sub(1, Ordering::Release) == 1 {
            last.0 = Some(clock::now());
            self.0.owner.unpark();
        }
    }
}

impl Producer {
    /// For the thread that makes it.
    pub(super) fn new(config: &ClientConfig, topic: &str) -> Result<Self> {
        let reports = Arc::new(Outstanding {
            records: AtomicU64::new(0),
            last: Mutex::new((None, None)),
            owner: thread::current(),
        });
        Ok(Self {
            producer: config.create_with_context(Reports(Arc::clone(&reports)))?,
            reports,
            topic: topic.to_owned(),
        })
    }

    /// Gives a record to the client, once it has room for it.
    pub(super) fn send(&self, payload: &[u8]) -> Result<()> {
        self.reports.records.fetch_add(1, Ordering::Relaxed);
        loop {
            let record: BaseRecord<'_, (), [u8]> =
                BaseRecord::to(&self.topic).partition(0).payload(payload);
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    thread::park_timeout(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(anyhow!(error)),
            }
        }
    }

    /// Waits until everything is acknowledged, and says when the last of it was.
    pub(super) fn wait(&self) -> Result<Instant> {
        let begun = clock::now();
        while self.reports.records.load(Ordering::Acquire) > 0 {
            if begun.elapsed() > RECORDS_MAX {
                bail!("records are not acknowledged after {RECORDS_MAX:?}");
            }
            thread::park_timeout(Duration::from_millis(100));
        }
        let last = self.reports.last.lock().expect("nobody panics with it");
        match &last.1 {
            Some(error) => Err(anyhow!(error.clone()).context("a record was not acknowledged")),
            None => last.0.context("nothing was sent"),
        }
    }
}
