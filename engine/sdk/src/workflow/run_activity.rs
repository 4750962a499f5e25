//! A step of a workflow: an activity, how it is retried, and how it is undone.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use sagaline_core::{ActivityId, LOCAL_QUEUE, Name};

use super::{
    state::Shared,
    step::{Compensate, Compensation, StepOutcome, canceled},
};
use crate::{
    ActivityCall, Error, Result, Retry,
    activity::{Decode, ErasedCall},
};

/// A step that `.await` schedules and waits for; [`Context::run`](super::Context::run) makes it.
///
/// Like every future it does nothing until it is polled: two steps run in parallel when one `join!` polls both, or when
/// one was [started](Self::start) before the other is awaited.
///
/// # Example: a step that is undone when a later one fails
/// ```
/// use sagaline_sdk::{Context, DurationExt, Result, Retry, activity, workflow};
///
/// #[activity]
/// async fn reserve(item: &str) -> Result<u32>;
/// #[activity]
/// async fn release(reservation: &u32) -> Result<()>;
/// #[activity]
/// async fn ship(item: &str) -> Result<()>;
///
/// #[workflow]
/// async fn order(cx: Context, item: &str) -> Result<()> {
///     cx.run(reserve(item)).compensate_with(release).await?;
///     cx.run(ship(item)).retry(Retry::default().maximum_attempts(5)).start_to_close(30.seconds()).await
/// }
/// ```
#[must_use = "a step begins when it is awaited or started"]
pub struct RunActivity<R> {
    shared: Arc<Shared>,
    stage: Stage,
    decode: Decode<R>,
}

/// A step that is scheduled already; `.await` waits for its end.
///
/// Dropped, it goes on: nobody hears of its result, but its compensation is registered all the same.
#[must_use = "its outcome is known when it is awaited"]
pub struct StartedActivity<R>(RunActivity<R>);

#[derive(Debug)]
enum Stage {
    Planned(Box<Plan>),
    Waiting(ActivityId),
    Refused(Error),
    Taken,
}

#[derive(Debug)]
struct Plan {
    call: ErasedCall,
    compensation: Option<Compensation>,
}

impl<R> RunActivity<R> {
    pub(crate) fn new<A>(shared: Arc<Shared>, call: ActivityCall<R, A>) -> Self {
        let (call, decode) = call.into_parts();
        let stage = Stage::Planned(Box::new(Plan {
            call,
            compensation: None,
        }));
        Self {
            shared,
            stage,
            decode,
        }
    }

    /// Retries it so.
    pub fn retry(self, retry: Retry) -> Self {
        self.planned(|plan| plan.call.retry = Some(retry))
    }

    /// Runs it in the engine's process instead of on a worker: no task goes by Kafka. For short calls, a lookup or a rule.
    ///
    /// It is journaled, retried, timed, cancelled and undone as every activity. It runs at least once: when its process ends
    /// first, that of the next owner begins it again. Where the engine's program lacks the activity, the attempt fails with
    /// `sagaline.Undeliverable`.
    ///
    /// # Example: a price before a payment
    /// ```
    /// use sagaline_sdk::{Context, Result, activity, workflow};
    ///
    /// #[activity]
    /// async fn price(item: &str) -> Result<u64> {
    ///     Ok(100 * item.len() as u64)
    /// }
    /// #[activity]
    /// async fn charge(cents: u64) -> Result<()>;
    ///
    /// #[workflow]
    /// async fn order(cx: Context, item: &str) -> Result<()> {
    ///     let cents = cx.run(price(item)).local().await?;
    ///     cx.run(charge(cents)).await
    /// }
    /// ```
    pub fn local(self) -> Self {
        self.planned(|plan| plan.call.queue = Some(Name::from(LOCAL_QUEUE)))
    }

    /// Lets one attempt run this long, from when a worker begins with it; 60 s unless said, 10 s of a local one.
    pub fn start_to_close(self, limit: Duration) -> Self {
        self.planned(|plan| plan.call.timeouts.start_to_close = Some(limit))
    }

    /// Lets a task wait this long for a worker; for ever unless said. No attempt follows one that nobody took.
    pub fn schedule_to_start(self, limit: Duration) -> Self {
        self.planned(|plan| plan.call.timeouts.schedule_to_start = Some(limit))
    }

    /// Lets all attempts and the waits between them take this long; for ever unless said.
    pub fn schedule_to_close(self, limit: Duration) -> Self {
        self.planned(|plan| plan.call.timeouts.schedule_to_close = Some(limit))
    }

