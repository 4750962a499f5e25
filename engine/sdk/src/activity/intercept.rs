//! What is done around every attempt of some activities: measured, traced, given credentials.

use std::{fmt, sync::Arc};

use sagaline_core::Payload;

use super::{ActivityContext, BoxFuture, Execute};
use crate::Result;

/// Stands around attempts of activities; [`Activities::intercept`](crate::Activities::intercept) puts it there.
///
/// It sees what an attempt says about itself and how it ends, on every worker and in every test that has those activities.
/// The trace context of whoever started the workflow is in [`ActivityInfo::traceparent`](crate::ActivityInfo).
///
/// Deliberately absent: headers of one's own, which no task carries.
///
/// # Example: how long activities take
/// ```
/// use std::{sync::{Arc, Mutex}, time::{Duration, Instant}};
///
/// use sagaline_sdk::{
///     ActivityContext, ActivityInterceptor, BoxFuture, Payload, Result, activities, activity, testing::Env,
/// };
/// # use sagaline_sdk::{Context, workflow};
///
/// #[derive(Clone, Default)]
/// struct Timing(Arc<Mutex<Vec<(String, Duration)>>>);
///
/// impl ActivityInterceptor for Timing {
///     fn around(
///         &self,
///         cx: ActivityContext,
///         attempt: BoxFuture<'static, Result<Payload>>,
///     ) -> BoxFuture<'static, Result<Payload>> {
///         let taken = self.0.clone();
///         Box::pin(async move {
///             let begun = Instant::now();
///             let ended = attempt.await;
///             taken.lock().unwrap().push((cx.info().activity.clone(), begun.elapsed()));
///             ended
///         })
///     }
/// }
///
/// #[activity]
/// async fn greet(name: &str) -> Result<String> {
///     Ok(format!("Hello, {name}!"))
/// }
/// # #[workflow]
/// # async fn greeting(cx: Context, name: String) -> Result<String> { cx.run(greet(&name)).await }
///
/// let timing = Timing::default();
/// let env = Env::new().activities(activities![greet].intercept(timing.clone()));
/// env.start(greeting("Ada".into())).result().unwrap();
///
/// assert_eq!(timing.0.lock().unwrap()[0].0, "greet");
/// ```
pub trait ActivityInterceptor: Send + Sync + 'static {
    /// Makes the attempt by awaiting `attempt`, and gives what it gave.
    ///
    /// It may fail instead, before or after: it is answered as if the activity had. A panic is one of the attempt, and time
    /// spent here is the attempt's.
    fn around(
        &self,
        cx: ActivityContext,
        attempt: BoxFuture<'static, Result<Payload>>,
    ) -> BoxFuture<'static, Result<Payload>>;
}

/// How an attempt of an activity is made, with all that stands around it.
#[derive(Clone)]
pub(crate) struct Attempt {
    execute: Execute,
    /// The innermost first.
    around: Vec<Arc<dyn ActivityInterceptor>>,
}

impl Attempt {
    pub(super) const fn new(execute: Execute) -> Self {
        Self {
            execute,
            around: Vec::new(),
        }
    }

    pub(super) fn intercept(&mut self, interceptor: Arc<dyn ActivityInterceptor>) {
        self.around.push(interceptor);
    }

    /// Makes one.
    pub(crate) fn make(
        &self,
        cx: ActivityContext,
        input: Payload,
    ) -> BoxFuture<'static, Result<Payload>> {
        let attempt = (self.execute)(cx.clone(), input);
        let around = self.around.iter();
        around.fold(attempt, |attempt, interceptor| {
            interceptor.around(cx.clone(), attempt)
        })
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("around", &self.around.len())
            .finish_non_exhaustive()
    }
}
