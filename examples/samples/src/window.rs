//! Many pieces of work, a few at a time: the next one begins when one of those under way has ended.

use sagaline::{future::join_window, prelude::*};

/// Works on one of them.
#[activity]
pub async fn process(item: u32) -> Result<u32> {
    Ok(item * 10)
}

/// So many items, at most so many at once; returns what came of those that succeeded.
#[workflow]
pub async fn window(cx: Context, (items, at_once): (u32, usize)) -> Result<Vec<u32>> {
    let steps = (1..=items).map(|item| cx.run(process(item)).start_to_close(1.days()));
    let processed = join_window(at_once, steps).await;
    Ok(processed.into_iter().filter_map(Result::ok).collect())
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
            Answer::ok(item * 10).after(hours.hours())
        });
        let begin = env.now();

        let run = env.start(window((9, 3)));

        assert_eq!(run.result().unwrap(), [10, 20, 30, 40, 50, 60, 70, 80, 90]);
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

    #[test]
    fn one_that_fails_makes_room_for_the_next() {
        let env = Env::new().activities(activities![process]);
        env.fail(
            process,
            1,
            &Error::new("Broken", "no such item").non_retryable(),
        );

        let run = env.start(window((3, 1)));

        assert_eq!(run.result().unwrap(), [20, 30]);
    }
}
