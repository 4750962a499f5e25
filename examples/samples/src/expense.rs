//! An expense that a person approves, days later: the activity ends without a worker waiting, by its completion token.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// It is paid.
    Approved,
    /// It is not.
    Rejected,
}

/// Mails the token to the manager and ends; who follows the link completes the attempt.
#[activity]
pub async fn ask_manager(cx: ActivityContext, expense: &str) -> Result<Decision> {
    let _mail = format!(
        "{expense}? https://expenses.example/?token={}",
        cx.completion_token()
    );
    cx.complete_later()
}

/// Pays it out.
#[activity]
pub async fn pay(expense: &str) -> Result<()> {
    let _ = expense;
    Ok(())
}

/// Pays an expense that the manager approves within a week; one that nobody decides goes to an incident.
#[workflow]
pub async fn expense(cx: Context, expense: String) -> Result<Decision> {
    let once = Retry::never().park_when_exhausted();
    let asked = cx.run(ask_manager(&expense)).retry(once);
    let decision = asked.start_to_close(7.days()).await?;
    if decision == Decision::Approved {
        cx.run(pay(&expense)).await?;
    }
    Ok(decision)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::after;

    fn manager(answer: Answer<Decision>) -> Env {
        let env = Env::new().activities(activities![pay]);
        env.answers(ask_manager, [answer])
    }

    #[test]
    fn an_expense_is_paid_once_it_is_approved() {
        let env = manager(Answer::ok(Decision::Approved).after(3.days()));
        let run = env.start(expense("train".into()));

        env.skip(2.days());
        assert_eq!(env.attempts(pay), 0);

        assert_eq!(run.result().unwrap(), Decision::Approved);
        assert_eq!(env.attempts(pay), 1);
    }

    #[test]
    fn one_that_is_rejected_is_not_paid() {
        let env = manager(Answer::ok(Decision::Rejected).after(3.days()));

        let run = env.start(expense("champagne".into()));

        assert_eq!(run.result().unwrap(), Decision::Rejected);
        assert_eq!(env.attempts(pay), 0);
    }

    #[test]
    fn one_that_nobody_decides_waits_for_somebody_who_does() {
        let env = manager(Answer::never());
        let begin = env.now();
        let run = env.start(expense("train".into()));

        let incident = run.wait_for_incident().unwrap();
        assert_eq!(after(begin, env.now()), 7.days());
        incident.skip(&Decision::Approved).unwrap();

        assert_eq!(run.result().unwrap(), Decision::Approved);
        assert_eq!(env.attempts(pay), 1);
    }

    #[tokio::test]
    async fn the_worker_does_not_wait_for_the_manager() {
        let ended = ask_manager("train").invoke().await;

        assert!(ended.unwrap_err().completes_later());
    }
}
