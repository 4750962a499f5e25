//! What a client may ask for at most. A development broker serves few clients, and no client may bring it down.

use std::time::Duration;

/// Bytes of one request that brings records; Kafka's `socket.request.max.bytes`.
pub(crate) const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Bytes of any other request: the largest are the assignments of a large group.
pub(crate) const PLAIN_FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that all connections hold together, of requests and of answers, beyond each one's own. One answer may be more.
pub(crate) const MEMORY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes of requests and answers that each connection may hold whatever others do: most are smaller.
pub(crate) const CONNECTION_BYTES: usize = 64 * 1024;

/// How long a request or an answer may be under way before it is given up for another connection that needs its memory.
pub(crate) const TRANSFER_TIME_MIN: Duration = Duration::from_secs(2);

/// Bytes of an answer that is put together of many parts; the connection that asks for more is closed.
pub(crate) const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Connections at a time. One more takes the place of another: see `connections.rs`.
pub(crate) const CONNECTIONS_MAX: usize = 2_000;

/// Files of logs that are open at a time, whatever the number of partitions.
pub(crate) const FILES_MAX: usize = 1_024;

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
pub(crate) const TOPICS_MAX: usize = 5_000;

/// Partitions of one topic.
pub(crate) const TOPIC_PARTITIONS_MAX: i32 = 1_024;

/// Partitions of all topics.
pub(crate) const PARTITIONS_MAX: usize = 10_000;

/// Bytes of a topic's name; Kafka's limit.
pub(crate) const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Bytes of one answer to a fetch; Kafka's `fetch.max.bytes` of a broker.
pub(crate) const FETCH_BYTES_MAX: usize = 55 * 1024 * 1024;

/// How long a fetch waits at most, whatever it asks for.
pub(crate) const FETCH_WAIT_MAX: Duration = Duration::from_secs(300);

/// Producers that a partition remembers; the one that has been silent for longest is forgotten first.
pub(crate) const PRODUCERS_MAX: usize = 10_000;

/// Producers that all partitions remember; then each partition remembers one at least and forgets one for each new one.
pub(crate) const PRODUCERS_OF_ALL_MAX: usize = 200_000;

/// Bytes of the last appends that all partitions keep in memory; a partition that finds no room reads its file.
pub(crate) const TAILS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Segments of one log; when there are as many, only size begins another one, and age no more.
pub(crate) const SEGMENTS_MAX: usize = 4_096;

/// What `index.interval.bytes` counts as at most: more would make every read scan more.
pub(crate) const INDEX_INTERVAL_BYTES_MAX: u32 = 64 * 1024;

/// How long a look-up of a time may wait for those before it; each may decompress a batch.
pub(crate) const LOOKUP_TIME_MAX: Duration = Duration::from_secs(30);

/// Bytes of all values that are set for one topic.
pub(crate) const CONFIGS_BYTES_MAX: usize = 8_192;

/// Bytes of a config's value.
pub(crate) const CONFIG_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    #[test]
    fn every_limit_is_in_the_reference() {
        let page = include_str!("../../../docs/reference/broker.md");
        let limits = include_str!("limits.rs");

        let lines = limits.lines();
        let constants = lines.filter_map(|line| line.strip_prefix("pub(crate) const "));
        for (name, _) in constants.filter_map(|line| line.split_once(':')) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
