//! The embedded broker: one node that speaks Kafka's protocol, durable in segment files, for development and tests.
//!
//! Everything runs on one thread with one event loop, so state needs no locks; only what may take long (syncing to disk,
//! cleaning) goes to other threads. A single node has no replicas: what is appended is committed.
//!
//! Absent: replication, access control, and every request that is not advertised (`wire/versions.rs`).

mod log;
