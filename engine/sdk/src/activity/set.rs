//! The activities of a program, by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use sagaline_core::{OUR_NAMES, Payload};

use super::{Activity, ActivityCall, ActivityContext, ActivityInterceptor, Attempt, BoxFuture};
use crate::Result;

/// Activities that a worker can run.
///
/// # Example: those of one module
/// ```
/// use sagaline_sdk::{Activities, Result, activities, activity};
///
/// #[activity]
/// async fn reserve_stock(item: &str) -> Result<u32> {
///     Ok(item.len() as u32)
/// }
///
/// #[activity(queue = "warehouse")]
/// async fn release_stock(reservation: u32) -> Result<()> {
///     let _ = reservation;
///     Ok(())
/// }
///
/// pub fn all() -> Activities {
///     activities![reserve_stock, release_stock]
/// }
///
/// assert_eq!(all().names().collect::<Vec<_>>(), ["release-stock", "reserve-stock"]);
/// assert_eq!(all().queues("orders").into_iter().collect::<Vec<_>>(), ["orders", "warehouse"]);
/// ```
#[derive(Clone, Default)]
pub struct Activities(BTreeMap<&'static str, Registered>);

#[derive(Clone)]
struct Registered {
    queue: Option<&'static str>,
    attempt: Attempt,
}

/// Makes one attempt.
pub(crate) type Execute = fn(ActivityContext, Payload) -> BoxFuture<'static, Result<Payload>>;

/// A function that `#[activity]` made: what it returns says which implementation it has.
#[diagnostic::on_unimplemented(
    message = "this is no activity that a worker could run",
    label = "not a function marked `#[activity]` with a body"
)]
pub trait ActivityFn<Arguments> {
    /// The implementation.
    type Activity: Activity;

    /// What it returns.
    type Output;
}

impl<F: Fn() -> ActivityCall<R, A>, R, A: Activity> ActivityFn<(R, A)> for F {
    type Activity = A;
    type Output = R;
}

impl<F: Fn(I) -> ActivityCall<R, A>, I, R, A: Activity> ActivityFn<(I, R, A)> for F {
    type Activity = A;
    type Output = R;
}

impl Activities {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more; the macro [`activities!`](crate::activities) does it for several.
    ///
    /// # Panics
    /// When another of the same name is there: which one should run? Or when its name begins with `sagaline.`.
    #[must_use]
    pub fn with<Arguments, F: ActivityFn<Arguments>>(self, activity: F) -> Self {
        let name = F::Activity::NAME;
        assert!(
            !name.starts_with(OUR_NAMES),
            "activity `{name}`: names that begin with `{OUR_NAMES}` are Sagaline's own"
        );
        self.with_ours(activity)
    }

    /// Those of built-in workflows, which run in the engine's process.
    pub(crate) fn built_in() -> Self {
        Self::new().with_ours(crate::batch::acting::act)
    }

    fn with_ours<Arguments, F: ActivityFn<Arguments>>(self, activity: F) -> Self {
        let _ = activity;
        let name = F::Activity::NAME;
        let registered = Registered {
            queue: F::Activity::QUEUE,
            attempt: Attempt::new(F::Activity::execute),
        };
        self.add(name, registered)
    }

    /// The same with all of the others.
    ///
    /// # Panics
    /// When two have the same name: which one should run?
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        others
            .0
            .into_iter()
            .fold(self, |all, (name, registered)| all.add(name, registered))
    }

    /// Puts an interceptor around every attempt of these: around those, too, that were put there before.
    #[must_use]
    pub fn intercept(mut self, interceptor: impl ActivityInterceptor) -> Self {
        let interceptor: Arc<dyn ActivityInterceptor> = Arc::new(interceptor);
        for registered in self.0.values_mut() {
            registered.attempt.intercept(interceptor.clone());
        }
        self
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// The task queues on which they are asked for; those that name none are on `default`.
    #[must_use]
    pub fn queues(&self, default: &str) -> BTreeSet<String> {
        let queues = self.0.values().map(|one| one.queue.unwrap_or(default));
        queues.map(String::from).collect()
    }

    /// How to make one attempt.
    pub(crate) fn find(&self, name: &str) -> Option<&Attempt> {
        self.0.get(name).map(|one| &one.attempt)
    }

    fn add(mut self, name: &'static str, registered: Registered) -> Self {
        let before = self.0.insert(name, registered);
        assert!(before.is_none(), "two activities are named `{name}`");
        self
    }
}

impl fmt::Debug for Activities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Collects functions marked `#[activity]` into [`Activities`].
#[macro_export]
macro_rules! activities {
    ($($activity:path),* $(,)?) => {
        $crate::Activities::new()$(.with($activity))*
    };
}
