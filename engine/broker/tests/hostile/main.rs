//! What hostile clients do to the broker, and that a normal client is served all the while.
//!
//! Each test starts a broker of its own, attacks it by plain TCP, and asks `World::serves` in between: a produce and a fetch
//! on another connection, within `PATIENCE`. What is refused is refused in Kafka's words, or by closing the connection.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test"
)]

mod answers;
mod client;
mod connections;
mod frames;
mod groups;
mod numbers;
mod records;
mod topics;
mod world;
