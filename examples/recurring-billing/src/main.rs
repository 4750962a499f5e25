//! A subscription that is charged once per period, for months: a loop of sleep and activity, or a schedule.

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

/// One month of a subscription, for a schedule to start: it has no end, and people can pause it and catch up.
#[workflow]
async fn bill(cx: Context, customer: String) -> Result<String> {
    let receipt = cx.run(charge(1)).await?;
    Ok(format!("{customer}: {receipt}"))
}

fn main() -> ExitCode {
    sagaline::app()
        .workflow(billing)
        .workflow(bill)
        .activities(activities![charge])
        .run()
}

#[cfg(test)]
mod tests {
    use sagaline::{
        schedule::{Action, Schedule, Spec},
        testing::Env,
    };

    use super::*;

    const MONTH: Duration = Duration::from_secs(30 * 24 * 3_600);

    fn year() -> Subscription {
        Subscription {
            period_ms: 30 * 24 * 3_600 * 1_000,
            times: 12,
        }
    }

    /// How many periods after `begin`, and how many seconds more.
    fn periods(begin: Timestamp, at: Timestamp) -> (u64, u64) {
        let seconds = (at.as_millis() - begin.as_millis()).unsigned_abs() / 1_000;
        (seconds / MONTH.as_secs(), seconds % MONTH.as_secs())
    }

    #[test]
    fn a_year_of_billing_passes_in_a_second() {
        let env = Env::new().activities(activities![charge]);
        let begin = env.now();

        let run = env.start(billing(year()));
        let receipts = run.result().unwrap();

        assert_eq!(receipts.len(), 12);
        assert_eq!(receipts[11], format!("period 12 paid, {}/24", run.run_id()));
        let charged = run.history().times("ActivityCompleted");
        let charged: Vec<_> = charged.into_iter().map(|at| periods(begin, at)).collect();
        let on_time: Vec<_> = (1..=12).map(|period| (period, 0)).collect();
        assert_eq!(charged, on_time);
    }

    #[test]
    fn a_gateway_that_is_down_twice_does_not_put_off_the_next_charge() {
        let env = Env::new().activities(activities![charge]);
        let begin = env.now();
        let run = env.start(billing(year()));

        env.skip(MONTH * 2);
        let down = Error::new("GatewayDown", "connection refused");
        env.fail(charge, 2, &down);
        run.result().unwrap();

        let history = run.history();
        assert_eq!(history.count("ActivityAttemptFailed"), 2);
        let charged = history.times("ActivityCompleted");
        let late = charged[2];
        assert_eq!(periods(begin, late).0, 3);
        assert!(
            (2..=4).contains(&periods(begin, late).1),
            "1 s and 2 s, each ± 10 %"
        );
        assert_eq!(periods(begin, charged[3]), (4, 0));
    }

    #[test]
    fn a_schedule_bills_at_nine_on_the_first_of_each_month_also_when_clocks_change() {
        let env = Env::new()
            .activities(activities![charge])
            .workflows(workflows![bill]);
        let spec = Spec::cron("0 9 1 * *").in_time_zone("Europe/Zurich");
        env.schedule("c-7", Schedule::new(spec, Action::new("bill", &"c-7")));

        env.skip(Duration::from_secs(365 * 24 * 3_600 + 12 * 3_600));

        for due in ["2030-03-01T08:00:00Z", "2030-04-01T07:00:00Z"] {
            let billed = env.run::<String>(&format!("c-7/{due}")).unwrap();
            assert_eq!(billed.status(), "Completed", "{due}");
        }
        // At both ends a first of January.
        assert_eq!(env.attempts(charge), 13);
    }

    #[test]
    fn a_subscription_that_is_cancelled_asleep_ends_at_once() {
        let env = Env::new().activities(activities![charge]);
        let begin = env.now();
        let run = env.start(billing(year()));

        env.skip(MONTH * 5 / 2);
        run.cancel("moved away");
        let error = run.result().unwrap_err();

        assert!(error.is_canceled(), "{error}");
        assert_eq!(env.attempts(charge), 2);
        assert_eq!(periods(begin, env.now()), (2, MONTH.as_secs() / 2));
    }
}
