//! Three ways to wait for something that only tells when it is asked: often, seldom, and from the workflow.

use std::sync::atomic::{AtomicU32, Ordering};

use sagaline::prelude::*;

/// The service that is asked: ready at the question of that number.
#[derive(Debug)]
pub struct Service {
    /// Questions until it is ready.
    pub ready_at: u32,
    /// Questions so far.
    pub asked: AtomicU32,
}

impl Service {
    fn ask(&self) -> Option<String> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        (number >= self.ready_at).then(|| format!("ready at question {number}"))
    }
}

/// Asks every second, within one attempt, and says by heartbeats that it is alive.
#[activity]
pub async fn ask_often(cx: ActivityContext) -> Result<String> {
    loop {
        if let Some(answer) = cx.data::<Service>()?.ask() {
            return Ok(answer);
        }
        cx.heartbeat(&())?;
        tokio::time::sleep(1.seconds()).await;
    }
}

/// Asks once, and fails when it is too early. The service may say when to come again.
#[activity]
pub async fn ask_once(cx: ActivityContext) -> Result<String> {
    let answer = cx.data::<Service>()?.ask();
    answer.ok_or_else(|| Error::new("NotReady", "come again"))
}

/// Often: no event for a question, only the attempt's heartbeats.
#[workflow]
pub async fn polls_often(cx: Context) -> Result<String> {
    cx.run(ask_often())
        .start_to_close(1.hours())
        .heartbeat(5.seconds())
        .await
}

/// Seldom: each question is an attempt, and the retry policy has the rhythm.
#[workflow]
pub async fn polls_seldom(cx: Context) -> Result<String> {
    let every_minute = Retry::default()
        .initial_interval(1.minutes())
        .backoff_coefficient(1.0)
        .jitter(0.0);
    cx.run(ask_once()).retry(every_minute).await
}

/// From the workflow: between two questions it may do other things, and ask differently.
#[workflow]
pub async fn polls_periodically(cx: Context) -> Result<String> {
    loop {
        match cx.run(ask_once()).retry(Retry::never()).await {
            Err(error) if error.error_type() == "NotReady" => cx.sleep(10.minutes()).await?,
            answered => return answered,
        }
    }
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::{after, sent_after};

    fn ready_at(question: u32) -> Env {
        let service = Service {
            ready_at: question,
            asked: AtomicU32::new(0),
        };
        let both = activities![ask_often, ask_once];
        Env::new().activities(both).data(service)
    }

    #[test]
    fn one_attempt_asks_every_second() {
        let env = ready_at(6);
        let begin = env.now();

        let run = env.start(polls_often());

        assert_eq!(run.result().unwrap(), "ready at question 6");
        assert_eq!(env.attempts(ask_often), 1);
        assert_eq!(after(begin, env.now()), 5.seconds());
    }

    #[test]
    fn attempts_are_made_at_one_interval() {
        let env = ready_at(4);
        let begin = env.now();

        let run = env.start(polls_seldom());

        assert_eq!(run.result().unwrap(), "ready at question 4");
        let minutes = [0, 1, 2, 3].map(|minute: u64| minute.minutes());
        assert_eq!(sent_after(begin, &run.history()), minutes);
    }

    #[test]
    fn a_service_that_says_when_to_come_again_is_asked_then() {
        let env = ready_at(1);
        let begin = env.now();
        let busy = Error::new("NotReady", "in a quarter of an hour").retry_after(15.minutes());
        env.answers(ask_once, [Answer::err(busy)]);

        let run = env.start(polls_seldom());

        run.result().unwrap();
        assert_eq!(
            sent_after(begin, &run.history()),
            [0.minutes(), 15.minutes()]
        );
    }

    #[test]
    fn the_workflow_asks_again_after_each_sleep_and_passes_other_errors_on() {
        let env = ready_at(3);
        let begin = env.now();

        let run = env.start(polls_periodically());
        assert_eq!(run.result().unwrap(), "ready at question 3");
        assert_eq!(after(begin, env.now()), 20.minutes());
        assert_eq!(run.history().count("ActivityScheduled"), 3);

        env.fail(ask_once, 1, &Error::new("Gone", "no such job"));
        let error = env.start(polls_periodically()).result().unwrap_err();
        assert_eq!(error.error_type(), "Gone");
    }
}
