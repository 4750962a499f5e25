//! Branches of unequal weight: without the one nothing goes on, the others are good to have.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// Makes the account.
#[activity]
pub async fn create_account(user: &str) -> Result<String> {
    Ok(format!("account of {user}"))
}

/// Closes it again.
#[activity]
pub async fn close_account(account: &str) -> Result<()> {
    let _ = account;
    Ok(())
}

/// Makes room for the user's files.
#[activity]
pub async fn provide_storage(user: &str) -> Result<()> {
    let _ = user;
    Ok(())
}

/// Sends a welcome.
#[activity]
pub async fn welcome(user: &str) -> Result<()> {
    let _ = user;
    Ok(())
}

/// What came of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Onboarded {
    /// The account.
    pub account: String,
    /// What the user has to do without.
    pub missing: Vec<String>,
}

/// All three at once; the account must be, and what else fails is named.
#[workflow]
pub async fn resilient_fan_out(cx: Context, user: String) -> Result<Onboarded> {
    let twice = || Retry::default().maximum_attempts(2);
    let storage = cx.run(provide_storage(&user)).retry(twice()).start();
    let letter = cx.run(welcome(&user)).retry(twice()).start();
    let account = cx
        .run(create_account(&user))
        .compensate_with(|account: &String| close_account(account))
        .await?;
    let (storage, letter) = join!(storage, letter);
    let missing = [("storage", storage), ("welcome", letter)];
    let missing = missing.into_iter().filter(|(_, ended)| ended.is_err());
    let missing = missing.map(|(name, _)| name.to_owned()).collect();
    Ok(Onboarded { account, missing })
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::asked_to_stop;

    fn all() -> Env {
        Env::new().activities(activities![
            create_account,
            close_account,
            provide_storage,
            welcome
        ])
    }

    fn down() -> Error {
        Error::new("Down", "for maintenance")
    }

    #[test]
    fn what_is_good_to_have_may_fail_and_is_named() {
        let env = all();
        env.fail(provide_storage, 2, &down());

        let onboarded = env.start(resilient_fan_out("ada".into())).result();

        let onboarded = onboarded.unwrap();
        assert_eq!(onboarded.account, "account of ada");
        assert_eq!(onboarded.missing, ["storage"]);
        assert_eq!(env.attempts(close_account), 0);
    }

    #[test]
    fn when_the_branch_that_counts_fails_the_others_are_asked_to_stop() {
        let env = all();
        env.answers(provide_storage, [Answer::never()]);
        env.answers(welcome, [Answer::never()]);
        env.fail(create_account, 1, &down().non_retryable());

        let run = env.start(resilient_fan_out("ada".into()));

        assert_eq!(run.result().unwrap_err().error_type(), "Down");
        let asked = asked_to_stop(&run.history());
        assert_eq!(asked, ["provide-storage", "welcome"]);
    }
}
