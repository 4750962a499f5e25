//! The embedded broker: one node that speaks Kafka's protocol, durable in segment files, for development and tests.
//!
//! Everything runs on one thread with one event loop, so state needs no locks; only what may take long (syncing to disk,
//! cleaning) goes to other threads. A single node has no replicas: what is appended is committed.
//!
//! ```text
//!   connection.rs ─▶ wire.rs ─▶ api.rs ─▶ topics.rs ─▶ partition.rs ─▶ log.rs ─▶ segment files
//!   (bytes)          (frames)   (one file an API)      producers.rs
//!                                  ├────▶ coordinator.rs ─▶ group.rs
//!                                  └────▶ transactor.rs  ─▶ transactions.rs
//! ```
//! Absent: replication, access control, and every request that is not advertised (`wire/versions.rs`).

mod api;
mod change_file;
mod clock;
mod code;
mod connection;
mod connections;
mod coordinator;
mod descriptors;
mod disk;
mod error;
#[cfg(feature = "faults")]
mod faults;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod limits;
mod log;
mod maintenance;
mod node;
mod partition;
mod producers;
mod server;
mod store;
mod sync_gate;
mod syncer;
mod topic;
mod topics;
mod transactions;
mod transactor;
mod wire;

pub use error::{Error, ErrorKind};
#[cfg(feature = "faults")]
pub use faults::{Api, Fault, Faults};
pub use server::{Broker, Flush, Options};
