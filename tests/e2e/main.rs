//! End to end, on the embedded broker or Apache Kafka: whole processes that are killed, stopped, frozen, and fed with nonsense.
//!
//! Each test has a namespace of its own on one broker that all share. What a test found in a journal is checked as a
//! whole at its end: see `harness/check.rs`. `tools/test-e2e` builds what the tests run.

mod access;
mod answers;
mod attempts;
mod batches;
mod bulk;
mod by_http;
mod chain;
mod children;
mod cli;
mod client;
mod clocks;
mod codec;
mod crash;
mod delays;
mod deletes;
#[cfg(not(feature = "apache"))]
mod demo;
#[cfg(not(feature = "apache"))]
mod dev;
#[cfg(not(feature = "apache"))]
mod faults;
mod flow;
mod handover;
mod harness;
mod http_api;
mod incidents;
mod inputs;
mod kept;
mod local;
mod long;
mod messages;
mod metrics;
mod poison;
mod queues;
mod refusals;
mod resets;
mod saga;
mod schedules;
mod seeing;
mod signals;
mod starts;
mod stops;
mod strays;
mod timeouts;
mod traces;
mod trims;
mod versions;
