//! What an activity may know of itself: which attempt it is, for whom, and what its worker was given.

use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
    sync::Arc,
    time::Duration,
};

use crate::{Error, Result};

/// The first parameter of an activity that wants to know its attempt, or to use what the worker was given.
///
/// # Example: an idempotent payment
/// ```
/// use sagaline_sdk::{ActivityContext, Result, activity};
///
/// struct Bank;
/// impl Bank {
///     async fn charge(&self, cents: u64, idempotency_key: &str) -> Result<String> {
///         Ok(format!("{cents} for {idempotency_key}"))
///     }
/// }
///
/// #[activity]
/// async fn charge_card(cx: ActivityContext, cents: u64) -> Result<String> {
///     cx.data::<Bank>()?.charge(cents, cx.idempotency_key()).await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let cx = ActivityContext::local().with_data(Bank);
/// assert_eq!(charge_card(250).invoke_with(cx).await?, "250 for local/1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ActivityContext {
    info: Arc<ActivityInfo>,
    data: Data,
}

/// What a task says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityInfo {
    /// The activity's name.
    pub activity: String,
    /// Name of the workflow that wants it.
    pub workflow: String,
    /// Its id.
    pub workflow_id: String,
    /// Its run.
    pub run_id: String,
    /// Number of the activity in its run, from 1.
    pub activity_id: u32,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// The same over all attempts.
    pub idempotency_key: String,
    /// How long this attempt may run.
    pub start_to_close: Option<Duration>,
}

impl ActivityContext {
    pub(crate) fn new(info: ActivityInfo, data: Data) -> Self {
        Self {
            info: Arc::new(info),
            data,
        }
    }

    /// A first attempt that nobody sent: for tests.
    #[must_use]
    pub fn local() -> Self {
        let info = ActivityInfo {
            workflow_id: "local".into(),
            run_id: "local".into(),
            activity_id: 1,
            attempt: 1,
            idempotency_key: "local/1".into(),
            ..ActivityInfo::default()
        };
        Self::new(info, Data::default())
    }

    /// The same as another attempt: for tests.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        Arc::make_mut(&mut self.info).attempt = attempt;
        self
    }

    /// The same with a value that [`Self::data`] finds: for tests. A worker is given its values by its builder.
    #[must_use]
    pub fn with_data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.data = self.data.with(value);
        self
    }

    /// All that the task says.
    #[must_use]
    pub fn info(&self) -> &ActivityInfo {
        &self.info
    }

    /// Number of this attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.info.attempt
    }

    /// The same over all attempts of this activity, and no other's: give it to whatever you call.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.info.idempotency_key
    }

    /// Id of the workflow.
    #[must_use]
    pub fn workflow_id(&self) -> &str {
        &self.info.workflow_id
    }

    /// The workflow's run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.info.run_id
    }

    /// Number of the activity in its run.
    #[must_use]
    pub fn activity_id(&self) -> u32 {
        self.info.activity_id
    }

    /// What the worker was given of this type: a pool, a client, settings.
    ///
    /// # Errors
    /// `sagaline.DataMissing` when it was given none: the attempt fails and is retried, on a worker that has it.
    pub fn data<T: Send + Sync + 'static>(&self) -> Result<&T> {
        self.data.get().ok_or_else(|| {
            let text = format!(
                "the worker was given no `{}`: `.data(…)` gives it",
                type_name::<T>()
            );
            Error::new("sagaline.DataMissing", text)
        })
    }
}

/// One value of each type, shared by all attempts of a worker.
#[derive(Clone, Debug, Default)]
pub struct Data(Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Data {
    /// The same with a value; it replaces another of its type.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        Arc::make_mut(&mut self.0).insert(TypeId::of::<T>(), Arc::new(value));
        self
    }

    /// The value of a type.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_found_by_type_and_the_last_counts() {
        let cx = ActivityContext::local()
            .with_data(7_u8)
            .with_data(8_u8)
            .with_data("x");

        assert_eq!(*cx.data::<u8>().unwrap(), 8);
        assert_eq!(*cx.data::<&str>().unwrap(), "x");
        let missing = cx.data::<String>().unwrap_err();
        assert_eq!(missing.error_type(), "sagaline.DataMissing");
        assert!(missing.is_retryable());
    }
}
