//! A step that takes longer than expected: somebody is told, once, and the step goes on.

use sagaline::prelude::*;

/// Prepares the order, which takes minutes or hours.
#[activity]
pub async fn prepare() -> Result<String> {
    Ok("parcel".to_owned())
}

/// Tells the customer that it takes longer.
#[activity]
pub async fn apologise() -> Result<()> {
    Ok(())
}

/// Prepares an order; after half an hour without it the customer gets a mail.
#[workflow]
pub async fn reminder(cx: Context) -> Result<String> {
    let mut prepared = cx.run(prepare()).start_to_close(1.days()).start();
    select! {
        parcel = &mut prepared => parcel,
        woken = cx.sleep(30.minutes()) => {
            woken?;
            cx.run(apologise()).await?;
            prepared.await
        }
    }
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::{after, sent_after};

    fn takes(minutes: u64) -> Env {
        let env = Env::new().activities(activities![prepare, apologise]);
        env.answers(
            prepare,
            [Answer::ok("parcel".to_owned()).after(minutes.minutes())],
        )
    }

    #[test]
    fn whoever_waits_too_long_is_told_once_and_gets_the_parcel_all_the_same() {
        let env = takes(100);
        let begin = env.now();

        let run = env.start(reminder());

        assert_eq!(run.result().unwrap(), "parcel");
        assert_eq!(run.history().attempts(), ["prepare", "apologise"]);
        assert_eq!(sent_after(begin, &run.history())[1], 30.minutes());
        assert_eq!(after(begin, env.now()), 100.minutes());
    }

    #[test]
    fn a_parcel_in_time_takes_the_timer_away() {
        let env = takes(29);

        let run = env.start(reminder());
        run.result().unwrap();
        env.skip(1.hours());

        assert_eq!(env.attempts(apologise), 0);
        assert_eq!(run.history().count("TimerCanceled"), 1);
    }
}
