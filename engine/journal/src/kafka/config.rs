//! Where the brokers are and how to speak to them. Properties of librdkafka pass through, except those on which the
//! engine's guarantees or its latency rest: they are refused by name, with the reason.

use std::{collections::BTreeMap, fmt};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use super::fault;
use crate::{Error, ErrorKind};

/// A Kafka cluster, as its clients reach it.
#[derive(Clone, PartialEq, Eq)]
pub struct Kafka {
    bootstrap: String,
    properties: BTreeMap<String, String>,
}

impl Kafka {
    /// Takes the brokers to begin with (`host:port`, several separated by commas) and librdkafka properties for every
    /// client: security, addresses, quotas, compression. Nothing is connected yet.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: no bootstrap server, a property that Sagaline sets itself, one that librdkafka does not
    /// know, or a value that it does not take. The message names the key.
    pub fn new(
        bootstrap: impl Into<String>,
        properties: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let bootstrap = bootstrap.into();
        if bootstrap.trim().is_empty() {
            let message = "no bootstrap server: name at least one broker as host:port";
            return Err(Error::new(ErrorKind::Invalid, "kafka-bootstrap", message));
        }
        for key in properties.keys() {
            if let Some((_, reason)) = OWNED.iter().find(|(owned, _)| owned == key) {
                let message = format!("the property `{key}` is not yours to set: {reason}");
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "kafka-property-owned",
                    message,
                ));
            }
        }
        let kafka = Self {
            bootstrap,
            properties,
        };
        // Names and values are checked by librdkafka itself, now, not when the first client is made.
        kafka.base().create_native_config().map_err(|error| {
            Error::new(
                ErrorKind::Invalid,
                "kafka-property",
                fault::describe(&error),
            )
        })?;
        Ok(kafka)
    }

    /// The brokers to begin with.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Settings of a producer.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.base();
        for (key, value) in PRODUCER {
            config.set(*key, *value);
        }
        config
    }

    /// Settings of a consumer that reads what [`Isolation`] lets it see. librdkafka wants a group even of one that
    /// never joins.
    pub(super) fn consumer(&self, group: &str, isolation: Isolation) -> ClientConfig {
        let mut config = self.base();
        for (key, value) in CONSUMER {
            config.set(*key, *value);
        }
        config.set("group.id", group).set(
            "isolation.level",
            match isolation {
                Isolation::Committed => "read_committed",
                Isolation::Uncommitted => "read_uncommitted",
            },
        );
        config
    }

    /// Settings of a client that only asks questions.
    pub(super) fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Info);
        for (key, value) in BASE {
            config.set(*key, *value);
        }
        if self.is_encrypted() {
            // OpenSSL may be part of this binary, which then does not know where the system has its certificates.
            config.set("ssl.ca.location", "probe");
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    fn is_encrypted(&self) -> bool {
        let protocol = self.properties.get("security.protocol");
        protocol.is_some_and(|protocol| protocol.to_ascii_lowercase().contains("ssl"))
    }
}

/// Without the properties' values, which may be secrets.
impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka")
            .field("bootstrap", &self.bootstrap)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

/// What a consumer sees of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Only what was committed: inputs may come from somebody's transaction.
    Committed,
    /// Everything: nobody transacts on the journal, and nobody may hold its readers up.
    Uncommitted,
}

/// Of every client; a property of the user's comes after these, so it may change the first group.
const BASE: &[(&str, &str)] = &[
    ("client.id", "sagaline"),
    ("reconnect.backoff.ms", "50"),
    // librdkafka's 10 s would outlive the restart of a broker.
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
    // A broker that accepts but never answers is given up after this.
    ("socket.timeout.ms", "10000"),
    // A client never makes a topic: it would have the wrong number of partitions.
    ("allow.auto.create.topics", "false"),
    ("socket.nagle.disable", "true"),
    ("statistics.interval.ms", "0"),
    // A topic may be younger than the client that waits for it.
    ("topic.metadata.refresh.interval.ms", "2000"),
    // Below message.timeout.ms, so that a missing topic is called missing, not slow.
    ("topic.metadata.propagation.max.ms", "3000"),
];

