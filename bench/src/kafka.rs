//! Client settings and topics: the same for the bare loop and for Sagaline, so that only the loops differ.

use std::time::Duration;

use anyhow::{Result, bail};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    metadata::MetadataTopic,
};

use crate::clock;

/// Partitions of every topic but the replies.
pub(crate) const PARTITIONS: i32 = 4;

/// Most records that one batch takes: the engine's bound.
pub(crate) const BATCH_INPUTS_MAX: usize = 1_000;

const REQUEST_MAX: Duration = Duration::from_secs(30);

/// What every client has in common.
fn client(kafka: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", kafka)
        .set("socket.nagle.disable", "true")
        .set("topic.metadata.refresh.interval.ms", "2000");
    config
}

/// A producer of acknowledged, ordered records.
pub(crate) fn producer(kafka: &str) -> ClientConfig {
    let mut config = client(kafka);
    config
        .set("enable.idempotence", "true")
        // At the limit of 5 for each partition librdkafka's thread spins, and before it sends one record at a time; this
        // limit, of a connection, makes it wait and gather.
        .set("max.in.flight", "2")
        .set("acks", "all")
        .set("linger.ms", "0")
        .set("queue.buffering.max.messages", "1000000");
    config
}

/// A consumer that commits for itself.
pub(crate) fn consumer(kafka: &str, group: &str) -> ClientConfig {
    let mut config = client(kafka);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.min.bytes", "1")
        .set("fetch.queue.backoff.ms", "5");
    config
}

/// Topics of one run of the benchmark: all that begin with its namespace, deleted together.
pub(crate) struct Topics {
    admin: AdminClient<DefaultClientContext>,
    consumer: BaseConsumer,
    namespace: String,
}

impl Topics {
    /// Nothing is made yet.
    pub(crate) fn new(kafka: &str, namespace: String) -> Result<Self> {
        Ok(Self {
            admin: client(kafka).create()?,
            consumer: consumer(kafka, "sagaline-bench").create()?,
            namespace,
        })
    }

    /// What all their names begin with, before a dot.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Makes topics as the engine does, each with its number of partitions.
    pub(crate) fn create(&self, topics: &[(String, i32)]) -> Result<()> {
        self.create_with(topics, &[("message.timestamp.type", "LogAppendTime")])
    }

    /// Makes topics with these settings, each with its number of partitions.
    pub(crate) fn create_with(
        &self,
        topics: &[(String, i32)],
        settings: &[(&str, &str)],
    ) -> Result<()> {
        let new: Vec<_> = topics
            .iter()
            .map(|(name, partitions)| {
                let new = NewTopic::new(name, *partitions, TopicReplication::Fixed(1));
                settings
                    .iter()
                    .fold(new, |new, (key, value)| new.set(key, value))
            })
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_MAX));
        for result in block_on(self.admin.create_topics(&new, &options))? {
            if let Err((topic, code)) = result {
                bail!("topic {topic} could not be made: {code}");
            }
        }
        Ok(())
    }

    /// Waits until topics are there.
    pub(crate) fn wait_for(&self, names: &[String]) -> Result<()> {
        let begun = clock::now();
        while begun.elapsed() < REQUEST_MAX {
            let have = self.partitions()?;
            if names
                .iter()
                .all(|name| have.iter().any(|(topic, _)| topic == name))
            {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        bail!("not there after {REQUEST_MAX:?}: {}", names.join(", "))
    }

    /// How many records the topics hold.
    pub(crate) fn records(&self) -> Result<u64> {
        let mut records = 0;
        for (topic, partition) in self.partitions()? {
            let (low, high) = self
                .consumer
                .fetch_watermarks(&topic, partition, REQUEST_MAX)?;
            records += u64::try_from(high - low).unwrap_or(0);
        }
        Ok(records)
    }

    fn partitions(&self) -> Result<Vec<(String, i32)>> {
        let metadata = self.consumer.fetch_metadata(None, REQUEST_MAX)?;
        let beginning = format!("{}.", self.namespace);
        let ours = metadata
            .topics()
            .iter()
            .filter(|topic| topic.name().starts_with(&beginning));
        let each = |topic: &MetadataTopic| {
            let partitions = topic.partitions().iter();
            partitions
                .map(|one| (topic.name().to_owned(), one.id()))
                .collect::<Vec<_>>()
        };
        Ok(ours.flat_map(each).collect())
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        let mut names: Vec<String> = self
            .partitions()
            .unwrap_or_default()
            .into_iter()
            .map(|(topic, _)| topic)
            .collect();
        names.dedup();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // Left-over topics do no harm: the next run has a namespace of its own.
        let _deleted = block_on(self.admin.delete_topics(&names, &AdminOptions::new()));
    }
}

/// Polls a future of the admin client, which does its work on threads of its own.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(&waker))
        {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
