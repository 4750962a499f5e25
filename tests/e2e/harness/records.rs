//! Records that a test produces, byte for byte as it wants them.

use std::{
    borrow::Cow,
    io::Write,
    process::{Command, Stdio},
};

use sagaline_journal::{ErrorKind, Headers, NewRecord, kafka::Producer, wire::partition_of};
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    wait::{LIMIT, Watch},
    world::World,
};

/// How many records are on their way at the same time.
const IN_FLIGHT_MAX: usize = 500;

/// Where a record came to lie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// A record to be produced.
#[must_use = "a draft is not sent yet"]
pub(crate) struct Draft<'w> {
    world: &'w World,
    record: NewRecord,
}

impl<'w> Draft<'w> {
    pub(crate) fn new(world: &'w World, topic: String, key: &str) -> Self {
        let record = NewRecord {
            topic: topic.into(),
            partition: partition_of(key.as_bytes(), world.partitions),
            key: Some(key.into()),
            value: None,
            headers: Headers::new(),
        };
        Self { world, record }
    }

    pub(crate) fn topic(mut self, topic: String) -> Self {
        self.record.topic = topic.into();
        self
    }

    pub(crate) fn partition(mut self, partition: i32) -> Self {
        self.record.partition = partition;
        self
    }

    /// Another key; the partition stays.
    pub(crate) fn key(mut self, key: Option<&[u8]>) -> Self {
        self.record.key = key.map(<[u8]>::to_vec);
        self
    }

    pub(crate) fn header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl AsRef<[u8]>,
    ) -> Self {
        self.record.push_header(name, value);
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        let others = self.record.headers.iter().filter(|(have, _)| *have != name);
        self.record.headers = others
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self
    }

    /// Asks for answers under this correlation.
    pub(crate) fn answered_as(self, correlation: &str) -> Self {
        let replies = format!("{}.replies", self.world.namespace);
        self.header("sl-reply-topic", replies)
            .header("sl-correlation", correlation)
    }

    pub(crate) fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.record.value = Some(value.into());
        self
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        self.value(value.to_string())
    }

    pub(crate) fn record(&self) -> &NewRecord {
        &self.record
    }

    pub(crate) fn into_record(self) -> NewRecord {
        self.record
    }

    /// Sends it and waits until the broker has it.
    pub(crate) fn send(self) -> Place {
        let (topic, partition) = (self.record.topic.to_string(), self.record.partition);
        let sent = self.world.producer.send_blocking(self.record);
        let offset = sent.expect("the broker takes the record");
        Place {
            topic,
            partition,
            offset,
        }
    }
}

/// Sends a record that has an identity, again when nobody knows whether it arrived: a broker that has just begun is slow.
async fn sent_at_last(producer: Producer, record: NewRecord) {
    let watch = Watch::begin();
    loop {
        match producer.send(record.clone()).await {
            Ok(_) => return,
            Err(error) if error.kind() == ErrorKind::Unavailable && watch.elapsed() < LIMIT => {}
            Err(error) => panic!("the broker takes the record: {error}"),
        }
    }
}

impl World {
    /// A start of the example's saga.
    pub(crate) fn start_order(&self, id: &str, order: &Value) -> Draft<'_> {
        self.request("sagaline.workflow.start.v1", id)
            .header("sl-workflow", "order")
            .json(order)
    }

    /// Sends many records, in no particular order.
    pub(crate) fn send_all(&self, records: impl IntoIterator<Item = NewRecord>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime is made");
        runtime.block_on(async {
            let mut on_their_way = JoinSet::new();
            for record in records {
                if on_their_way.len() >= IN_FLIGHT_MAX {
                    on_their_way
                        .join_next()
                        .await
                        .expect("there are some")
                        .expect("a record was sent");
                }
                let producer = self.producer.clone();
                on_their_way.spawn(sent_at_last(producer, record));
            }
            on_their_way.join_all().await;
        });
    }

    /// Produces by kcat, as somebody would who has nothing else.
    pub(crate) fn kcat(&self, topic: &str, arguments: &[&str], value: &str) {
        let mut kcat = Command::new("kcat")
            .args(["-P", "-b", &self.bootstrap, "-t", topic])
            .args(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("kcat is installed: apt-get install kcat, brew install kcat");
        kcat.stdin
            .take()
            .expect("it was asked for")
            .write_all(value.as_bytes())
            .expect("kcat reads its input");
        assert!(
            kcat.wait().expect("kcat ends").success(),
            "kcat {arguments:?}"
        );
    }
}

/// An order as the example takes it; what becomes of it is decided by `card` and `courier`.
pub(crate) fn order(id: &str, card: &str, courier: &str) -> Value {
    serde_json::json!({"order_id": id, "total": 49.9, "card": card, "courier": courier, "address": "Main Street 1"})
}
