//! Workflows as programs: activations in, commands out, without an engine.

#![allow(clippy::unwrap_used, reason = "in a test that is an assertion")]

mod cancel;
mod compensation;
mod drive;
mod engine;
mod options;
mod parallel;
mod replay;
mod scopes;
mod steps;
mod timers;
