//! A lock that outlives processes: a workflow grants it to one holder after the other, in the order in which they asked.

use sagaline::prelude::*;
use serde::de::IgnoredAny;

/// Tells a holder that the lock is its own now: by a signal, a record, a call.
#[activity]
pub async fn grant(holder: &str) -> Result<()> {
    let _ = holder;
    Ok(())
}

/// Grants the lock to whoever asked by the signal `acquire`, until its signal `release-<holder>`, or for five minutes.
/// Ends when nobody has asked for a day; returns who let the time run out.
#[workflow]
pub async fn mutex(cx: Context) -> Result<Vec<String>> {
    let mut late = Vec::new();
    while let Some(holder) = cx.signal::<String>("acquire").timeout(1.days()).await? {
        cx.run(grant(&holder)).await?;
        let release = format!("release-{holder}");
        let released = cx.signal::<IgnoredAny>(&release).timeout(5.minutes());
        if released.await?.is_none() {
            late.push(holder);
        }
    }
    Ok(late)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Env, Run};

    use super::*;
    use crate::seen::scheduled;

    /// A lock for which two have asked.
    fn asked_by_two() -> (Env, Run<Vec<String>>) {
        let env = Env::new().activities(activities![grant]);
        let run = env.start(mutex());
        run.signal("acquire", "ada").unwrap();
        run.signal("acquire", "bob").unwrap();
        (env, run)
    }

    #[test]
    fn the_second_gets_the_lock_when_the_first_has_given_it_back() {
        let (env, run) = asked_by_two();
        env.skip(4.minutes());
        assert_eq!(scheduled(&run.history()), [r#"grant "ada""#]);

        run.signal("release-ada", &()).unwrap();
        assert_eq!(scheduled(&run.history())[1..], [r#"grant "bob""#]);

        run.signal("release-bob", &()).unwrap();
        assert!(run.result().unwrap().is_empty());
    }

    #[test]
    fn a_holder_that_is_gone_keeps_it_for_five_minutes() {
        let (env, run) = asked_by_two();

        env.skip(5.minutes());

        assert_eq!(env.attempts(grant), 2);
        assert_eq!(run.result().unwrap(), ["ada", "bob"]);
    }

    #[test]
    fn who_did_not_get_it_cannot_give_it_back_for_another() {
        let (env, run) = asked_by_two();

        run.signal("release-bob", &()).unwrap();

        assert_eq!(env.attempts(grant), 1);
        assert_eq!(run.status(), "Running");
    }
}
