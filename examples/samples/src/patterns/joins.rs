//! How branches come together again: all of them, those that were taken, the first, or so many; once or in each round.

use sagaline::{
    future::{FuturesUnordered, StreamExt},
    prelude::*,
};

use super::step;

/// WCP-5 and WCP-8, merge without waiting: whatever comes out of a branch is followed by its own `after`.
#[workflow]
pub async fn multi_merge(cx: Context, branches: Vec<String>) -> Result<()> {
    let followed = async |branch: &String| {
        let done = step(&cx, branch).await?;
        step(&cx, format!("after {done}")).await
    };
    try_join_all(branches.iter().map(followed)).await.map(drop)
}

/// WCP-9, discriminator: the first of the branches is followed by `after`; the others end and nobody cares.
#[workflow]
pub async fn discriminator(cx: Context, branches: Vec<String>) -> Result<()> {
    partial(&cx, &branches, 1).await
}

/// WCP-30, partial join: so many of the branches are followed by `after`, once.
#[workflow]
pub async fn partial_join(cx: Context, (branches, enough): (Vec<String>, usize)) -> Result<()> {
    partial(&cx, &branches, enough).await
}

async fn partial(cx: &Context, branches: &[String], enough: usize) -> Result<()> {
    let mut pending: FuturesUnordered<_> = branches.iter().map(|one| step(cx, one)).collect();
    for _ in 0..enough {
        pending.next().await.transpose()?;
    }
    step(cx, "after").await?;
    // The run stays for those that are still under way.
    while pending.next().await.transpose()?.is_some() {}
    Ok(())
}

/// WCP-28 and WCP-31, blocking: so many of the branches are followed by `after`, and the next round begins when this one has
/// ended as a whole.
#[workflow]
pub async fn blocking_join(
    cx: Context,
    (rounds, branches, enough): (u32, Vec<String>, usize),
) -> Result<()> {
    for round in 1..=rounds {
        let named: Vec<String> = branches.iter().map(|one| format!("{one}{round}")).collect();
        partial(&cx, &named, enough).await?;
    }
    Ok(())
}

/// WCP-33, generalised AND-join: one from either side makes a pair, however far one side is ahead.
#[workflow]
pub async fn and_join(cx: Context, pairs: u32) -> Result<()> {
    for _ in 0..pairs {
        let (left, right) = try_join!(cx.signal::<String>("left"), cx.signal::<String>("right"))?;
        step(&cx, left + &right).await?;
    }
    Ok(())
}

/// WCP-37, local synchronising merge: each branch says by itself whether it is taken, and only those are awaited.
#[workflow]
pub async fn local_merge(cx: Context, (left, right): (bool, bool)) -> Result<()> {
    let branch = async |is_taken: bool, name: &str| match is_taken {
        true => step(&cx, name).await.map(drop),
        false => Ok(()),
    };
    try_join!(branch(left, "left"), branch(right, "right"))?;
    step(&cx, "after").await.map(drop)
}

/// WCP-38, general synchronising merge: branches go round as often as they like; the merge waits for what can still come.
#[workflow]
pub async fn general_merge(cx: Context, rounds: Vec<(String, u32)>) -> Result<()> {
    let branch = async |(name, rounds): &(String, u32)| {
        for round in 1..=*rounds {
            step(&cx, format!("{name}{round}")).await?;
        }
        Ok::<_, Error>(())
    };
    try_join_all(rounds.iter().map(branch)).await?;
    step(&cx, "after").await.map(drop)
}

