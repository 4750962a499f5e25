//! Two versions of one workflow: a run keeps the one that it began with, new runs get the highest.

use sagaline::prelude::*;

/// Ships an order.
#[activity]
pub async fn ship() -> Result<()> {
    Ok(())
}

/// Checks an address, which only the new version does.
#[activity]
pub async fn check_address() -> Result<()> {
    Ok(())
}

/// As it was.
#[workflow(name = "parcel", version = "1.0.0")]
pub async fn parcel_before(cx: Context) -> Result<()> {
    cx.sleep(1.days()).await?;
    cx.run(ship()).await
}

/// As it is now.
#[workflow(version = "2.0.0")]
pub async fn parcel(cx: Context) -> Result<()> {
    cx.run(check_address()).await?;
    cx.sleep(1.days()).await?;
    cx.run(ship()).await
}

#[cfg(test)]
mod tests {
    use sagaline::{
        WorkflowCall, call_workflow,
        testing::{Env, Run, StartOptions},
    };

    use super::*;

    fn start(env: &Env) -> Run<()> {
        let newest: WorkflowCall<()> = call_workflow("parcel", &());
        env.start_named(StartOptions::new(), newest)
    }

    #[test]
    fn a_run_goes_on_with_its_version_after_a_deploy_and_the_next_one_has_the_new() {
        let env = Env::new().activities(activities![ship, check_address]);
        env.deploy(workflows![parcel_before]);
        let old = start(&env);

        env.deploy(workflows![parcel_before, parcel]);
        let new = start(&env);
        old.result().unwrap();
        new.result().unwrap();

        assert_eq!(old.history().attempts(), ["ship"]);
        assert_eq!(new.history().attempts(), ["check-address", "ship"]);
    }

    #[test]
    fn a_run_whose_version_was_removed_waits_for_it() {
        let env = Env::new().activities(activities![ship, check_address]);
        env.deploy(workflows![parcel_before]);
        let old = start(&env);

        env.deploy(workflows![parcel]);
        let incident = old.wait_for_incident().unwrap();
        assert_eq!(incident.kind(), "definition-missing");
        assert_eq!(env.attempts(ship), 0);
    }
}
