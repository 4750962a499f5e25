//! The environment in which users test their workflows.

#![allow(clippy::unwrap_used, reason = "in a test that is an assertion")]

mod attempts;
mod batches;
mod chain;
mod children;
mod codec;
mod external;
mod failures;
mod intercept;
mod intercept_workflows;
mod local;
mod messages;
mod parallel;
mod people;
mod replayed;
mod schedules;
mod signals;
mod sync;
mod time;
mod updates;
mod versions;

use std::time::Duration;

use sagaline_core::Millis;
use sagaline_sdk::{prelude::*, testing::Env};

/// Reserves one piece of an item.
#[activity(queue = "warehouse")]
async fn reserve(item: &str) -> Result<u32> {
    Ok(u32::try_from(item.len())?)
}

#[activity(queue = "warehouse")]
async fn release(reservation: &u32) -> Result<()> {
    let _ = reservation;
    Ok(())
}

#[activity(queue = "payments")]
async fn charge(cents: u32) -> Result<String> {
    Ok(format!("paid {cents}"))
}

#[workflow]
async fn order(cx: Context, cents: u32) -> Result<String> {
    cx.run(reserve("tea")).compensate_with(release).await?;
    let retry = Retry::default().jitter(0.0).maximum_attempts(4);
    cx.run(charge(cents)).retry(retry).await
}

fn shop() -> Env {
    Env::new().activities(activities![reserve, release, charge])
}

/// How long after the begin of `env`'s time something happened.
fn since_begin(at: Timestamp) -> Duration {
    let Millis(span) = at.since(Env::new().now());
    Duration::from_millis(span)
}

fn down() -> Error {
    Error::new("GatewayDown", "connection refused")
}
