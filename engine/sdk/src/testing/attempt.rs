//! One attempt of a real activity, made at once: what it waits for by tokio's clock passes in virtual time.

use std::{
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::pin,
    task::Poll,
    time::Duration,
};

use futures_util::FutureExt;
use sagaline_core::{Payload, error_type};
use tokio::{runtime, time::Instant};

use super::answer::Erased;
use crate::{Error, Result, recorded::panic_text};

/// Runs `attempt` to its end, or until it has taken longer than `limit` by tokio's clock.
///
/// # Panics
/// Inside of another tokio runtime.
pub(super) fn make(attempt: impl Future<Output = Result<Payload>>, limit: Duration) -> Erased {
    assert!(
        runtime::Handle::try_current().is_err(),
        "a test with `testing::Env` is a `#[test]`, not a `#[tokio::test]`: it runs activities itself"
    );
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("the operating system gives what a runtime needs");
    runtime.block_on(async {
        let begun = Instant::now();
        let ended = within(limit, begun, AssertUnwindSafe(attempt).catch_unwind()).await;
        let ended = ended.map(|ended| match ended {
            Ok(ended) => ended,
            Err(panic) => {
                let text = format!("the activity panicked: {}", panic_text(&*panic));
                Err(Error::new(error_type::PANIC, text))
            }
        });
        Erased::of(ended, begun.elapsed())
    })
}

/// A loop of sleeps would not end: each is over at once.
async fn within<F: Future>(limit: Duration, begun: Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Pending if begun.elapsed() > limit => Poll::Ready(None),
        polled => polled.map(Some),
    })
    .await
}
