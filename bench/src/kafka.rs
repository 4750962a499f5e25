//! Client settings and topics: the same for the bare loop and for Sagaline, so that only the loops differ.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
};

/// Partitions of every topic but the replies.
pub(crate) const PARTITIONS: i32 = 4;

/// Most records that one batch takes.
pub(crate) const BATCH_INPUTS_MAX: usize = 4_096;

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
        .set("fetch.wait.max.ms", "500")
        .set("fetch.min.bytes", "1")
        .set("fetch.queue.backoff.ms", "5");
    config
}

/// Topics of one run of the benchmark, made and deleted together.
pub(crate) struct Topics {
    admin: AdminClient<DefaultClientContext>,
    names: Vec<String>,
}

impl Topics {
    /// Makes topics, each with its number of partitions, on a broker that has none of them yet.
    pub(crate) fn create(kafka: &str, topics: &[(String, i32)]) -> Result<Self> {
        let admin: AdminClient<_> = client(kafka).create()?;
        let new: Vec<_> = topics
            .iter()
            .map(|(name, partitions)| {
                NewTopic::new(name, *partitions, TopicReplication::Fixed(1))
                    .set("message.timestamp.type", "LogAppendTime")
            })
            .collect();
        let names = topics.iter().map(|(name, _)| name.clone()).collect();
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_MAX));
        for result in
            block_on(admin.create_topics(&new, &options)).context("topics could not be made")?
        {
            if let Err((topic, code)) = result {
                bail!("topic {topic} could not be made: {code}");
            }
        }
        Ok(Self { admin, names })
    }

    /// How many records the topics hold.
    pub(crate) fn records(&self, kafka: &str) -> Result<u64> {
        let consumer: BaseConsumer = consumer(kafka, "sagaline-bench").create()?;
        let mut records = 0;
        for name in &self.names {
            let metadata = consumer.fetch_metadata(Some(name), REQUEST_MAX)?;
            for partition in metadata
                .topics()
                .iter()
                .flat_map(|topic| topic.partitions())
            {
                let (low, high) = consumer.fetch_watermarks(name, partition.id(), REQUEST_MAX)?;
                records += u64::try_from(high - low).unwrap_or(0);
            }
        }
        Ok(records)
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
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
