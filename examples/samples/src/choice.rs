//! Which steps run is decided by what an earlier one returned: exactly one of them, or all that apply.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// What can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fruit {
    /// Comes by the crate.
    Apple,
    /// Comes by the bunch.
    Banana,
}

/// What the customer wants.
#[activity]
pub async fn ask_customer() -> Result<Vec<Fruit>> {
    Ok(vec![Fruit::Apple])
}

/// Orders a crate.
#[activity]
pub async fn order_apples() -> Result<u32> {
    Ok(20)
}

/// Orders a bunch.
#[activity]
pub async fn order_bananas() -> Result<u32> {
    Ok(6)
}

/// Writes the invoice for so many pieces.
#[activity]
pub async fn invoice(pieces: u32) -> Result<String> {
    Ok(format!("{pieces} pieces"))
}

fn order(cx: &Context, fruit: Fruit) -> sagaline::RunActivity<u32> {
    match fruit {
        Fruit::Apple => cx.run(order_apples()),
        Fruit::Banana => cx.run(order_bananas()),
    }
}

/// Orders the first fruit that the customer wants, and no other. Whichever it was, one invoice follows.
#[workflow]
pub async fn exclusive_choice(cx: Context) -> Result<String> {
    let wanted = cx.run(ask_customer()).await?;
    let fruit = wanted.first().copied();
    let fruit = fruit.ok_or_else(|| Error::new("NothingWanted", "the basket is empty"))?;
    let pieces = order(&cx, fruit).await?;
    cx.run(invoice(pieces)).await
}

/// Orders all that the customer wants, at once. When all of it is ordered, one invoice follows.
#[workflow]
pub async fn multi_choice(cx: Context) -> Result<String> {
    let wanted = cx.run(ask_customer()).await?;
    let ordered = try_join_all(wanted.into_iter().map(|fruit| order(&cx, fruit))).await?;
    cx.run(invoice(ordered.into_iter().sum())).await
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::{after, scheduled};

    fn customer_wants(fruits: &'static [Fruit]) -> Env {
        let all = activities![ask_customer, order_apples, order_bananas, invoice];
        let env = Env::new().activities(all);
        env.mock(ask_customer, |(): ()| Ok(fruits.to_vec()))
    }

    #[test]
    fn one_branch_runs_and_what_follows_is_the_same() {
        for (wanted, ordered, invoiced) in [
            (&[Fruit::Apple], "order-apples", "20 pieces"),
            (&[Fruit::Banana], "order-bananas", "6 pieces"),
        ] {
            let env = customer_wants(wanted);

            let run = env.start(exclusive_choice());

            assert_eq!(run.result().unwrap(), invoiced);
            let history = run.history();
            assert_eq!(history.attempts(), ["ask-customer", ordered, "invoice"]);
        }
    }

    #[test]
    fn where_no_branch_applies_the_run_fails_and_nothing_is_ordered() {
        let run = customer_wants(&[]).start(exclusive_choice());

        assert_eq!(run.result().unwrap_err().error_type(), "NothingWanted");
        assert_eq!(run.history().attempts(), ["ask-customer"]);
    }

    #[test]
    fn every_branch_that_applies_runs_and_one_invoice_waits_for_all_of_them() {
        let env = customer_wants(&[Fruit::Banana, Fruit::Apple]);
        env.answers(order_bananas, [Answer::ok(6).after(40.seconds())]);
        let begin = env.now();

        let run = env.start(multi_choice());

        assert_eq!(run.result().unwrap(), "26 pieces");
        assert_eq!(after(begin, env.now()), 40.seconds());
        assert_eq!(
            scheduled(&run.history()),
            [
                "ask-customer",
                "order-bananas",
                "order-apples",
                "invoice 26"
            ]
        );
    }

    #[test]
    fn a_branch_that_does_not_apply_is_not_waited_for() {
        let env = customer_wants(&[Fruit::Apple]);

        let run = env.start(multi_choice());

        assert_eq!(run.result().unwrap(), "20 pieces");
        assert_eq!(env.attempts(order_bananas), 0);
    }
}