/// Of every producer.
const PRODUCER: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // With the 5 that idempotence allows, librdkafka's thread spins at that limit, and before it sends one record at a
    // time; with 2 it waits and gathers: 1.6 times the sagas per second at 1,000 open (docs/reference/benchmarks.md).
    ("max.in.flight", "2"),
    // A gap is found by whoever reads the journal; a fatal error would stop all lanes for one partition's time-out.
    ("enable.gapless.guarantee", "false"),
    ("linger.ms", "0"),
    ("message.timeout.ms", "8000"),
    ("request.timeout.ms", "8000"),
    ("message.max.bytes", "8388608"),
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.kbytes", "131072"),
];

/// Of every consumer.
const CONSUMER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    // While one partition's queue is full, a client asks its broker for the others only, and hears of nothing else until
    // that answer: with librdkafka's 500 a busy partition would starve beside idle ones, and a new one would begin late.
    ("fetch.wait.max.ms", "100"),
    ("fetch.min.bytes", "1"),
    // librdkafka's 1000 stalls a reader that has just emptied its queue.
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.error.backoff.ms", "100"),
    // Read ahead, for each partition. The byte limit wins.
    ("queued.min.messages", "100000"),
    ("queued.max.messages.kbytes", "16384"),
];

const EXACTLY_ONE_COPY: &str = "the journal needs every record once, in order, on all replicas";
const OFFSETS: &str = "positions are in the journal's footers, a group's offsets only show the lag";
const MEMBERSHIP: &str = "each kind of client needs its own group and strategy";
const LATENCY: &str = "every hop of a workflow waits for it";
const LIMITS: &str = "the protocol fixes sizes, and back-pressure rests on the limits";

