//! A producer with a polling thread that wakes its owner when the last report is there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use anyhow::{Result, anyhow, bail};
use rdkafka::{
    ClientConfig, ClientContext,
    message::{DeliveryResult, OwnedHeaders},
    producer::{BaseRecord, ProducerContext, ThreadedProducer},
};

/// Sends from one thread, the one that made it, and waits there until all is acknowledged.
pub(super) struct Sender {
    producer: ThreadedProducer<Reports>,
    reports: Arc<Outstanding>,
}

impl Sender {
    pub(super) fn new(config: &ClientConfig) -> Result<Self> {
        let reports = Arc::new(Outstanding {
            records: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            owner: thread::current(),
        });
        let producer = config.create_with_context(Reports(Arc::clone(&reports)))?;
        Ok(Self { producer, reports })
    }

    pub(super) fn send(&self, topic: &str, partition: i32, key: &[u8], value: &[u8]) -> Result<()> {
        self.send_with((topic, partition), key, value, None)
    }

    pub(super) fn send_with(
        &self,
        (topic, partition): (&str, i32),
        key: &[u8],
        value: &[u8],
        headers: Option<OwnedHeaders>,
    ) -> Result<()> {
        self.reports.records.fetch_add(1, Ordering::Relaxed);
        let mut record = BaseRecord::to(topic)
            .partition(partition)
            .key(key)
            .payload(value);
        record.headers = headers;
        self.producer
            .send(record)
            .map_err(|(error, _)| anyhow!(error))
    }

    /// Waits for the reports of everything that was sent.
    pub(super) fn wait(&self) -> Result<()> {
        while self.reports.records.load(Ordering::Acquire) > 0 {
            thread::park_timeout(Duration::from_secs(1));
        }
        if self.reports.failed.load(Ordering::Relaxed) {
            bail!("a record was not acknowledged");
        }
        Ok(())
    }
}

struct Outstanding {
    records: AtomicUsize,
    failed: AtomicBool,
    owner: Thread,
}

struct Reports(Arc<Outstanding>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if result.is_err() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
        if self.0.records.fetch_sub(1, Ordering::Release) == 1 {
            self.0.owner.unpark();
        }
    }
}
