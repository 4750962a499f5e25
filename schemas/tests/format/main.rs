//! What holds for every value of the journal: Rust types and schemas agree, other readers agree with us, bytes that were
//! written stay readable, and damaged bytes do no harm.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test that is an assertion"
)]

mod agreement;
mod damage;
mod foreign;
mod golden;
mod random;
mod rust_shape;
mod samples;
mod schema_shape;
mod shown;
