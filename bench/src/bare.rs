//! The bare loop: what anybody would write on Kafka without an engine, and the floor that Sagaline is compared with.
//!
//! ```text
//! start ─▶ journal ─ack─▶ task ─▶ worker ─▶ result ─▶ journal ─ack─▶ task … three times … ─▶ journal ─ack─▶ reply
//! ```
//! Deliberately absent: retries, time-outs, deduplication, fencing, recovery, and headers but for those that Sagaline's
//! worker wants on a task. A record's key is the saga's id, and everything of a saga lies in one partition number.

pub(crate) mod engine;
mod sender;
pub(crate) mod worker;

/// What a task says beside its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tasks {
    /// Nothing: for the loop's own worker.
    Plain,
    /// What Sagaline's worker wants to know: for the comparison of engines, both with the same worker.
    Addressed,
}

/// Activities of one saga.
pub(crate) const STEPS: u8 = 3;

/// Value of the reply to a start that is in the journal.
pub(crate) const ACCEPTED: &[u8] = b"accepted";
/// Value of the reply that ends a saga.
pub(crate) const COMPLETED: &[u8] = b"completed";

/// Queue of the only worker.
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
