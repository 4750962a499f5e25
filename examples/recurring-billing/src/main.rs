//! A subscription that is charged once per period, for months: a loop of sleep and activity.

use std::{process::ExitCode, time::Duration};

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// What is billed, and how often.
#[derive(Debug, Serialize, Deserialize)]
struct Subscription {
    /// Milliseconds between two charges.
    period_ms: u64,
    /// How many charges.
    times: u32,
}

/// Takes the money for one period. Whatever it calls is given the idempotency key, so that nobody is charged twice.
#[activity(queue = "billing")]
async fn charge(cx: ActivityContext, period: u32) -> Result<String> {
    Ok(format!("period {period} paid, {}", cx.idempotency_key()))
}

#[workflow]
async fn billing(cx: Context, subscription: Subscription) -> Result<Vec<String>> {
    let period = Duration::from_millis(subscription.period_ms);
    let mut receipts = Vec::new();
    let mut due_at = cx.now();
    for number in 1..=subscription.times {
        // From instant to instant, so that a late charge does not put off the next.
        due_at = due_at.after(period);
        cx.sleep_until(due_at).await?;
        receipts.push(cx.run(charge(number)).await?);
    }
    Ok(receipts)
}

fn main() -> ExitCode {
    sagaline::app()
        .workflow(billing)
        .activities(activities![charge])
        .run()
}
