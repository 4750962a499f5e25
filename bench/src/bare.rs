//! The bare loop: what anybody would write on Kafka without an engine, and the floor that Sagaline is compared with.
//!
//! ```text
//! start ─▶ journal ─ack─▶ task ─▶ worker ─▶ result ─▶ journal ─ack─▶ task … three times … ─▶ journal ─ack─▶ reply
//! ```
//! Deliberately absent: headers, retries, time-outs, deduplication, fencing, recovery. A record's key is the saga's id,
//! and everything of a saga lies in one partition number.

pub(crate) mod engine;
mod sender;
pub(crate) mod worker;

/// Activities of one saga.
pub(crate) const STEPS: u8 = 3;

/// Value of the reply to a start that is in the journal.
pub(crate) const ACCEPTED: &[u8] = b"accepted";
/// Value of the reply that ends a saga.
pub(crate) const COMPLETED: &[u8] = b"completed";

/// Queue and consumer group of the only worker.
pub(crate) const QUEUE: &str = "default";

/// What every child process is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ChildOptions {
    /// The broker.
    #[arg(long)]
    pub(crate) kafka: String,
    /// The namespace of this run's topics.
    #[arg(long)]
    pub(crate) namespace: String,
}
