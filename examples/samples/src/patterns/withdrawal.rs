//! What is withdrawn: one task, a part of the run, or those instances and branches that are no longer needed.
//!
//! To call a task off asks it to stop. The run goes on at once; who must know that it has stopped awaits it.

use sagaline::{
    StartedActivity,
    future::{FuturesUnordered, StreamExt},
    prelude::*,
};
use serde::de::IgnoredAny;

use super::step;

/// WCP-19, cancel task: the signal `withdraw` calls it off, and the run goes on without it.
#[workflow]
pub async fn cancel_task(cx: Context) -> Result<String> {
    let mut told = step(&cx, "tell").start();
    let ended = select! {
        ended = &mut told => ended,
        withdrawn = cx.signal::<IgnoredAny>("withdraw") => {
            withdrawn?;
            told.cancel();
            told.await
        }
    };
    let next = match ended {
        Ok(_) => "told",
        Err(error) if error.is_canceled() => "not told",
        Err(error) => return Err(error),
    };
    step(&cx, next).await
}

/// WCP-25, cancel region: the signal `withdraw` calls off whatever is open of it; what is outside goes on.
#[workflow]
pub async fn cancel_region(cx: Context) -> Result<()> {
    let region = async {
        let both = ["offer", "counteroffer"].map(|name| step(&cx, name).start());
        let mut open = FuturesUnordered::from_iter(both);
        unless_withdrawn(&cx, &mut open, usize::MAX).await
    };
    try_join!(region, step(&cx, "keep the books"))?;
    step(&cx, "after").await.map(drop)
}

/// WCP-29 and WCP-32, cancelling discriminator and partial join: so many of the branches are followed by `after`; the others
/// are called off.
#[workflow]
pub async fn cancelling_join(
    cx: Context,
    (branches, enough): (Vec<String>, usize),
) -> Result<Vec<String>> {
    let mut open: Open = branches.iter().map(|one| step(&cx, one).start()).collect();
    let mut first = Vec::new();
    while first.len() < enough
        && let Some(ended) = open.next().await
    {
        first.push(ended?);
    }
    open.iter().for_each(StartedActivity::cancel);
    step(&cx, "after").await?;
    Ok(first)
}

/// WCP-26 and WCP-35, instances that are cancelled: by the signal `withdraw`, or when so many have ended. Returns how many did.
#[workflow]
pub async fn cancel_instances(cx: Context, (count, enough): (u32, usize)) -> Result<usize> {
    let names = (1..=count).map(|number| format!("instance{number}"));
    let mut open: Open = names.map(|name| step(&cx, name).start()).collect();
    let ended = unless_withdrawn(&cx, &mut open, enough).await?;
    step(&cx, "after").await?;
    Ok(ended)
}

/// Tasks that have begun.
type Open = FuturesUnordered<StartedActivity<String>>;

/// Waits until so many have ended, or for the signal `withdraw`; then calls the others off and waits until they have stopped.
async fn unless_withdrawn(cx: &Context, open: &mut Open, enough: usize) -> Result<usize> {
    let mut ended = 0;
    let mut withdraw = cx.signal::<IgnoredAny>("withdraw");
    while ended < enough {
        select! {
            one = open.next() => match one.transpose()? {
                Some(_) => ended += 1,
                None => return Ok(ended),
            },
            withdrawn = &mut withdraw => {
                withdrawn?;
                break;
            }
        }
    }
    open.iter().for_each(StartedActivity::cancel);
    while let Some(stopped) = open.next().await {
        match stopped {
            Err(error) if !error.is_canceled() => return Err(error),
            _ => {}
        }
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::{
        patterns::{plan::hours, task},
        seen::{asked_to_stop, completed, scheduled},
    };

    /// Tasks that take as many hours as their name has letters, and listen; `after` and those that follow take none.
    fn by_letters() -> Env {
        Env::new().mock_with(task, |_, name: String| {
            let hours = if name.starts_with("after") || name.ends_with("told") {
                0
            } else {
                name.len() as u64
            };
            Answer::ok(name).after(hours.hours()).unless_canceled()
        })
    }

    #[test]
    fn a_task_that_is_withdrawn_in_time_is_not_done_and_the_run_goes_on() {
        for (after, last) in [(3, "task \"not told\""), (5, "task \"told\"")] {
            let env = by_letters();
            let run = env.start(cancel_task());

            env.skip(after.hours());
            run.signal("withdraw", &()).unwrap();

            run.result().unwrap();
            assert_eq!(scheduled(&run.history()).pop().as_deref(), Some(last));
            assert_eq!(hours(&env), after);
        }
    }

    #[test]
    fn a_region_is_withdrawn_and_what_is_outside_of_it_is_not() {
        let env = by_letters();
        let run = env.start(cancel_region());

        env.skip(6.hours());
        run.signal("withdraw", &()).unwrap();
        assert_eq!(
            asked_to_stop(&run.history()),
            ["task"],
            "the counteroffer alone is open"
        );

        run.result().unwrap();
        assert_eq!(completed(&run.history()).len(), 3, "offer, books, after");
        assert_eq!(hours(&env), "keep the books".len() as u64);
    }

    #[test]
    fn the_branches_that_are_not_needed_are_called_off() {
        let branches = ["aaa", "a", "aaaa", "aa"].map(String::from);
        for (enough, first) in [
            (1, &["a"][..]),
            (2, &["a", "aa"]),
            (4, &["a", "aa", "aaa", "aaaa"]),
        ] {
            let env = by_letters();

            let run = env.start(cancelling_join((branches.to_vec(), enough)));

            assert_eq!(run.result().unwrap(), first);
            assert_eq!(asked_to_stop(&run.history()).len(), 4 - enough);
            assert_eq!(run.history().count("ActivityCompleted"), enough + 1);
            assert_eq!(hours(&env), enough as u64);
        }
    }

    /// Instances that take one hour, two, three …
    fn one_two_three() -> Env {
        Env::new().mock_with(task, |attempt, name: String| {
            let hours = if name == "after" {
                0
            } else {
                attempt.activity_id
            };
            Answer::ok(name)
                .after(u64::from(hours).hours())
                .unless_canceled()
        })
    }

    #[test]
    fn instances_that_are_withdrawn_have_stopped_before_the_run_goes_on() {
        let env = one_two_three();
        let run = env.start(cancel_instances((5, 5)));

        env.skip(150.minutes());
        run.signal("withdraw", &()).unwrap();

        assert_eq!(run.result().unwrap(), 2);
        assert_eq!(run.history().count("ActivityCanceled"), 3);
        assert_eq!(run.history().attempts().len(), 5 + 1);
    }

    #[test]
    fn when_enough_instances_have_ended_the_others_are_stopped() {
        let env = one_two_three();

        let run = env.start(cancel_instances((5, 3)));

        assert_eq!(run.result().unwrap(), 3);
        assert_eq!(run.history().count("ActivityCanceled"), 2);
        assert_eq!(hours(&env), 3);
    }
}
