//! A deadline that signals move, to later or to sooner.

use sagaline::prelude::*;

/// Waits until an instant, in milliseconds of Unix time; each signal `move-to` is another one. Returns how often it moved.
#[workflow]
pub async fn updatable_timer(cx: Context, due_at: i64) -> Result<u32> {
    let mut due_at = due_at;
    let mut moved = 0;
    loop {
        select! {
            later = cx.signal::<i64>("move-to") => {
                due_at = later?;
                moved += 1;
            }
            woken = cx.sleep_until(Timestamp::from_millis(due_at)) => {
                woken?;
                return Ok(moved);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sagaline::testing::{Env, Run};

    use super::*;
    use crate::seen::after;

    fn in_(env: &Env, span: Duration) -> i64 {
        env.now().after(span).as_millis()
    }

    /// When a timer of ten hours ends that is moved after one hour.
    fn moved_after_an_hour(to: Duration) -> (Run<u32>, Duration) {
        let env = Env::new();
        let begin = env.now();
        let run = env.start(updatable_timer(in_(&env, 10.hours())));
        env.skip(1.hours());
        run.signal("move-to", &in_(&env, to)).unwrap();
        assert_eq!(run.result().unwrap(), 1);
        (run, after(begin, env.now()))
    }

    #[test]
    fn a_deadline_is_put_off_and_brought_forward() {
        let (put_off, at) = moved_after_an_hour(20.hours());
        assert_eq!(at, 21.hours());
        assert_eq!(put_off.history().count("TimerCanceled"), 1);

        let (_, at) = moved_after_an_hour(2.hours());
        assert_eq!(at, 3.hours());
    }

    #[test]
    fn one_that_is_moved_into_the_past_is_over_at_once() {
        let env = Env::new();
        let run = env.start(updatable_timer(in_(&env, 10.hours())));

        run.signal("move-to", &0).unwrap();

        assert_eq!(run.status(), "Completed");
    }

    #[test]
    fn nothing_that_moves_it_leaves_it_where_it_was() {
        let env = Env::new();
        let begin = env.now();

        let run = env.start(updatable_timer(in_(&env, 10.hours())));

        assert_eq!(run.result().unwrap(), 0);
        assert_eq!(after(begin, env.now()), 10.hours());
    }
}
