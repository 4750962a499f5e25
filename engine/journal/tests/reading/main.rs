//! Writing batches and claims, and reading them back among whatever else lies in the log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test that is an assertion"
)]

mod damage;
mod log;
mod python;
mod random;
mod reader;
mod split;
mod writer;
