//! Tests of workflows that take no time: retries, time-outs and years of sleep pass as soon as nothing else is left to do.
//!
//! An [`Env`] runs workflows on the engine's own core, in memory: no Kafka, no threads, no waiting. Activities are real or
//! mocked. After every input the journal is folded and compared with the state, and programs are built anew from their
//! history, so that a workflow that is not deterministic shows it here. [`replay()`] does the same with what production
//! recorded. Both are behind the feature `testing`, which is for dev-dependencies.
//!
//! # Example: a subscription whose gateway is down in March
//! ```
//! use sagaline_sdk::{prelude::*, testing::Env};
//!
//! #[activity]
//! async fn charge(month: u32) -> Result<String> {
//!     Ok(format!("month {month} paid"))
//! }
//!
//! #[workflow]
//! async fn billing(cx: Context, months: u32) -> Result<Vec<String>> {
//!     let mut receipts = Vec::new();
//!     for month in 1..=months {
//!         cx.sleep(30.days()).await?;
//!         receipts.push(cx.run(charge(month)).await?);
//!     }
//!     Ok(receipts)
//! }
//!
//! let env = Env::new().activities(activities![charge]);
//! let begin = env.now();
//! let run = env.start(billing(12));
//!
//! env.skip(75.days());
//! assert_eq!(env.attempts(charge), 2);
//! assert_eq!(run.waiting_for(), "Sleeping until 1 April 2030, 00:00 UTC (15 days).");
//!
//! env.fail(charge, 2, &Error::new("GatewayDown", "connection refused"));
//! assert_eq!(run.result().unwrap().len(), 12);
//! assert_eq!(run.history().count("ActivityAttemptFailed"), 2);
//! assert_eq!(env.attempts(charge), 14);
//! assert!(env.now() >= begin.after(360.days()));
//! ```
//!
//! Deliberately absent: Kafka, workers and settings; `dev --ephemeral` is for tests of those.

mod answer;
mod attempt;
mod env;
mod history;
mod incident;
mod lane;
mod mocks;
mod printed;
mod replay;
mod run;
mod update;
mod with_start;
mod world;

pub use answer::Answer;
pub use env::{Env, StartOptions};
pub use history::History;
pub use incident::Incident;
pub use replay::{replay, replay_all, replay_file};
pub use run::Run;
pub use sagaline_core::{Event, event};
pub use update::Update;

/// Steps that one wait takes at most, unless [`Env::steps_max`] says another.
pub const STEPS_MAX: u32 = 50_000;

/// Error type: nothing can happen to a run any more without a person; the message says what it waits for.
pub const STUCK: &str = "sagaline.testing.Stuck";

/// Error type: a run has not closed after [`STEPS_MAX`] steps.
pub const LIMIT: &str = "sagaline.testing.Limit";

/// Error type: what was to be replayed is no history.
pub const UNREADABLE: &str = "sagaline.testing.Unreadable";
