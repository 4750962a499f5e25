//! A run that is asked to stop cleans up before it ends: what stands under a shield is still done.

use sagaline::prelude::*;

/// Works for hours, and listens.
#[activity]
pub async fn work() -> Result<String> {
    Ok("done".to_owned())
}

/// Would come after it.
#[activity]
pub async fn publish(result: &str) -> Result<()> {
    let _ = result;
    Ok(())
}

/// Removes what is left over.
#[activity]
pub async fn clean_up() -> Result<()> {
    Ok(())
}

/// Works, publishes, and cleans up whatever happens.
#[workflow]
pub async fn cleans_up(cx: Context) -> Result<()> {
    let published = async {
        let result = cx
            .run(work())
            .start_to_close(6.hours())
            .heartbeat(1.minutes())
            .await?;
        cx.run(publish(&result)).await
    };
    let published = published.await;
    cx.shielded(cx.run(clean_up())).await?;
    published
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env, Run};

    use super::*;
    use crate::seen::after;

    /// A run that is cancelled after ten minutes; its activity listens, or works on for an hour.
    fn canceled(listens: bool) -> (Env, Run<()>) {
        let env = Env::new().activities(activities![publish, clean_up]);
        let answer = Answer::ok("done".to_owned()).after(1.hours());
        let answer = answer.heartbeat(30.seconds());
        let answer = if listens {
            answer.unless_canceled()
        } else {
            answer
        };
        env.answers(work, [answer]);
        let run = env.start(cleans_up());
        env.skip(10.minutes());
        run.cancel("no longer needed");
        (env, run)
    }

    #[test]
    fn an_activity_that_listens_stops_and_the_run_still_cleans_up() {
        let (env, run) = canceled(true);

        let error = run.result().unwrap_err();

        assert!(error.is_canceled(), "{error}");
        assert_eq!(run.status(), "Canceled");
        assert_eq!(run.history().attempts(), ["work", "clean-up"]);
        assert_eq!(after(Env::new().now(), env.now()), 10.minutes());
    }

    #[test]
    fn one_that_does_not_listen_is_waited_for_and_nothing_follows_but_the_clean_up() {
        let (env, run) = canceled(false);

        let error = run.result().unwrap_err();

        assert!(error.is_canceled(), "{error}");
        assert_eq!(run.history().attempts(), ["work", "clean-up"]);
        assert_eq!(after(Env::new().now(), env.now()), 1.hours());
    }

    #[test]
    fn a_run_that_nobody_cancels_publishes_and_cleans_up() {
        let env = Env::new().activities(activities![work, publish, clean_up]);

        let run = env.start(cleans_up());
        run.result().unwrap();

        assert_eq!(run.history().attempts(), ["work", "publish", "clean-up"]);
    }
}