    /// Wants a heartbeat at least this often; none unless said. When they stay away, the next attempt follows.
    pub fn heartbeat(self, limit: Duration) -> Self {
        self.planned(|plan| plan.call.timeouts.heartbeat = Some(limit))
    }

    /// Undoes the step by what `make` makes of its result, when the run fails or is cancelled later.
    ///
    /// The engine registers it the moment the step completes, whether or not the workflow still waits for it, and runs
    /// it, after those registered later, without the workflow's code. `make` outlives this function, so it takes what it
    /// uses by `move`; it must be deterministic.
    pub fn compensate_with<C, A>(
        self,
        make: impl FnOnce(&R) -> ActivityCall<C, A> + Send + 'static,
    ) -> Self
    where
        R: 'static,
    {
        let decode = self.decode;
        self.planned(|plan| {
            let what = format!("result of `{}`", plan.call.name);
            let make = move |result: &_| Ok(make(&decode(&what, result)?).erase());
            plan.compensation = Some(Compensation::AtCompletion(Compensate(Box::new(make))));
        })
    }

    /// Undoes the step even when its outcome is unknown: `call` is registered when the step is scheduled, and must do no
    /// harm when the step did nothing.
    pub fn compensate_always<C, A>(self, call: ActivityCall<C, A>) -> Self {
        let call = Box::new(call.erase());
        self.planned(|plan| plan.compensation = Some(Compensation::AtScheduling(call)))
    }

    /// Schedules the step now; what is awaited later is only its end.
    pub fn start(mut self) -> StartedActivity<R> {
        self.schedule();
        StartedActivity(self)
    }

    fn planned(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        if let Stage::Planned(plan) = &mut self.stage {
            change(plan);
        }
        self
    }

    fn schedule(&mut self) {
        if let Stage::Planned(plan) = mem::replace(&mut self.stage, Stage::Taken) {
            self.stage = match self.shared.schedule(plan.call, plan.compensation) {
                Ok(id) => Stage::Waiting(id),
                Err(error) => Stage::Refused(error),
            };
        }
    }
}

impl<R> StartedActivity<R> {
    /// Asks it to stop; `.await` says when it has, by an error that [`is_canceled`](Error::is_canceled), or that it completed
    /// all the same. Between two attempts, or while nobody has its task, it ends at once.
    ///
    /// # Example: the slower of two suppliers is called off
    /// ```
    /// use sagaline_sdk::{Context, Result, activity, select, workflow};
    ///
    /// #[activity]
    /// async fn quote(supplier: &str) -> Result<u64>;
    ///
    /// #[workflow]
    /// async fn quickest(cx: Context) -> Result<u64> {
    ///     let (mut near, mut far) = (cx.run(quote("near")).start(), cx.run(quote("far")).start());
    ///     let (price, slower) = select! {
    ///         price = &mut near => (price?, far),
    ///         price = &mut far => (price?, near),
    ///     };
    ///     slower.cancel();
    ///     Ok(price)
    /// }
    /// ```
    pub fn cancel(&self) {
        if let Stage::Waiting(activity_id) = self.0.stage {
            self.0.shared.cancel_activity(activity_id);
        }
    }
}

impl<R> Future for RunActivity<R> {
    type Output = Result<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let step = self.get_mut();
        if matches!(step.stage, Stage::Planned(_)) {
            step.schedule();
        }
        if let Stage::Waiting(id) = step.stage {
            let Poll::Ready((name, outcome)) = step.shared.poll_step(id, cx.waker()) else {
                return Poll::Pending;
            };
            step.stage = Stage::Taken;
            return Poll::Ready(match outcome {
                StepOutcome::Completed(result) => {
                    (step.decode)(&format!("result of `{name}`"), &result)
                }
                StepOutcome::Failed(failure) => Err(Error::from_failure(failure)),
                StepOutcome::Canceled => Err(canceled(&name)),
            });
        }
        match mem::replace(&mut step.stage, Stage::Taken) {
            Stage::Refused(error) => Poll::Ready(Err(error)),
            _ => panic!("a step was polled after it had ended"),
        }
    }
}

impl<R> Future for StartedActivity<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<R> Drop for RunActivity<R> {
    fn drop(&mut self) {
        if let Stage::Waiting(id) = self.stage {
            self.shared.abandon(id);
        }
    }
}

impl<R> fmt::Debug for RunActivity<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunActivity").field(&self.stage).finish()
    }
}

impl<R> fmt::Debug for StartedActivity<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StartedActivity")
            .field(&self.0.stage)
            .finish()
    }
}
