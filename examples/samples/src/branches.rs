//! Branches side by side: as many as the input says, each of one step or of several, all awaited.

use sagaline::prelude::*;

/// Does a branch's first step.
#[activity]
pub async fn fetch(branch: u32) -> Result<u32> {
    Ok(branch * 10)
}

/// Does its second.
#[activity]
pub async fn store(fetched: u32) -> Result<u32> {
    Ok(fetched + 1)
}

/// One step in each of so many branches; what they gave, in the order of the branches.
#[workflow]
pub async fn branches(cx: Context, count: u32) -> Result<Vec<u32>> {
    let steps = (1..=count).map(|branch| cx.run(fetch(branch)).start_to_close(1.days()));
    try_join_all(steps).await
}

/// Two steps in each of so many branches: a branch goes on without waiting for the others.
#[workflow]
pub async fn sequences(cx: Context, count: u32) -> Result<Vec<u32>> {
    let sequence = async |branch| {
        let fetched = cx.run(fetch(branch)).start_to_close(1.days()).await?;
        cx.run(store(fetched)).await
    };
    try_join_all((1..=count).map(sequence)).await
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::{after, asked_to_stop, scheduled, sent_after};

    /// The first branch takes three hours, the second two, the third one.
    fn slow_first() -> Env {
        let env = Env::new().activities(activities![store]);
        env.mock_with(fetch, |_, branch: u32| {
            Answer::ok(branch * 10).after((4 - u64::from(branch)).hours())
        })
    }

    #[test]
    fn as_many_branches_as_the_input_says_run_at_once_and_give_their_results_in_order() {
        let env = slow_first();
        let begin = env.now();

        let run = env.start(branches(3));

        assert_eq!(run.result().unwrap(), [10, 20, 30]);
        assert_eq!(sent_after(begin, &run.history()), [0.hours(); 3]);
        assert_eq!(after(begin, env.now()), 3.hours());
    }

    #[test]
    fn a_branch_goes_on_while_another_is_still_at_its_first_step() {
        let env = slow_first();
        let begin = env.now();

        let run = env.start(sequences(3));

        assert_eq!(run.result().unwrap(), [11, 21, 31]);
        let second_steps = &sent_after(begin, &run.history())[3..];
        assert_eq!(second_steps, [1.hours(), 2.hours(), 3.hours()]);
        let last = scheduled(&run.history()).pop();
        assert_eq!(last.as_deref(), Some("store 10"), "the slowest branch");
    }

    #[test]
    fn the_first_branch_that_fails_ends_the_run_and_the_others_are_asked_to_stop() {
        let env = Env::new();
        env.mock_with(fetch, |_, branch: u32| match branch {
            2 => Answer::err(Error::new("NotThere", "no second page").non_retryable()),
            _ => Answer::ok(branch).after(5.hours()),
        });

        let run = env.start(branches(3));

        assert_eq!(run.result().unwrap_err().error_type(), "NotThere");
        assert_eq!(asked_to_stop(&run.history()), ["fetch", "fetch"]);
    }

    #[test]
    fn no_branch_at_all_is_done_at_once() {
        let run = Env::new().start(branches(0));

        assert!(run.result().unwrap().is_empty());
    }
}
