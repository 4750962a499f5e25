//! A call of an activity: its name and its input, written as JSON at once. Nothing happens until a workflow runs it.

use std::{fmt, marker::PhantomData, time::Duration};

use sagaline_core::{LOCAL_QUEUE, Name, Payload, bounds, error_type};
use serde::{Serialize, de::DeserializeOwned};

use super::{Activity, ActivityContext};
use crate::{Error, Result, Retry, json};

/// An activity and the input for it; `R` is what it returns, `A` its implementation.
///
/// A function marked `#[activity]` returns one. Its input is serialised when the function is called, so the call borrows
/// nothing; what cannot be serialised becomes the error of the step that runs it.
///
/// # Example: a call is data until a workflow runs it
/// ```
/// use sagaline_sdk::{Result, activity};
///
/// #[activity]
/// async fn greet(name: &str) -> Result<String> {
///     Ok(format!("Hello, {name}!"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let call = greet("world");
/// assert_eq!(call.name(), "greet");
/// assert_eq!(call.invoke().await?, "Hello, world!"); // as a test does
/// # Ok(())
/// # }
/// ```
#[must_use = "an activity runs when a workflow says `cx.run(…)`"]
pub struct ActivityCall<R, A = Elsewhere> {
    call: ErasedCall,
    decode: Decode<R>,
    implementation: PhantomData<fn() -> A>,
}

/// Reads a result; the text says which, for the error.
pub(crate) type Decode<R> = fn(&str, &Payload) -> Result<R>;

/// Stands for the implementation of an activity that this program does not have: a worker elsewhere does, perhaps in
/// another language.
#[derive(Clone, Copy, Debug)]
pub enum Elsewhere {}

/// A call without its types.
#[derive(Debug)]
pub(crate) struct ErasedCall {
    pub(crate) name: Name,
    pub(crate) queue: Option<Name>,
    pub(crate) input: Result<Payload>,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeouts: CallTimeouts,
}

/// How long a call may take, as far as it says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallTimeouts {
    pub(crate) schedule_to_start: Option<Duration>,
    pub(crate) start_to_close: Option<Duration>,
    pub(crate) schedule_to_close: Option<Duration>,
    pub(crate) heartbeat: Option<Duration>,
}

/// A call of an activity by its name alone: of one in another language, say.
///
/// A name or queue that cannot be one (empty, over 249 bytes) becomes the error of the step that runs the call.
///
/// # Example: an activity in Python
/// ```
/// use sagaline_sdk::{ActivityCall, call_activity};
///
/// let call: ActivityCall<f64> = call_activity("risk-score", &("o-1", 120)).queue("python");
/// assert_eq!(call.name(), "risk-score");
/// ```
pub fn call_activity<R: DeserializeOwned>(
    name: &str,
    input: &(impl Serialize + ?Sized),
) -> ActivityCall<R> {
    match Name::new(name) {
        Ok(checked) => ActivityCall::new(checked, None, input),
        Err(invalid) => ActivityCall {
            call: ErasedCall {
                name: Name::from("invalid"),
                queue: None,
                input: Err(invalid.into()),
                retry: None,
                timeouts: CallTimeouts::default(),
            },
            decode: json::decode,
            implementation: PhantomData,
        },
    }
}

impl<R, A> ActivityCall<R, A> {
    /// What `#[activity]` makes of its function's arguments.
    #[doc(hidden)]
    pub fn new(name: Name, queue: Option<Name>, input: &(impl Serialize + ?Sized)) -> Self
    where
        R: DeserializeOwned,
    {
        let input = json::encode(&format!("input of `{name}`"), input);
        Self {
            call: ErasedCall {
                name,
                queue,
                input,
                retry: None,
                timeouts: CallTimeouts::default(),
            },
            decode: json::decode,
            implementation: PhantomData,
        }
    }

    /// The activity's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.call.name.as_str()
    }

    /// Takes it from this task queue.
    pub fn queue(mut self, queue: &str) -> Self {
        match Name::new(queue) {
            Ok(queue) => match bounds::queue(&queue) {
                Ok(()) => self.call.queue = Some(queue),
                Err(reserved) => {
                    let text = reserved.of(&self.call.name);
                    self.call.input =
                        Err(Error::new(error_type::INVALID_OPTIONS, text).non_retryable());
                }
            },
            Err(invalid) => self.call.input = Err(invalid.into()),
        }
        self
    }

    /// Runs it in the engine's process instead of on a worker; see
    /// [`RunActivity::local`](crate::RunActivity::local). For compensations, which have no step of their own.
    pub fn local(mut self) -> Self {
        self.call.queue = Some(Name::from(LOCAL_QUEUE));
        self
    }

    /// Retries it so.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.call.retry = Some(retry);
        self
    }

    /// Lets one attempt run this long, from when a worker begins with it; 60 s unless said, 10 s of a local one.
    pub fn start_to_close(mut self, limit: Duration) -> Self {
        self.call.timeouts.start_to_close = Some(limit);
        self
    }

    /// Lets a task wait this long for a worker; for ever unless said. No attempt follows one that nobody took.
    pub fn schedule_to_start(mut self, limit: Duration) -> Self {
        self.call.timeouts.schedule_to_start = Some(limit);
        self
    }

    /// Lets all attempts and the waits between them take this long; for ever unless said.
    pub fn schedule_to_close(mut self, limit: Duration) -> Self {
        self.call.timeouts.schedule_to_close = Some(limit);
        self
    }

    /// Wants a heartbeat at least this often; none unless said. When they stay away, the next attempt follows.
    pub fn heartbeat(mut self, limit: Duration) -> Self {
        self.call.timeouts.heartbeat = Some(limit);
        self
    }

    pub(crate) fn erase(self) -> ErasedCall {
        self.call
    }

    pub(crate) fn into_parts(self) -> (ErasedCall, Decode<R>) {
        (self.call, self.decode)
    }
}

impl<R, A: Activity> ActivityCall<R, A> {
    /// Runs the implementation right here, once: for tests. Input and output pass through JSON, as they do on a worker.
    ///
    /// # Errors
    /// What the activity returns.
    pub async fn invoke(self) -> Result<R> {
        self.invoke_with(ActivityContext::local()).await
    }

    /// The same with a context, for an activity that wants [data](ActivityContext::with_data) or looks at its attempt.
    ///
    /// # Errors
    /// What the activity returns.
    pub async fn invoke_with(self, cx: ActivityContext) -> Result<R> {
        let result = A::execute(cx, self.call.input?).await?;
        (self.decode)(&format!("result of `{}`", self.call.name), &result)
    }
}

impl<R, A> fmt::Debug for ActivityCall<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityCall")
            .field("name", &self.call.name)
            .field("input", &self.call.input)
            .finish_non_exhaustive()
    }
}
