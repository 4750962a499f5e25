//! What a client may ask for at most. A development broker serves few clients, and no client may bring it down.

use std::time::Duration;

/// Bytes of one request; Kafka's `socket.request.max.bytes`.
pub(crate) const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Bytes of all requests that are being read or answered.
pub(crate) const FRAMES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Connections at a time. The next one is closed at once.
pub(crate) const CONNECTIONS_MAX: usize = 2_000;

/// How long a request may take to arrive once it began.
pub(crate) const FRAME_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a client may take to read an answer.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a connection may say nothing; Kafka's `connections.max.idle.ms`.
pub(crate) const IDLE_TIME_MAX: Duration = Duration::from_secs(600);

/// Elements of one array of a request.
pub(crate) const ARRAY_MAX: usize = 16_384;

/// Elements of all arrays of a request.
pub(crate) const ELEMENTS_MAX: usize = 65_536;

/// Topics.
pub(crate) const TOPICS_MAX: usize = 10_000;

/// Partitions of one topic.
pub(crate) const TOPIC_PARTITIONS_MAX: i32 = 1_024;

/// Partitions of all topics.
pub(crate) const PARTITIONS_MAX: usize = 20_000;

/// Bytes of a topic's name; Kafka's limit.
pub(crate) const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Bytes of one answer to a fetch; Kafka's `fetch.max.bytes` of a broker.
pub(crate) const FETCH_BYTES_MAX: usize = 55 * 1024 * 1024;

/// How long a fetch waits at most, whatever it asks for.
pub(crate) const FETCH_WAIT_MAX: Duration = Duration::from_secs(300);

/// Producers that a partition remembers; the one that has been silent for longest is forgotten first.
pub(crate) const PRODUCERS_MAX: usize = 10_000;

/// Bytes of a config's value.
pub(crate) const CONFIG_BYTES_MAX: usize = 4_096;
