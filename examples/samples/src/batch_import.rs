//! An activity that goes through many records, says by heartbeats how far it is, and goes on there in its next attempt.

use std::sync::Mutex;

use sagaline::prelude::*;

/// Where records go.
#[derive(Debug, Default)]
pub struct Store(pub Mutex<Vec<u32>>);

/// Imports so many records; returns how many were left for this attempt.
#[activity]
pub async fn import(cx: ActivityContext, count: u32) -> Result<u32> {
    let Store(records) = cx.data::<Store>()?;
    let done: u32 = cx.last_heartbeat()?.unwrap_or(0);
    for record in done..count {
        if cx.is_canceled() {
            return Err(Error::canceled(format!("stopped before record {record}")));
        }
        records.lock()?.push(record);
        cx.heartbeat(&(record + 1))?;
    }
    Ok(count - done)
}

/// Imports; a worker that is silent for a minute is given up.
#[workflow]
pub async fn batch_import(cx: Context, count: u32) -> Result<u32> {
    let retry = Retry::default().jitter(0.0);
    cx.run(import(count))
        .start_to_close(12.hours())
        .heartbeat(1.minutes())
        .retry(retry)
        .await
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::sent_after;

    #[tokio::test]
    async fn the_next_attempt_goes_on_where_the_last_one_was() {
        let cx = ActivityContext::local()
            .with_data(Store::default())
            .with_last_heartbeat(&7);

        let left = import(10).invoke_with(cx.clone()).await.unwrap();

        assert_eq!(left, 3);
        assert_eq!(*cx.data::<Store>().unwrap().0.lock().unwrap(), [7, 8, 9]);
        assert_eq!(cx.heartbeats::<u32>(), [8, 9, 10]);
    }

    #[tokio::test]
    async fn an_attempt_that_is_asked_to_stop_says_where_it_was() {
        let cx = ActivityContext::local().with_data(Store::default());
        cx.cancel();

        let error = import(10).invoke_with(cx).await.unwrap_err();

        assert!(error.is_canceled());
        assert_eq!(error.message(), "stopped before record 0");
    }

    #[test]
    fn an_attempt_that_falls_silent_is_followed_after_a_minute() {
        let env = Env::new().data(Store::default());
        let begin = env.now();
        env.activities(activities![import])
            .answers(import, [Answer::never()]);

        let run = env.start(batch_import(5));

        assert_eq!(run.result().unwrap(), 5);
        assert_eq!(
            sent_after(begin, &run.history()),
            [0.seconds(), 61.seconds()]
        );
    }
}
