//! Errors with a type and details: an activity's error reaches the workflow, which decides by it, and whoever awaits the run.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// What is missing for a withdrawal.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// In cents.
    pub cents: u32,
}

/// Takes money from an account with 500 cents on it.
#[activity]
pub async fn withdraw(cents: u32) -> Result<u32> {
    match cents.checked_sub(500) {
        None | Some(0) => Ok(cents),
        Some(missing) => Err(Error::new("InsufficientFunds", "not that much")
            .with_details(&Missing { cents: missing })
            .non_retryable()),
    }
}

/// Lends what is missing, up to 100 cents.
#[activity]
pub async fn lend(cents: u32) -> Result<()> {
    match cents {
        0..=100 => Ok(()),
        _ => Err(Error::new("NoCredit", format!("{cents} are too many")).non_retryable()),
    }
}

/// Withdraws; what is missing is lent.
#[workflow]
pub async fn typed_errors(cx: Context, cents: u32) -> Result<u32> {
    let error = match cx.run(withdraw(cents)).await {
        Ok(paid) => return Ok(paid),
        Err(error) => error,
    };
    let missing: Missing = match error.error_type() {
        "InsufficientFunds" => error.details().ok_or(error)?,
        _ => return Err(error),
    };
    cx.run(lend(missing.cents)).await?;
    Ok(cents)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;
    use crate::seen::scheduled;

    fn bank() -> Env {
        Env::new().activities(activities![withdraw, lend])
    }

    #[test]
    fn the_workflow_decides_by_the_type_and_uses_the_details() {
        let run = bank().start(typed_errors(560));

        assert_eq!(run.result().unwrap(), 560);
        assert_eq!(scheduled(&run.history()), ["withdraw 560", "lend 60"]);
    }

    #[test]
    fn the_error_that_ends_the_run_is_the_activitys_own() {
        let run = bank().start(typed_errors(900));

        let error = run.result().unwrap_err();

        assert_eq!(error.to_string(), "NoCredit: 400 are too many");
        assert!(!error.is_retryable());
        assert_eq!(run.status(), "Failed");
    }

    #[test]
    fn an_error_of_another_type_is_tried_again() {
        let env = bank();
        env.fail(withdraw, 1, &Error::new("NoConnection", "try again"));

        let run = env.start(typed_errors(500));

        assert_eq!(run.result().unwrap(), 500);
        assert_eq!(run.history().attempts(), ["withdraw", "withdraw"]);
    }
}
