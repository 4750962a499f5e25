//! What people see of runs.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod ended;
mod filter;
mod incident;
mod open;
mod records;
mod script;
