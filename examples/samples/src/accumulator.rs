//! Signals that are gathered and then dealt with together: when it is quiet, when there are enough, or when time is up.

use std::{collections::BTreeSet, time::Duration};

use sagaline::prelude::*;
use serde::de::DeserializeOwned;

/// Sends one mail for all of them.
#[activity]
pub async fn greet_all(names: Vec<String>) -> Result<()> {
    let _ = names;
    Ok(())
}

/// Deposits the sum of many withdrawals at once.
#[activity]
pub async fn deposit(cents: u64) -> Result<()> {
    let _ = cents;
    Ok(())
}

/// Gathers names, each once, until none has come for a minute; then greets them together.
#[workflow]
pub async fn accumulator(cx: Context) -> Result<usize> {
    let mut names = BTreeSet::new();
    while let Some(name) = cx.signal::<String>("greet").timeout(1.minutes()).await? {
        names.insert(name);
    }
    let count = names.len();
    cx.run(greet_all(names.into_iter().collect())).await?;
    Ok(count)
}

/// Deposits what so many withdrawals bring in.
#[workflow]
pub async fn money_batch(cx: Context, withdrawals: u32) -> Result<u64> {
    let mut cents = 0;
    for _ in 0..withdrawals {
        cents += cx.signal::<u64>("withdrawn").await?;
    }
    cx.run(deposit(cents)).await?;
    Ok(cents)
}

/// Takes signals for half an hour; the last one counts.
#[workflow]
pub async fn last_one_counts(cx: Context) -> Result<Option<String>> {
    within(&cx, "choice", 30.minutes()).await
}

/// The last signal of that name within a span.
async fn within<T: DeserializeOwned>(
    cx: &Context,
    name: &str,
    span: Duration,
) -> Result<Option<T>> {
    let until = cx.now().after(span);
    let mut last = None;
    loop {
        select! {
            next = cx.signal(name) => last = Some(next?),
            over = cx.sleep_until(until) => {
                over?;
                return Ok(last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;
    use crate::seen::{after, scheduled};

    fn env() -> Env {
        Env::new().activities(activities![greet_all, deposit])
    }

    #[test]
    fn names_are_gathered_for_as_long_as_they_keep_coming() {
        let env = env();
        let begin = env.now();
        let run = env.start(accumulator());

        for name in ["bob", "ada", "bob", "cyd"] {
            env.skip(50.seconds());
            run.signal("greet", name).unwrap();
        }

        assert_eq!(run.result().unwrap(), 3);
        assert_eq!(
            scheduled(&run.history()),
            [r#"greet-all ["ada","bob","cyd"]"#]
        );
        assert_eq!(after(begin, env.now()), 200.seconds() + 1.minutes());
    }

    #[test]
    fn there_is_one_deposit_when_there_are_enough_withdrawals() {
        let env = env();
        let run = env.start(money_batch(3));

        run.signal("withdrawn", &100).unwrap();
        run.signal("withdrawn", &20).unwrap();
        env.skip(30.days());
        assert_eq!(env.attempts(deposit), 0);
        run.signal("withdrawn", &3).unwrap();

        assert_eq!(run.result().unwrap(), 123);
        assert_eq!(scheduled(&run.history()), ["deposit 123"]);
    }

    #[test]
    fn the_last_of_several_within_the_time_counts() {
        let env = env();
        let begin = env.now();
        let run = env.start(last_one_counts());

        for choice in ["tea", "milk"] {
            env.skip(10.minutes());
            run.signal("choice", choice).unwrap();
        }

        assert_eq!(run.result().unwrap().as_deref(), Some("milk"));
        assert_eq!(after(begin, env.now()), 30.minutes());
    }
}
