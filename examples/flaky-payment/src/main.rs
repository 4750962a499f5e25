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

#[cfg(test)]
mod tests {
    use sagaline::testing::{Env, Incident, Run};

    use super::*;

    fn pays(fail_times: u32, park: bool) -> Run<String> {
        let env = Env::new().activities(activities![charge]);
        env.start(flaky_payment(Payment { fail_times, park }))
    }

    /// A payment that waits for a person, and what for.
    fn parked() -> (Run<String>, Incident) {
        let run = pays(9, true);
        let incident = run.wait_for_incident().unwrap();
        (run, incident)
    }

    #[test]
    fn a_payment_that_fails_three_times_is_paid_at_the_fourth_attempt() {
        let run = pays(3, false);

        assert_eq!(
            run.waiting_for(),
            "charge failed once (GatewayDown: connection refused, 2 to go). Attempt 2 of 6 starts in 0:01."
        );
        assert_eq!(run.result().unwrap(), "paid at attempt 4");
        assert_eq!(run.history().count("ActivityAttemptFailed"), 3);
    }

    #[test]
    fn one_that_fails_six_times_has_failed() {
        let error = pays(6, false).result().unwrap_err();

        assert_eq!(
            error.to_string(),
            "GatewayDown: connection refused, 0 to go"
        );
    }

    #[test]
    fn one_that_parks_is_retried_by_a_person() {
        let (run, incident) = parked();

        incident.retry().unwrap();

        assert_eq!(incident.kind(), "attempts-exhausted");
        assert_eq!(run.result().unwrap(), "paid at attempt 10");
    }

    #[test]
    fn one_that_parks_is_skipped_or_failed_by_a_person() {
        let (skipped, incident) = parked();
        incident.skip("paid by hand").unwrap();
        let (failed, incident) = parked();
        incident.fail().unwrap();

        assert_eq!(skipped.result().unwrap(), "paid by hand");
        assert_eq!(failed.result().unwrap_err().error_type(), "GatewayDown");
    }
}
