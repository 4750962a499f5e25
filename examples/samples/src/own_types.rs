//! A type with a form of its own on the wire: serde writes it, and every step, signal and result has it so.

use std::{fmt, str::FromStr};

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// An amount of money: `12.30 EUR` in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Money {
    /// So many hundredths.
    pub cents: u64,
    /// Three letters.
    pub currency: String,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, cents) = (self.cents / 100, self.cents % 100);
        write!(f, "{units}.{cents:02} {}", self.currency)
    }
}

impl FromStr for Money {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (amount, currency) = text.split_once(' ')?;
            let (units, cents) = amount.split_once('.')?;
            let (units, cents): (u64, u64) = (units.parse().ok()?, cents.parse().ok()?);
            let currency = currency.to_owned();
            let cents = units.checked_mul(100)?.checked_add(cents)?;
            Some(Self { cents, currency })
        };
        parsed().ok_or_else(|| format!("`{text}` is no amount"))
    }
}

impl TryFrom<String> for Money {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Money> for String {
    fn from(money: Money) -> Self {
        money.to_string()
    }
}

/// Adds a tip.
#[activity]
pub async fn add_tip(bill: Money) -> Result<Money> {
    let cents = bill.cents + bill.cents / 10;
    Ok(Money { cents, ..bill })
}

/// What a bill comes to with a tip.
#[workflow]
pub async fn own_types(cx: Context, bill: Money) -> Result<Money> {
    cx.run(add_tip(bill)).await
}

#[cfg(test)]
mod tests {
    use sagaline::{
        WorkflowCall, call_workflow,
        testing::{Env, StartOptions},
    };

    use super::*;
    use crate::seen::scheduled;

    #[test]
    fn a_type_crosses_every_border_in_its_own_form() {
        let env = Env::new().activities(activities![add_tip]);
        let bill = Money {
            cents: 1_230,
            currency: "EUR".into(),
        };

        let run = env.start(own_types(bill));

        assert_eq!(run.result().unwrap().to_string(), "13.53 EUR");
        assert_eq!(scheduled(&run.history()), [r#"add-tip "12.30 EUR""#]);
    }

    #[test]
    fn what_is_not_in_that_form_fails_the_run() {
        let env = Env::new().workflows(workflows![own_types]);
        let call: WorkflowCall<Money> = call_workflow("own-types", "twelve");

        let error = env
            .start_named(StartOptions::new(), call)
            .result()
            .unwrap_err();

        assert_eq!(error.error_type(), "sagaline.Undecodable");
        assert!(error.message().contains("`twelve` is no amount"), "{error}");
    }
}
