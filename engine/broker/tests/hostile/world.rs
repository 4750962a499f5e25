//! A broker, the memory of this process, and a client that wants nothing special.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        CreateTopicsRequest, FetchRequest, ProduceRequest, TopicName,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        fetch_request::{FetchPartition, FetchTopic},
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::StrBytes,
};
use sagaline_broker::{Broker, Flush, Options};
use tempfile::TempDir;

use crate::{client::Client, records::Batch};

/// How long a normal client may have to wait while others misbehave; without them it is a millisecond.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A broker of a test's own, with a topic of a normal client's.
#[derive(Debug)]
pub(crate) struct World {
    broker: Option<Broker>,
    data: TempDir,
    /// One test at a time: they look at the memory of the process.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl World {
    pub(crate) fn start() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let data = tempfile::tempdir().unwrap();
        let broker = start(&data);
        let world = Self {
            broker: Some(broker),
            data,
            _alone: alone,
        };
        world.create("normal", 1, &[]);
        world
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.broker.as_ref().unwrap().address()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// Stops the broker in order and starts it again.
    pub(crate) fn restart(&mut self) {
        self.broker.take().unwrap().stop(Duration::ZERO);
        self.broker = Some(start(&self.data));
    }

    /// A client that comes now can produce and fetch.
    pub(crate) fn serves(&self) {
        serves(self.address());
    }

    /// Makes a topic; the code that Kafka gives.
    pub(crate) fn create(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> i16 {
        // What tests append is old.
        let configs = [&[("retention.ms", "-1")], configs].concat();
        let topics = vec![creatable(name, partitions, &configs)];
        let request = CreateTopicsRequest::default().with_topics(topics);
        self.connect().call(5, &request).topics[0].error_code
    }
}

fn start(data: &TempDir) -> Broker {
    let options = Options {
        data: data.path().to_owned(),
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        flush: Flush::Os,
    };
    Broker::start(options).unwrap()
}

/// A client that comes now can produce and fetch.
pub(crate) fn serves(address: SocketAddr) {
    let begun = Instant::now();
    let mut client = Client::connect(address);
    let sent = Batch::of(1).bytes();
    let offset = produce(&mut client, "normal", &sent).expect("it is appended");
    let fetched = client.call(4, &fetch("normal", offset, 1 << 20));
    let fetched = &fetched.responses[0].partitions[0];
    assert_eq!(fetched.error_code, 0);
    let records = fetched.records.as_ref();
    assert_eq!(records.map(Bytes::len), Some(sent.len()));
    let took = begun.elapsed();
    assert!(took < PATIENCE, "a normal client waited {took:?}");
}

/// Appends a batch; its offset, or the code that Kafka gives.
pub(crate) fn produce(client: &mut Client, topic: &str, batch: &[u8]) -> Result<i64, i16> {
    let data = PartitionProduceData::default().with_records(Some(Bytes::copy_from_slice(batch)));
    let topic = TopicProduceData::default()
        .with_name(name(topic))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(1_000)
        .with_topic_data(vec![topic]);
    let answer = client.call(7, &request);
    let answer = &answer.responses[0].partition_responses[0];
    match answer.error_code {
        0 => Ok(answer.base_offset),
        code => Err(code),
    }
}

/// What asks for the first partition's records from an offset on, without waiting.
pub(crate) fn fetch(topic: &str, offset: i64, bytes_max: i32) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_fetch_offset(offset)
        .with_partition_max_bytes(bytes_max);
    let topic = FetchTopic::default()
        .with_topic(name(topic))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_bytes(bytes_max)
        .with_topics(vec![topic])
}

pub(crate) fn creatable(topic: &str, partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic {
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    });
    CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect())
}

pub(crate) fn name(topic: &str) -> TopicName {
    TopicName(text(topic))
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Bytes of this process in memory, the broker's among them.
pub(crate) fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse::<usize>().unwrap() * 1024
}
