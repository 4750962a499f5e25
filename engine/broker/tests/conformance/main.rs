//! What Kafka's protocol promises, request by request: against the embedded broker, and against a real Apache Kafka, so that
//! every expectation is Kafka's own behaviour.
//!
//! ```text
//!   cargo test -p sagaline-broker --test conformance                                       # a broker of each test's own
//!   tools/apache-kafka start --dir /tmp/conformance --port 9092 \
//!       --config log.retention.check.interval.ms=1000 --config log.cleaner.backoff.ms=500 \
//!       --config auto.create.topics.enable=true
//!   SAGALINE_TEST_KAFKA=127.0.0.1:9092 cargo test -p sagaline-broker --test conformance    # the same tests, Kafka's answers
//!   tools/apache-kafka stop --dir /tmp/conformance
//! ```
//! The three settings are for `retention.rs` (Kafka looks for old segments every 5 min and for dirty logs every 15 s) and
//! for topics that a question for metadata makes. Where the embedded broker differs on purpose is said in `differences.rs`
//! alone. Answers are decoded strictly: a byte that is left over fails the test.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a real broker takes real time"
)]

mod api_versions;
mod ask;
mod batch;
mod client;
mod configs;
mod differences;
mod fetch;
mod group_admin;
mod groups;
mod idempotence;
mod list_offsets;
mod member;
mod metadata;
mod offsets;
mod produce;
mod topics;
mod world;
