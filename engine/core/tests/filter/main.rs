//! The filter language as text: what is a filter, what is none, and why. What filters mean is in `view/filter.rs`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod invalid;
mod page;
mod random;
mod written;
