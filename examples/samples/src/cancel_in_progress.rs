//! Only the newest counts: what is being built is stopped when a newer commit comes, and that one is built.

use sagaline::prelude::*;

/// Compiles a commit, for an hour.
#[activity]
pub async fn compile(commit: &str) -> Result<String> {
    Ok(format!("{commit} is built"))
}

/// Builds one commit.
#[workflow]
pub async fn build(cx: Context, commit: String) -> Result<String> {
    cx.run(compile(&commit)).start_to_close(2.hours()).await
}

/// Builds whatever the signal `commit` names last, one build at a time; returns what the first build gives that nothing
/// overtook.
#[workflow]
pub async fn cancel_in_progress(cx: Context) -> Result<String> {
    let mut commit: String = cx.signal("commit").await?;
    loop {
        let id = format!("build/{commit}");
        let mut building = cx.child(build(commit)).id(id).start();
        select! {
            newer = cx.signal("commit") => {
                commit = newer?;
                building.cancel();
                // The next one begins when this one has stopped, however it ended.
                let _ = building.await;
            }
            built = &mut building => return built,
        }
    }
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env, Run};

    use super::*;
    use crate::seen::after;

    #[test]
    fn a_newer_commit_stops_the_build_of_the_older_one() {
        let env = Env::new().workflows(workflows![build]);
        env.mock_with(compile, |_, commit: String| {
            Answer::ok(commit).after(1.hours()).unless_canceled()
        });
        let begin = env.now();
        let run = env.start(cancel_in_progress());

        for commit in ["a1", "b2", "c3"] {
            run.signal("commit", commit).unwrap();
            env.skip(10.minutes());
        }

        assert_eq!(run.result().unwrap(), "c3");
        assert_eq!(after(begin, env.now()), 20.minutes() + 1.hours());
        let status = |id| -> &str {
            let child: Run<String> = env.run(id).unwrap();
            child.status()
        };
        let statuses = ["build/a1", "build/b2", "build/c3"].map(status);
        assert_eq!(statuses, ["Canceled", "Canceled", "Completed"]);
    }

    #[test]
    fn a_build_that_fails_ends_it() {
        let env = Env::new().workflows(workflows![build]);
        let broken = Error::new("DoesNotCompile", "line 7").non_retryable();
        env.fail(compile, 1, &broken);
        let run = env.start(cancel_in_progress());

        run.signal("commit", "a1").unwrap();

        let error = run.result().unwrap_err();
        assert_eq!(error.error_type(), "DoesNotCompile");
    }
}
