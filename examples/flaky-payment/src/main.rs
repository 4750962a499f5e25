//! A payment whose gateway is down for a number of attempts.

use std::process::ExitCode;

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// What decides how it goes.
#[derive(Debug, Serialize, Deserialize)]
struct Payment {
    /// So many attempts fail; six are made.
    fail_times: u32,
    /// When all have failed: wait for a person, or fail.
    #[serde(default)]
    park: bool,
}

/// Takes the money, unless the gateway is still down.
#[activity(queue = "payments")]
async fn charge(cx: ActivityContext, fail_times: u32) -> Result<String> {
    let attempt = cx.info().attempt;
    if attempt <= fail_times {
        let message = format!("connection refused, {} to go", fail_times - attempt);
        return Err(Error::new("GatewayDown", message));
    }
    Ok(format!("paid at attempt {attempt}"))
}

#[workflow]
async fn flaky_payment(cx: Context, payment: Payment) -> Result<String> {
    let retry = Retry::default()
        .initial_interval(200.milliseconds())
        .maximum_attempts(6);
    let retry = match payment.park {
        true => retry.park_when_exhausted(),
        false => retry,
    };
    cx.run(charge(payment.fail_times)).retry(retry).await
}

fn main() -> ExitCode {
    sagaline::app()
        .workflow(flaky_payment)
        .activities(activities![charge])
        .run()
}
