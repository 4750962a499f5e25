//! Heartbeats without a thought: a wrapper that sends them for as long as some work goes on, and ends it when nobody wants it.

use std::time::Duration;

use sagaline::prelude::*;

/// Does `work`, with a heartbeat every so often; asked to stop, it drops the work.
///
/// # Errors
/// Those of the work; [`Error::canceled`] when it was dropped.
pub async fn beating<T>(
    cx: &ActivityContext,
    every: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let beat = async {
        loop {
            cx.heartbeat(&())?;
            tokio::time::sleep(every).await;
        }
    };
    select! {
        done = work => done,
        () = cx.canceled() => Err(Error::canceled("dropped")),
        failed = beat => failed,
    }
}

/// Something that takes its time and knows nothing of heartbeats.
#[activity]
pub async fn render(cx: ActivityContext, seconds: u64) -> Result<u64> {
    let work = async {
        tokio::time::sleep(seconds.seconds()).await;
        Ok(seconds)
    };
    beating(&cx, 10.seconds(), Box::pin(work)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn there_is_a_heartbeat_for_every_ten_seconds() {
        let cx = ActivityContext::local();

        let rendered = render(35).invoke_with(cx.clone()).await.unwrap();

        assert_eq!(rendered, 35);
        assert_eq!(cx.heartbeats::<()>().len(), 4, "at 0, 10, 20 and 30 s");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_nobody_wants_any_more_is_dropped() {
        let cx = ActivityContext::local();
        let begin = tokio::time::Instant::now();
        let canceler = async {
            tokio::time::sleep(15.seconds()).await;
            cx.cancel();
        };

        let (rendered, ()) = tokio::join!(render(1_000).invoke_with(cx.clone()), canceler);

        assert!(rendered.unwrap_err().is_canceled());
        assert_eq!(begin.elapsed(), 15.seconds());
    }
}
