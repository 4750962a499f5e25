//! An order that waits to be picked up until the shop closes.

use std::{process::ExitCode, time::Duration};

use sagaline::prelude::*;
use serde::{Deserialize, Serialize, de::IgnoredAny};

/// How long the customer has.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    /// Milliseconds until the shop closes.
    close_in_ms: u64,
}

/// Puts the order aside; returns the shelf.
#[activity(queue = "shop")]
async fn reserve(cx: ActivityContext) -> Result<String> {
    Ok(format!("shelf of {}", cx.workflow_id()))
}

/// Puts back what nobody came for.
#[activity(queue = "shop")]
async fn release(shelf: &str) -> Result<()> {
    let _ = shelf;
    Ok(())
}

#[workflow]
async fn pickup(cx: Context, order: Order) -> Result<String> {
    let shelf = cx
        .run(reserve())
        .compensate_with(|shelf: &String| release(shelf))
        .await?;
    let close_in = Duration::from_millis(order.close_in_ms);
    // That it came is enough, whatever the till sends with it.
    match cx
        .signal::<IgnoredAny>("picked-up")
        .timeout(close_in)
        .await?
    {
        Some(_) => Ok(format!("picked up from the {shelf}")),
        None => cx.cancel("not picked up before the shop closed"),
    }
}

fn main() -> ExitCode {
    sagaline::app()
        .workflow(pickup)
        .activities(activities![reserve, release])
        .run()
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Env, Run};

    use super::*;

    /// An order of a shop that closes in two hours.
    fn order(env: &Env) -> Run<String> {
        env.start(pickup(Order {
            close_in_ms: 2 * 3_600 * 1_000,
        }))
    }

    fn shop() -> Env {
        Env::new().activities(activities![reserve, release])
    }

    #[test]
    fn an_order_that_is_picked_up_in_time_is_done() {
        let env = shop();
        let run = order(&env);
        env.skip(119.minutes());
        assert_eq!(
            run.waiting_for(),
            "Waiting for signal picked-up for 1 h; gives up in 1 min."
        );

        run.signal("picked-up", &()).unwrap();

        let shelf = format!("picked up from the shelf of {}", run.workflow_id());
        assert_eq!(run.result().unwrap(), shelf);
        assert_eq!(env.attempts(release), 0);
    }

    #[test]
    fn whatever_the_till_sends_with_it_it_is_picked_up() {
        let env = shop();
        let run = order(&env);

        run.signal("picked-up", &[("by", 7)]).unwrap();

        run.result().unwrap();
        assert_eq!(run.status(), "Completed");
    }

    #[test]
    fn one_that_nobody_comes_for_is_put_back_and_cancelled_at_closing() {
        let env = shop();
        let begin = env.now();
        let run = order(&env);

        let error = run.result().unwrap_err();

        assert!(error.is_canceled(), "{error}");
        assert_eq!(error.message(), "not picked up before the shop closed");
        assert_eq!(run.status(), "Canceled");
        assert_eq!(run.history().attempts(), ["reserve", "release"]);
        assert_eq!(env.now(), begin.after(2.hours()));
    }
}
