//! A delivery that says at once whether it is taken, and goes on behind that answer; anybody may ask where it is.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// Where a delivery is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The restaurant was not asked yet.
    #[default]
    Ordered,
    /// It cooks.
    Taken,
    /// A courier has it.
    PickedUp,
    /// It is there.
    Delivered,
    /// What was paid is paid back.
    GivenBack,
}

/// What is known of it.
#[derive(Debug, Default)]
pub struct Delivery {
    stage: Stage,
    /// Set once it is known whether the restaurant cooks.
    taken: Option<bool>,
}

/// Takes the money.
#[activity]
pub async fn charge(cents: u32) -> Result<String> {
    Ok(format!("payment of {cents}"))
}

/// Gives it back. It may be called for a payment that is given back already.
#[activity]
pub async fn refund(payment: &str) -> Result<()> {
    let _ = payment;
    Ok(())
}

/// Asks the restaurant.
#[activity]
pub async fn cook(dish: &str) -> Result<()> {
    let _ = dish;
    Ok(())
}

/// Where it is.
#[query]
pub fn stage(delivery: &Delivery) -> Stage {
    delivery.stage
}

/// Whether it is taken: whoever orders waits for that alone.
#[update]
pub async fn taken(cx: Context<Delivery>) -> Result<bool> {
    cx.until(|delivery| delivery.taken.is_some()).await?;
    Ok(cx.with(|delivery| delivery.taken == Some(true)))
}

/// The courier has it.
#[signal]
pub fn picked_up(delivery: &mut Delivery) {
    delivery.stage = Stage::PickedUp;
}

/// It is there.
#[signal]
pub fn delivered(delivery: &mut Delivery) {
    delivery.stage = Stage::Delivered;
}

/// Charges, has it cooked, and waits two hours for the courier; else what was paid is paid back.
#[workflow(signals(picked_up, delivered), queries(stage), updates(taken))]
pub async fn delivery(cx: Context<Delivery>, (dish, cents): (String, u32)) -> Result<Stage> {
    let paid = cx
        .run(charge(cents))
        .compensate_with(|payment: &String| refund(payment))
        .await;
    let cooks = match paid {
        Ok(_) => cx.run(cook(&dish)).await,
        Err(error) => Err(error),
    };
    cx.with_mut(|delivery| {
        delivery.taken = Some(cooks.is_ok());
        delivery.stage = match cooks.is_ok() {
            true => Stage::Taken,
            false => Stage::GivenBack,
        };
    });
    cooks?;
    let arrives = cx.until(|delivery| delivery.stage == Stage::Delivered);
    match arrives.timeout(2.hours()).await? {
        true => Ok(cx.with(|delivery| delivery.stage)),
        false => Err(Error::new("Late", "no courier came in time").non_retryable()),
    }
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Env, StartOptions};

    use super::*;
    use crate::seen::completed;

    fn kitchen() -> Env {
        Env::new().activities(activities![charge, refund, cook])
    }

    fn soup() -> sagaline::WorkflowCall<Stage, impl sagaline::Workflow> {
        delivery(("soup".to_owned(), 900))
    }

    #[test]
    fn whoever_orders_hears_at_once_and_may_ask_where_it_is() {
        let env = kitchen();
        let (run, told) = env.update_with_start(StartOptions::new().id("d-1"), soup(), taken());

        assert!(told.unwrap().result().unwrap());
        assert_eq!(run.query(stage()).unwrap(), Stage::Taken);
        run.send(picked_up()).unwrap();
        assert_eq!(run.query(stage()).unwrap(), Stage::PickedUp);
        run.send(delivered()).unwrap();
        assert_eq!(run.result().unwrap(), Stage::Delivered);
    }

    #[test]
    fn a_delivery_that_nobody_cooks_is_refused_at_once_and_paid_back_behind_that() {
        let env = kitchen();
        env.fail(cook, 1, &Error::new("Closed", "no fire").non_retryable());
        let (run, told) = env.update_with_start(StartOptions::new().id("d-1"), soup(), taken());

        assert!(!told.unwrap().result().unwrap());
        assert_eq!(run.result().unwrap_err().error_type(), "Closed");
        assert_eq!(completed(&run.history()), ["charge", "refund"]);
    }

    #[test]
    fn what_no_courier_brings_is_paid_back_after_two_hours() {
        let env = kitchen();
        let run = env.start(soup());

        assert_eq!(run.result().unwrap_err().error_type(), "Late");
        assert_eq!(completed(&run.history()).last().unwrap(), "refund");
    }
}
