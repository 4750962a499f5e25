//! What an activity may know of itself: which attempt it is, for whom, and what its worker was given.

use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
    sync::Arc,
    time::Duration,
};

use sagaline_core::{Payload, error_type, program::PROGRESS_BYTES_MAX};
use serde::{Serialize, de::DeserializeOwned};

use super::Link;
use crate::{CompletionToken, Error, Result, json};

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
    last_heartbeat: Option<Payload>,
    link: Arc<Link>,
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
    /// How long it may be silent.
    pub heartbeat: Option<Duration>,
    /// The trace context (W3C) of whoever started the workflow, if there is one.
    pub traceparent: Option<String>,
    /// What its vendors add to that.
    pub tracestate: Option<String>,
}

impl ActivityContext {
    pub(crate) fn new(
        info: ActivityInfo,
        data: Data,
        last_heartbeat: Option<Payload>,
        link: Arc<Link>,
    ) -> Self {
        Self {
            info: Arc::new(info),
            data,
            last_heartbeat,
            link,
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
        Self::new(info, Data::default(), None, Arc::new(Link::local()))
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

    /// The same after an attempt that told this progress: for tests. Progress that cannot be written as JSON is left out.
    #[must_use]
    pub fn with_last_heartbeat(mut self, progress: &(impl Serialize + ?Sized)) -> Self {
        self.last_heartbeat = json::encode("progress", progress).ok();
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

    /// Says that the attempt goes on, and how far it is: the next attempt is told, should there be one.
    ///
    /// Call it as often as you like. The worker sends one heartbeat per third of the heartbeat time-out (without one, per
    /// 10 s), always with the latest progress.
    ///
    /// # Errors
    /// The progress cannot be written as JSON, or has more than 16 KB: tell where the work stands, not the work.
    ///
    /// # Example: a long import that goes on where the last attempt was
    /// ```
    /// use sagaline_sdk::{ActivityContext, Error, Result, activity};
    ///
    /// #[activity]
    /// async fn import(cx: ActivityContext, lines: Vec<String>) -> Result<usize> {
    ///     let done: usize = cx.last_heartbeat()?.unwrap_or(0);
    ///     for (number, line) in lines.iter().enumerate().skip(done) {
    ///         if cx.is_canceled() {
    ///             return Err(Error::canceled(format!("stopped before line {number}")));
    ///         }
    ///         println!("{line}");
    ///         cx.heartbeat(&(number + 1))?;
    ///     }
    ///     Ok(lines.len() - done)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let lines = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    /// let cx = ActivityContext::local().with_last_heartbeat(&1);
    /// assert_eq!(import(lines.clone()).invoke_with(cx.clone()).await?, 2);
    /// assert_eq!(cx.heartbeats::<usize>(), [2, 3]);
    ///
    /// let cx = ActivityContext::local();
    /// cx.cancel();
    /// assert!(import(lines).invoke_with(cx).await.unwrap_err().is_canceled());
    /// # Ok(())
    /// # }
    /// ```
    pub fn heartbeat(&self, progress: &(impl Serialize + ?Sized)) -> Result<()> {
        self.link.tell(encode_progress(progress)?);
        Ok(())
    }

    /// What an earlier attempt told last of its progress; `None` when none told any.
    ///
    /// # Errors
    /// It is not what the code expects: an earlier version may have told something else.
    pub fn last_heartbeat<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let progress = self.last_heartbeat.as_ref();
        progress
            .map(|progress| json::decode("progress", progress))
            .transpose()
    }

    /// Whether the workflow wants this attempt to stop: its run was cancelled or ended, or no longer waits for it.
    ///
    /// Nothing is forced: an attempt that goes on may still complete. One that stops returns [`Error::canceled`].
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.link.is_canceled()
    }

    /// Waits until [`Self::is_canceled`]: for a `select!` with the work.
    pub async fn canceled(&self) {
        self.link.canceled().await;
    }

    /// Asks this attempt to stop, as its workflow would: for tests. All clones of the context see it.
    pub fn cancel(&self) {
        self.link.cancel();
    }

    /// All progress that was told through [`Self::local`] and its clones, oldest first, as far as it has this shape: for
    /// tests. A worker keeps none.
    #[must_use]
    pub fn heartbeats<T: DeserializeOwned>(&self) -> Vec<T> {
        let kept = self.link.kept();
        let decoded = kept.iter().map(|one| json::decode("progress", one));
        decoded.filter_map(Result::ok).collect()
    }

    /// What another process needs to [complete](crate::client::Client::activity) this attempt; see
    /// [`Self::complete_later`].
    #[must_use]
    pub fn completion_token(&self) -> CompletionToken {
        CompletionToken(Arc::clone(self.link.address()))
    }

    /// Ends the function, and not the attempt: whoever has its [token](Self::completion_token) completes it, from any
    /// process. Return what this returns.
    ///
    /// The worker is free for other tasks at once. The attempt's time-outs go on to count, so give it a start-to-close
    /// time-out that is long enough.
    ///
    /// # Errors
    /// Always: the error by which the worker knows, [`Error::completes_later`].
    ///
    /// # Example: somebody approves, some day
    /// ```
    /// use sagaline_sdk::{ActivityContext, Result, activity};
    ///
    /// #[activity]
    /// async fn approve(cx: ActivityContext, order: &str) -> Result<bool> {
    ///     let token = cx.completion_token();
    ///     println!("please approve {order}: https://shop.example/approve?token={token}");
    ///     cx.complete_later()
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let ended = approve("o-1").invoke().await;
    /// assert!(ended.unwrap_err().completes_later());
    /// # Ok(())
    /// # }
    /// ```
    pub fn complete_later<T>(&self) -> Result<T> {
        Err(Error::to_complete_later())
    }
}

/// Progress as heartbeats carry it.
pub(crate) fn encode_progress(progress: &(impl Serialize + ?Sized)) -> Result<Payload> {
    let progress = json::encode("progress", progress)?;
    let bytes = progress.data().len();
    if bytes > PROGRESS_BYTES_MAX {
        let text = format!("progress of {bytes} bytes; {PROGRESS_BYTES_MAX} are allowed");
        return Err(Error::new(error_type::PAYLOAD_TOO_LARGE, text).non_retryable());
    }
    Ok(progress)
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

    #[test]
    fn progress_over_the_limit_is_an_error_that_names_it_and_tells_nobody() {
        let cx = ActivityContext::local();
        let most = "x".repeat(PROGRESS_BYTES_MAX - 2);

        cx.heartbeat(&most).unwrap();
        let error = cx.heartbeat(&format!("{most}x")).unwrap_err();

        assert_eq!(
            error.to_string(),
            "sagaline.PayloadTooLarge: progress of 16385 bytes; 16384 are allowed"
        );
        assert_eq!(cx.heartbeats::<String>(), [most]);
    }

    #[test]
    fn what_an_earlier_attempt_told_has_a_shape() {
        let first = ActivityContext::local();
        let second = ActivityContext::local().with_last_heartbeat(&7);

        assert_eq!(first.last_heartbeat::<u8>().unwrap(), None);
        assert_eq!(second.last_heartbeat::<u8>().unwrap(), Some(7));
        let error = second.last_heartbeat::<String>().unwrap_err();
        assert_eq!(error.error_type(), json::UNDECODABLE);
    }
}
