//! One attempt: the activity's function with its time limit, and what becomes of a panic.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use sagaline_core::{Payload, Timestamp, error_type};
use tracing::{Instrument, Span};

use super::task::Task;
use crate::{
    Activities, ActivityContext, ActivityInfo, Error, Result,
    activity::{Data, Link},
    codec::Coding,
    duration::millis,
};

/// What attempts are made with.
pub(crate) struct Attempts {
    pub(crate) activities: Activities,
    pub(crate) data: Data,
    pub(crate) coding: Coding,
    /// The worker's name.
    pub(crate) worker: String,
    /// The wall clock.
    pub(crate) now: fn() -> Timestamp,
}

impl Attempts {
    /// Whether the task is void by now.
    pub(crate) fn is_expired(&self, task: &Task) -> bool {
        task.expires_at
            .is_some_and(|expires_at| (self.now)() > expires_at)
    }

    /// How far an attempt is, encoded. Where that cannot be, it says only that it goes on.
    pub(crate) fn progress(&self, progress: Payload) -> Payload {
        let encoded = self.coding.encode_progress(progress);
        encoded.unwrap_or_else(|error| {
            tracing::warn!(worker = self.worker, %error, "a heartbeat goes without its progress");
            Payload::empty()
        })
    }

    /// Makes the attempt. Its error is what the worker answers.
    pub(crate) async fn make(&self, task: Task, link: Arc<Link>) -> Result<Payload> {
        let Some(attempt) = self.activities.find(&task.info.activity) else {
            let known = self.activities.names().collect::<Vec<_>>().join(", ");
            let text = format!(
                "worker {} has no activity `{}`; it has: {known}",
                self.worker, task.info.activity
            );
            return Err(Error::new(error_type::UNKNOWN_ACTIVITY, text));
        };
        let limit = task.info.start_to_close;
        let input = self.coding.decode(task.input)?;
        let progress = task.last_heartbeat.map(|told| self.coding.decode(told));
        let progress = progress.transpose()?;
        let span = span(&task.info);
        let cx = ActivityContext::new(task.info, self.data.clone(), progress, link);
        // Whatever a panic leaves broken is the activity's own: nothing of ours is shared with it.
        let attempt = AssertUnwindSafe(attempt.make(cx, input))
            .catch_unwind()
            .instrument(span);
        match within(limit, attempt).await {
            Ok(Ok(Ok(result))) => self.coding.encode(result),
            Ok(Ok(Err(error))) => Err(error.map_failure(|it| self.coding.encode_details(it))),
            Ok(Err(panic)) => Err(Error::new(error_type::PANIC, panic_text(&*panic))),
            Err(limit) => {
                let text = format!("the attempt took longer than {} ms", millis(limit));
                Err(Error::new(error_type::START_TO_CLOSE, text))
            }
        }
    }
}

/// What the activity logs says whose attempt it is, and in which trace.
fn span(info: &ActivityInfo) -> Span {
    tracing::info_span!(
        "attempt",
        workflow_id = info.workflow_id,
        run_id = %info.run_id,
        activity = info.activity,
        activity_id = info.activity_id,
        attempt = info.attempt,
        traceparent = info.traceparent,
    )
}

async fn within<F: Future>(limit: Option<Duration>, future: F) -> Result<F::Output, Duration> {
    match limit {
        None => Ok(future.await),
        Some(limit) => tokio::time::timeout(limit, future).await.map_err(|_| limit),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the activity panicked: {}", text.unwrap_or("(no message)"))
}

/// The time as this machine knows it, to tell tasks that are void.
#[expect(
    clippy::disallowed_methods,
    reason = "a worker is no part of the engine: nothing of it is replayed"
)]
pub(crate) fn wall_clock() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{activities, worker::task::tests::task};
    use sagaline_journal::wire::header;
    use sagaline_macros::activity;

    #[activity]
    async fn greet(cx: ActivityContext, name: &str) -> Result<String> {
        Ok(format!("{} {name} {}", cx.data::<&str>()?, cx.attempt()))
    }

    #[activity]
    async fn bursts() -> Result<()> {
        panic!("out of {}", "luck");
    }

    #[activity]
    async fn sleeps() -> Result<()> {
        tokio::time::sleep(Duration::from_secs(90)).await;
        Ok(())
    }

    async fn make(activity: &str) -> Result<Payload> {
        let attempts = Attempts {
            activities: activities![greet, bursts, sleeps],
            data: Data::default().with("hello"),
            coding: Coding::default(),
            worker: "w-1".into(),
            now: || Timestamp::from_millis(5),
        };
        let task = Task::read(&task(activity, 5, &[])).unwrap();
        let link = Link::new(task.address.clone(), Duration::ZERO, drop);
        attempts.make(task, Arc::new(link)).await
    }

    #[tokio::test]
    async fn an_attempt_has_its_input_its_number_and_the_workers_data() {
        assert_eq!(
            make("greet").await.unwrap(),
            Payload::json(*b"\"hello x 1\"")
        );
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_that_may_be_retried() {
        let error = make("bursts").await.unwrap_err();

        assert_eq!(
            error.to_string(),
            "sagaline.Panic: the activity panicked: out of luck"
        );
        assert!(error.is_retryable());
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_over_its_limit_is_dropped() {
        let error = make("sleeps").await.unwrap_err();

        assert_eq!(
            error.to_string(),
            "sagaline.Timeout.StartToClose: the attempt took longer than 60000 ms"
        );
    }

    #[tokio::test]
    async fn an_unknown_activity_is_named_with_those_that_are_known() {
        let error = make("fly").await.unwrap_err();

        assert_eq!(
            error.to_string(),
            "sagaline.UnknownActivity: worker w-1 has no activity `fly`; it has: bursts, greet, sleeps"
        );
        assert!(error.is_retryable());
    }

    #[tokio::test]
    async fn a_task_is_void_after_its_time() {
        let attempts = Attempts {
            activities: Activities::new(),
            data: Data::default(),
            coding: Coding::default(),
            worker: "w-1".into(),
            now: || Timestamp::from_millis(1_000),
        };
        let expires = |at| Task::read(&task("greet", 5, &[(header::EXPIRES_AT, at)])).unwrap();

        assert!(attempts.is_expired(&expires("1970-01-01T00:00:00.999Z")));
        assert!(!attempts.is_expired(&expires("1970-01-01T00:00:01Z")));
        assert!(!attempts.is_expired(&Task::read(&task("greet", 5, &[])).unwrap()));
    }
}
