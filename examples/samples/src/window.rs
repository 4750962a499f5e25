//! Many pieces of work, a few at a time: the next one begins when one of those under way has ended.

use sagaline::{
    future::{FuturesUnordered, StreamExt},
    prelude::*,
};

/// Works on one of them.
#[activity]
pub async fn process(item: u32) -> Result<u32> {
    Ok(item)
}

/// So many items, at most so many at once; returns them in the order in which they were done.
#[workflow]
pub async fn window(cx: Context, (items, at_once): (u32, usize)) -> Result<Vec<u32>> {
    let mut waiting = (1..=items).map(|item| cx.run(process(item)).start_to_close(1.days()));
    let mut under_way: FuturesUnordered<_> = waiting.by_ref().take(at_once).collect();
    let mut done = Vec::new();
    while let Some(item) = under_way.next().await {
        done.push(item?);
        under_way.extend(waiting.next());
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env, Event};

    use super::*;
    use crate::seen::after;

    #[test]
    fn no_more_are_under_way_than_the_window_allows_and_it_is_always_full() {
        let env = Env::new();
        // The first takes five hours, the others one.
        env.mock_with(process, |_, item: u32| {
            let hours = if item == 1 { 5 } else { 1 };
            Answer::ok(item).after(hours.hours())
        });
        let begin = env.now();

        let run = env.start(window((9, 3)));

        assert_eq!(run.result().unwrap(), [2, 3, 4, 5, 6, 7, 8, 9, 1]);
        let (mut under_way, mut most) = (0, 0);
        for (_, event) in run.history().events() {
            match event {
                Event::ActivityAttemptScheduled(_) => under_way += 1,
                Event::ActivityCompleted(_) => under_way -= 1,
                _ => {}
            }
            most = most.max(under_way);
        }
        assert_eq!(most, 3);
        assert_eq!(after(begin, env.now()), 5.hours());
    }
}