/// Properties that Sagaline sets itself, under all their names, and why.
const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "it has a setting of its own"),
    ("metadata.broker.list", "it has a setting of its own"),
    ("acks", EXACTLY_ONE_COPY),
    ("request.required.acks", EXACTLY_ONE_COPY),
    ("enable.idempotence", EXACTLY_ONE_COPY),
    ("enable.gapless.guarantee", EXACTLY_ONE_COPY),
    ("max.in.flight", EXACTLY_ONE_COPY),
    ("max.in.flight.requests.per.connection", EXACTLY_ONE_COPY),
    ("retries", EXACTLY_ONE_COPY),
    ("message.send.max.retries", EXACTLY_ONE_COPY),
    ("queuing.strategy", EXACTLY_ONE_COPY),
    ("delivery.report.only.error", EXACTLY_ONE_COPY),
    (
        "transactional.id",
        "the journal fences itself, without transactions",
    ),
    (
        "transaction.timeout.ms",
        "the journal fences itself, without transactions",
    ),
    (
        "isolation.level",
        "inputs are read committed and the journal uncommitted",
    ),
    ("auto.offset.reset", OFFSETS),
    ("enable.auto.commit", OFFSETS),
    ("auto.commit.enable", OFFSETS),
    ("auto.commit.interval.ms", OFFSETS),
    ("enable.auto.offset.store", OFFSETS),
    ("enable.partition.eof", OFFSETS),
    ("group.id", MEMBERSHIP),
    ("group.instance.id", MEMBERSHIP),
    ("group.protocol", MEMBERSHIP),
    ("group.remote.assignor", MEMBERSHIP),
    ("partition.assignment.strategy", MEMBERSHIP),
    ("session.timeout.ms", MEMBERSHIP),
    ("heartbeat.interval.ms", MEMBERSHIP),
    ("max.poll.interval.ms", MEMBERSHIP),
    ("linger.ms", LATENCY),
    ("queue.buffering.max.ms", LATENCY),
    ("socket.nagle.disable", LATENCY),
    ("fetch.wait.max.ms", LATENCY),
    ("fetch.min.bytes", LATENCY),
    ("fetch.queue.backoff.ms", LATENCY),
    (
        "message.timeout.ms",
        "a lane claims anew when a batch is late",
    ),
    (
        "delivery.timeout.ms",
        "a lane claims anew when a batch is late",
    ),
    (
        "request.timeout.ms",
        "a lane claims anew when a batch is late",
    ),
    ("message.max.bytes", LIMITS),
    ("queue.buffering.max.messages", LIMITS),
    ("queue.buffering.max.kbytes", LIMITS),
    ("queued.min.messages", LIMITS),
    ("queued.max.messages.kbytes", LIMITS),
    (
        "allow.auto.create.topics",
        "a topic made by accident has the wrong number of partitions",
    ),
    (
        "topic.metadata.refresh.interval.ms",
        "a worker may be older than its topic",
    ),
    (
        "topic.metadata.propagation.max.ms",
        "a missing topic must be told from a slow one",
    ),
    ("statistics.interval.ms", "metrics come from the engine"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> Result<Kafka, Error> {
        Kafka::new(
            "localhost:9092",
            BTreeMap::from([(key.to_owned(), value.to_owned())]),
        )
    }

    #[test]
    fn a_property_of_the_user_reaches_the_client() {
        let kafka = with("compression.type", "zstd").unwrap();

        assert_eq!(kafka.producer().get("compression.type"), Some("zstd"));
        assert_eq!(kafka.producer().get("linger.ms"), Some("0"));
    }

    #[test]
    fn certificates_are_looked_for_where_systems_have_them_unless_the_user_says_where() {
        let tls = BTreeMap::from([("security.protocol".to_owned(), "SASL_SSL".to_owned())]);
        let kafka = Kafka::new("localhost:9093", tls).unwrap();
        assert_eq!(kafka.base().get("ssl.ca.location"), Some("probe"));
        assert_eq!(
            with("compression.type", "zstd")
                .unwrap()
                .base()
                .get("ssl.ca.location"),
            None
        );

        let own = with("ssl.ca.location", "/dev/null").unwrap();

        assert_eq!(own.base().get("ssl.ca.location"), Some("/dev/null"));
    }

    #[test]
    fn nothing_is_compressed_unless_the_user_wants_it() {
        let kafka = Kafka::new("localhost:9092", BTreeMap::new()).unwrap();

        assert_eq!(kafka.producer().get("compression.type"), None);
    }

    #[test]
    fn every_owned_property_is_refused_by_name() {
        for (key, _) in OWNED {
            let error = with(key, "1").unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert_eq!(error.code(), "kafka-property-owned");
            assert!(error.message().contains(&format!("`{key}`")), "{error}");
        }
    }

    #[test]
    fn what_we_set_is_either_owned_or_meant_to_be_changed() {
        let changeable = [
            "client.id",
            "reconnect.backoff.ms",
            "reconnect.backoff.max.ms",
            "socket.keepalive.enable",
            "socket.timeout.ms",
            "fetch.error.backoff.ms",
        ];
        for (key, _) in BASE.iter().chain(PRODUCER).chain(CONSUMER) {
            let owned = OWNED.iter().any(|(owned, _)| owned == key);

            assert_ne!(owned, changeable.contains(key), "{key}");
        }
    }

    #[test]
    fn a_misspelt_property_and_a_bad_value_are_named() {
        let unknown = with("compresion.type", "zstd").unwrap_err();
        let bad = with("compression.type", "brotli").unwrap_err();

        assert!(unknown.message().contains("compresion.type"), "{unknown}");
        assert!(bad.message().contains("compression.type"), "{bad}");
        assert_eq!(bad.code(), "kafka-property");
    }

    #[test]
    fn a_secret_is_never_printed() {
        let kafka = with("sasl.password", "hunter2").unwrap();

        assert!(!format!("{kafka:?}").contains("hunter2"));
    }
}
