//! The same task many times at once: how many there are is known before, at start, or only while they run; and how many of
//! them are waited for.

use sagaline::{
    RunActivity,
    future::{FuturesUnordered, StreamExt},
    prelude::*,
};
use serde::de::IgnoredAny;

use super::step;

/// WCP-12, without synchronisation: instances are begun, and what follows does not wait for them.
#[workflow]
pub async fn unsynchronised(cx: Context, count: u32) -> Result<()> {
    for number in 1..=count {
        drop(step(&cx, format!("instance{number}")).start());
    }
    step(&cx, "after").await.map(drop)
}

/// WCP-13, as many as the code says: three reviews.
#[workflow]
pub async fn three_reviews(cx: Context) -> Result<()> {
    try_join!(
        step(&cx, "review1"),
        step(&cx, "review2"),
        step(&cx, "review3")
    )?;
    step(&cx, "after").await.map(drop)
}

/// WCP-14, as many as are known when they begin: one for each item.
#[workflow]
pub async fn one_for_each(cx: Context, items: Vec<String>) -> Result<()> {
    try_join_all(items.iter().map(|item| step(&cx, item))).await?;
    step(&cx, "after").await.map(drop)
}

/// WCP-15, as many as come while others run: the signal `more` adds one, until none is under way.
#[workflow]
pub async fn added_later(cx: Context, first: String) -> Result<()> {
    let mut under_way = FuturesUnordered::from_iter([step(&cx, first)]);
    loop {
        select! {
            more = cx.signal::<String>("more") => under_way.push(step(&cx, more?)),
            ended = under_way.next() => match ended.transpose()? {
                Some(_) => {}
                None => return step(&cx, "after").await.map(drop),
            }
        }
    }
}

/// WCP-34, static partial join: so many of the instances are enough.
#[workflow]
pub async fn enough_of_them(cx: Context, (count, enough): (u32, usize)) -> Result<Vec<String>> {
    let instances = (1..=count).map(|number| step(&cx, format!("instance{number}")));
    let instances: FuturesUnordered<_> = instances.collect();
    let mut first: Vec<Result<String>> = instances.take(enough).collect().await;
    first.push(step(&cx, "after").await);
    first.into_iter().collect()
}

/// WCP-36, dynamic partial join: instances are added while they run, and each end is asked whether it is enough.
#[workflow]
pub async fn until_it_is_enough(cx: Context, letters: usize) -> Result<()> {
    let mut under_way = FuturesUnordered::new();
    let mut have = 0;
    while have < letters {
        select! {
            more = cx.signal::<String>("more") => under_way.push(step(&cx, more?)),
            ended = next_of(&mut under_way) => have += ended?.len(),
        }
    }
    step(&cx, "after").await.map(drop)
}

/// The next that ends; while there are none it waits.
async fn next_of(under_way: &mut FuturesUnordered<RunActivity<String>>) -> Result<String> {
    match under_way.next().await {
        Some(ended) => ended,
        None => std::future::pending().await,
    }
}

/// WCP-27, complete by hand: the signal `enough` ends the waiting. What has not begun never does, and nobody hears of what has.
#[workflow]
pub async fn complete_by_hand(cx: Context, count: u32) -> Result<Vec<String>> {
    let mut done = Vec::new();
    for number in 1..=count {
        select! {
            enough = cx.signal::<IgnoredAny>("enough") => {
                enough?;
                break;
            }
            ended = step(&cx, format!("instance{number}")) => done.push(ended?),
        }
    }
    step(&cx, "after").await?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patterns::plan::{hours, takes};

    /// `instance1` takes one hour, `instance2` two …; all others none.
    fn by_number(name: &str) -> u64 {
        let number = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        number.parse().unwrap_or(0)
    }

    #[test]
    fn what_follows_unsynchronised_instances_does_not_wait_for_them() {
        let (env, seen) = takes(by_number);

        env.start(unsynchronised(2)).result().unwrap();

        assert_eq!(
            seen.tasks(),
            ["instance1 0-1", "instance2 0-2", "after 0-0"]
        );
    }

    #[test]
    fn instances_of_a_fixed_number_are_all_awaited() {
        let (env, seen) = takes(by_number);

        env.start(three_reviews()).result().unwrap();

        assert_eq!(seen.tasks()[2..], ["review3 0-3", "after 3-3"]);
    }

    #[test]
    fn there_is_an_instance_for_each_item_of_the_input() {
        for count in [0, 1, 4] {
            let (env, seen) = takes(by_number);
            let items = (1..=count).map(|number| format!("item{number}"));

            env.start(one_for_each(items.collect())).result().unwrap();

            assert_eq!(seen.names().len(), count + 1);
            assert_eq!(seen.tasks()[count], format!("after {count}-{count}"));
        }
    }

    #[test]
    fn an_instance_that_is_added_while_others_run_is_awaited_too() {
        let (env, seen) = takes(by_number);
        let run = env.start(added_later("part2".into()));

        env.skip(1.hours());
        run.signal("more", "part5").unwrap();
        env.skip(4.hours());
        run.signal("more", "part3").unwrap();

        run.result().unwrap();
        assert_eq!(
            seen.tasks(),
            ["part2 0-2", "part5 1-6", "part3 5-8", "after 8-8"]
        );
    }

    #[test]
    fn the_second_of_four_instances_is_enough() {
        let (env, seen) = takes(by_number);

        let run = env.start(enough_of_them((4, 2)));

        assert_eq!(run.result().unwrap(), ["instance1", "instance2", "after"]);
        assert_eq!(seen.tasks()[4], "after 2-2");
        assert_eq!(hours(&env), 2);
    }

    #[test]
    fn whether_it_is_enough_is_asked_after_each_instance_of_those_that_were_added() {
        let (env, seen) = takes(by_number);
        let run = env.start(until_it_is_enough(12));

        for part in ["part1", "part3"] {
            run.signal("more", part).unwrap();
        }
        env.skip(24.hours());
        assert_eq!(run.status(), "Running", "ten letters are not enough");
        run.signal("more", "p1").unwrap();
        run.signal("more", "part9").unwrap();

        run.result().unwrap();
        assert_eq!(
            seen.tasks()[2..],
            ["p1 24-25", "part9 24-33", "after 25-25"]
        );
    }

    #[test]
    fn by_hand_what_has_not_begun_never_does() {
        let (env, seen) = takes(|name| if name == "after" { 0 } else { 2 });
        let run = env.start(complete_by_hand(5));

        env.skip(3.hours());
        run.signal("enough", &()).unwrap();

        assert_eq!(run.result().unwrap(), ["instance1"]);
        env.skip(24.hours());
        assert_eq!(
            seen.tasks(),
            ["instance1 0-2", "instance2 2-4", "after 3-3"]
        );
    }

    #[test]
    fn without_a_hand_all_instances_are_done() {
        let (env, _) = takes(|_| 2);

        assert_eq!(env.start(complete_by_hand(5)).result().unwrap().len(), 5);
    }
}
