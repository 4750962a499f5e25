//! Signals that come in any order and are taken in one: each is kept until its turn.

use sagaline::prelude::*;
use serde::de::IgnoredAny;

/// Does what belongs to a stage.
#[activity]
pub async fn handle(stage: &str) -> Result<()> {
    let _ = stage;
    Ok(())
}

/// Takes `first`, `second` and `third` in that order. From when the first is there, each next one has thirty seconds.
#[workflow]
pub async fn in_order(cx: Context) -> Result<()> {
    cx.signal::<IgnoredAny>("first").await?;
    cx.run(handle("first")).await?;
    for stage in ["second", "third"] {
        let came = cx.signal::<IgnoredAny>(stage).timeout(30.seconds());
        if came.await?.is_none() {
            return Err(Error::new("Missing", format!("no signal {stage}")));
        }
        cx.run(handle(stage)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Env, Run};

    use super::*;
    use crate::seen::{after, scheduled};

    fn sent(env: &Env, stages: &[&str]) -> Run<()> {
        let run = env
            .clone()
            .activities(activities![handle])
            .start(in_order());
        env.skip(1.hours());
        for stage in stages {
            run.signal(stage, &()).unwrap();
        }
        run
    }

    #[test]
    fn in_whatever_order_they_come_they_are_handled_in_theirs() {
        for order in [["third", "second", "first"], ["second", "first", "third"]] {
            let run = sent(&Env::new(), &order);

            run.result().unwrap();

            let handled = [
                r#"handle "first""#,
                r#"handle "second""#,
                r#"handle "third""#,
            ];
            assert_eq!(scheduled(&run.history()), handled, "sent {order:?}");
        }
    }

    #[test]
    fn the_clock_runs_from_the_first_one_and_a_missing_one_is_named() {
        let env = Env::new();
        let begin = env.now();
        let run = sent(&env, &["third", "first"]);

        let error = run.result().unwrap_err();

        assert_eq!(error.to_string(), "Missing: no signal second");
        assert_eq!(scheduled(&run.history()), [r#"handle "first""#]);
        assert_eq!(after(begin, env.now()), 1.hours() + 30.seconds());
    }
}
