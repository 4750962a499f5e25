//! What Kafka's protocol promises, request by request: against the embedded broker, and against a real Apache Kafka, so that
//! every expectation is Kafka's own behaviour.
//!
//! ```text
//!   cargo test -p sagaline-broker --test conformance        # each test on an embedded broker of its own
//!   tools/test-wire                                         # on an Apache Kafka that this starts and stops
//!   SAGALINE_TEST_KAFKA=127.0.0.1:9092 cargo test …         # on one that runs; tools/test-wire has the settings that it needs
//! ```
//! Where the embedded broker differs on purpose is said in `differences.rs` alone. Answers are decoded strictly: a byte that
//! is left over fails the test. Of the shared Kafka nothing is expected but what a test made there itself.
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
mod connection;
mod differences;
mod every_version;
mod fetch;
mod group_admin;
mod groups;
mod idempotence;
mod list_offsets;
mod log_dirs;
mod member;
mod metadata;
mod offsets;
mod produce;
mod retention;
mod topics;
mod transactional;
mod transactions;
mod walk;
mod world;