/// WCP-41 and WCP-42, thread split and merge: one branch becomes so many threads of the same steps, and these become one.
#[workflow]
pub async fn threads(cx: Context, count: u32) -> Result<()> {
    let thread = async |number: u32| {
        step(&cx, format!("first{number}")).await?;
        step(&cx, format!("second{number}")).await
    };
    try_join_all((1..=count).map(thread)).await?;
    step(&cx, "merged").await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patterns::plan::{hours, takes};

    fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
        names.map(Into::into).into()
    }

    /// `a`… takes one hour, `b`… two, `c`… three; all others none.
    fn abc(name: &str) -> u64 {
        match name.as_bytes() {
            [b'a', rest @ ..] if rest.len() < 2 => 1,
            [b'b', ..] => 2,
            [b'c', ..] => 3,
            _ => 0,
        }
    }

    #[test]
    fn what_follows_a_multi_merge_follows_each_branch_when_it_comes() {
        let (env, seen) = takes(abc);

        env.start(multi_merge(names(["b", "a"]))).result().unwrap();

        assert_eq!(
            seen.tasks(),
            ["b 0-2", "a 0-1", "after a 1-1", "after b 2-2"]
        );
    }

    #[test]
    fn what_follows_a_discriminator_follows_the_first_branch_alone() {
        let (env, seen) = takes(abc);

        env.start(discriminator(names(["c", "b"])))
            .result()
            .unwrap();

        assert_eq!(seen.tasks(), ["c 0-3", "b 0-2", "after 2-2"]);
        assert_eq!(hours(&env), 3);
    }

    #[test]
    fn what_follows_a_partial_join_follows_the_second_of_three() {
        let (env, seen) = takes(abc);

        let run = env.start(partial_join((names(["c", "a", "b"]), 2)));
        run.result().unwrap();

        assert_eq!(seen.tasks(), ["c 0-3", "a 0-1", "b 0-2", "after 2-2"]);
    }

    #[test]
    fn a_blocking_join_begins_its_next_round_when_the_slowest_branch_is_done() {
        let (env, seen) = takes(abc);

        let run = env.start(blocking_join((2, names(["a", "c"]), 1)));
        run.result().unwrap();

        let rounds = [
            "a1 0-1",
            "c1 0-3",
            "after 1-1",
            "a2 3-4",
            "c2 3-6",
            "after 4-4",
        ];
        assert_eq!(seen.tasks(), rounds);
    }

    #[test]
    fn an_and_join_pairs_what_came_first_with_what_came_first() {
        let (env, seen) = takes(|_| 0);
        let run = env.start(and_join(2));

        for left in ["L1", "L2"] {
            run.signal("left", left).unwrap();
        }
        assert!(seen.names().is_empty());
        for right in ["R1", "R2"] {
            run.signal("right", right).unwrap();
        }

        run.result().unwrap();
        assert_eq!(seen.names(), ["L1R1", "L2R2"]);
    }

    #[test]
    fn a_local_merge_waits_for_the_branches_that_were_taken() {
        for (taken, ends) in [
            ((true, true), 2),
            ((true, false), 1),
            ((false, true), 2),
            ((false, false), 0),
        ] {
            let (env, seen) = takes(|name| match name {
                "left" => 1,
                "right" => 2,
                _ => 0,
            });

            env.start(local_merge(taken)).result().unwrap();

            let after = seen.tasks().pop();
            assert_eq!(after, Some(format!("after {ends}-{ends}")), "{taken:?}");
        }
    }

    #[test]
    fn a_general_merge_waits_for_branches_that_go_round_again() {
        let (env, seen) = takes(abc);
        let branches = [
            ("a".to_owned(), 5),
            ("b".to_owned(), 1),
            ("c".to_owned(), 0),
        ];

        env.start(general_merge(branches.into())).result().unwrap();

        assert_eq!(seen.tasks().pop().as_deref(), Some("after 5-5"));
        assert_eq!(seen.names().len(), 5 + 1 + 1);
    }

    #[test]
    fn threads_that_one_branch_was_split_into_become_one_again() {
        let (env, seen) = takes(|name| if name == "first2" { 4 } else { 1 });

        env.start(threads(3)).result().unwrap();

        let seen = seen.tasks();
        assert_eq!(
            seen[3..],
            ["second1 1-2", "second3 1-2", "second2 4-5", "merged 5-6"]
        );
    }
}
