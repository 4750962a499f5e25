//! Sagaline: durable workflows (sagas) on the Kafka you already run.
//!
//! This is the crate that an app depends on: the SDK (workflows, activities, workers, clients) and [`app()`], which makes
//! one binary of them: engine, worker and command line.
//!
//! # Example: an app with one workflow
//! ```no_run
//! use std::process::ExitCode;
//!
//! use sagaline::prelude::*;
//!
//! #[activity]
//! async fn greet(name: &str) -> Result<String> {
//!     Ok(format!("Hello, {name}!"))
//! }
//!
//! #[workflow]
//! async fn welcome(cx: Context, name: String) -> Result<String> {
//!     cx.run(greet(&name)).await
//! }
//!
//! fn main() -> ExitCode {
//!     sagaline::app().workflow(welcome).activities(activities![greet]).run()
//! }
//! ```

// Linked for its `malloc`, which then is everybody's, librdkafka's too.
#[cfg(all(feature = "mimalloc", unix, not(target_env = "musl")))]
use libmimalloc_sys as _;

mod app;
mod cli;
mod clock;
mod database;
mod demo;
mod dev;
mod fault;
mod inbox;
mod issuer;
mod journal;
mod logging;
mod notices;
mod output;
mod renewal;
mod runs;
#[cfg(test)]
mod scripted;
mod server;
mod settings;
mod signals;
mod traces;
mod work;

pub use app::{App, app};
pub use demo::{Demo, DemoFolder};
pub use sagaline_sdk::*;

/// The guide's examples compile with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/long-activities.md")]
struct LongActivities;

/// The same.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/codec.md")]
struct CodecGuide;

/// The same.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/parallel.md")]
struct Parallel;

/// The same.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/messages.md")]
struct Messages;

/// The same.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/interceptors.md")]
struct Interceptors;
