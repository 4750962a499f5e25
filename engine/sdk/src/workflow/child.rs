//! A child: another workflow that a run starts, awaits or lets go, and that tells it how it ends.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use sagaline_core::{
    ActivityId, Failure, Fields, Name, Payload, StartChild, Stop, Timestamp, WorkflowId,
    error_type, event::ParentClosePolicy, is_field_name,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Context, ErasedWorkflowCall, SendSignal, SignalCall, WorkflowCall,
    external::To,
    state::Shared,
    step::{StepKind, StepOutcome},
};
use crate::{
    Attributes, Error, Result, Retry, TimestampExt as _, client::IdReuse, duration::millis, json,
};

/// What the end of a run means for its children that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParentClose {
    /// They end at once.
    #[default]
    Terminate,
    /// They are asked to stop, and compensate what they have done.
    Cancel,
    /// They go on, and what they have done is theirs to undo.
    Abandon,
}

/// A child that `.await` starts and waits for; [`Context::child`](super::Context::child) makes it.
///
/// What a completed child has done is its parent's to undo: the compensations that it registered, at most 1,000, become the
/// parent's own. A child that fails has undone its steps itself.
#[must_use = "a child begins when it is awaited or started"]
pub struct RunChild<R> {
    shared: Arc<Shared>,
    stage: Stage,
    result: std::marker::PhantomData<fn() -> R>,
}

/// A child that was started; `.await` waits for its end.
///
/// Dropped, it goes on, and the parent hears no more of it; what its parent's end means for it is unchanged.
#[must_use = "its outcome is known when it is awaited"]
pub struct StartedChild<R>(RunChild<R>);

#[derive(Debug)]
enum Stage {
    Planned(Box<Plan>),
    Waiting(ActivityId, WorkflowId),
    Refused(Error),
    Taken,
}

#[derive(Debug)]
struct Plan {
    call: ErasedWorkflowCall,
    options: Options,
}

/// What is said of a child beside what it is.
#[derive(Debug, Default)]
struct Options {
    id: Option<String>,
    parent_close: ParentClose,
    id_reuse: IdReuse,
    run_timeout: Option<Duration>,
    execution_timeout: Option<Duration>,
    start_at: Option<Timestamp>,
    retry: Option<Retry>,
    attributes: Vec<(String, Result<Payload>)>,
    memo: Vec<(String, Result<Payload>)>,
}

impl<R> RunChild<R> {
    pub(super) fn new<W>(shared: Arc<Shared>, call: WorkflowCall<R, W>) -> Self {
        Self {
            shared,
            stage: Stage::Planned(Box::new(Plan {
                call: call.erase(),
                options: Options::default(),
            })),
            result: std::marker::PhantomData,
        }
    }

    /// Its workflow id; unless said, the parent's run and the child's number there.
    pub fn id(self, workflow_id: impl Into<String>) -> Self {
        self.planned(|options| options.id = Some(workflow_id.into()))
    }

    /// What the end of the parent means for it; `Terminate` unless said. A parent that fails, is cancelled or runs out of
    /// time cancels children that it has not let go, and waits for them.
    pub fn on_parent_close(self, policy: ParentClose) -> Self {
        self.planned(|options| options.parent_close = policy)
    }

    /// What to do when the last run of its id is closed; `RejectDuplicate` unless said. While a run of the id is open, the
    /// child fails with `sagaline.AlreadyStarted`.
    pub fn id_reuse(self, rule: IdReuse) -> Self {
        self.planned(|options| options.id_reuse = rule)
    }

    /// Lets its run take this long; for ever unless said.
    pub fn run_timeout(self, limit: Duration) -> Self {
        self.planned(|options| options.run_timeout = Some(limit))
    }

    /// Lets it and the runs that continue it take this long together; for ever unless said.
    pub fn execution_timeout(self, limit: Duration) -> Self {
        self.planned(|options| options.execution_timeout = Some(limit))
    }

    /// Lets it begin then, and not before; in the past: at once. Until then it is open, and can be cancelled.
    pub fn start_at(self, at: Timestamp) -> Self {
        self.planned(|options| options.start_at = Some(at))
    }

    /// The same, counted from this call.
    pub fn start_delay(self, delay: Duration) -> Self {
        let at = self.shared.now().after(delay);
        self.start_at(at)
    }

    /// Tries it again when it fails or its run time-out passes, as a new run of the same id with the same input, once what it
    /// had done is undone; never unless said. Its parent hears of the last run alone.
    pub fn retry(self, retry: Retry) -> Self {
        self.planned(|options| options.retry = Some(retry))
    }

    /// Gives it a search attribute.
    pub fn attribute(self, name: impl Into<String>, value: impl Serialize) -> Self {
        let value = json::encode("search attribute", &value);
        self.planned(|options| options.attributes.push((name.into(), value)))
    }

    /// Gives it search attributes with their types.
    pub fn attributes(self, attributes: Attributes) -> Self {
        let values = attributes.into_values();
        let values = values.map(|(name, value)| (name.to_owned(), value));
        self.planned(|options| options.attributes.extend(values))
    }

    /// Gives it a memo.
    pub fn memo(self, name: impl Into<String>, value: impl Serialize) -> Self {
        let value = json::encode("memo", &value);
        self.planned(|options| options.memo.push((name.into(), value)))
    }

    /// Starts it now; what is awaited later is only its end.
    pub fn start(mut self) -> StartedChild<R> {
        self.begin();
        StartedChild(self)
    }

    fn planned(mut self, change: impl FnOnce(&mut Options)) -> Self {
        if let Stage::Planned(plan) = &mut self.stage {
            change(&mut plan.options);
        }
        self
    }

    fn begin(&mut self) {
        if let Stage::Planned(plan) = mem::replace(&mut self.stage, Stage::Taken) {
            self.stage = match self.begun(*plan) {
                Ok((child_id, workflow_id)) => Stage::Waiting(child_id, workflow_id),
                Err(error) => Stage::Refused(error),
            };
        }
    }

    fn begun(&self, plan: Plan) -> Result<(ActivityId, WorkflowId)> {
        let Plan { call, options } = plan;
        let input = call.input?;
        if input.is_too_large() {
            let text = format!(
                "input of child `{}` has {} bytes; {} are allowed",
                call.workflow,
                input.data().len(),
                sagaline_core::PAYLOAD_BYTES_MAX
            );
            return Err(Error::new(error_type::PAYLOAD_TOO_LARGE, text).non_retryable());
        }
        let attributes = fields("search attribute", options.attributes)?;
        let memo = fields("memo", options.memo)?;
        let close_policy = match options.parent_close {
            ParentClose::Terminate => ParentClosePolicy::Terminate,
            ParentClose::Cancel => ParentClosePolicy::Cancel,
            ParentClose::Abandon => ParentClosePolicy::Abandon,
        };
        let retry = options.retry.map(Retry::into_workflow_policy);
        let retry = retry.transpose().map_err(|out| {
            let text = format!("child `{}`: retry: {out}", call.workflow);
            Error::new(error_type::INVALID_OPTIONS, text).non_retryable()
        })?;
        let kind = StepKind::Child { close_policy };
        self.shared.start_child(kind, |run_id, child_id| {
            let id = options.id.unwrap_or_else(|| format!("{run_id}/{child_id}"));
            Ok(StartChild {
                child_id,
                workflow: call.workflow,
                version: call.version.map(String::into_boxed_str),
                workflow_id: WorkflowId::new(&id)?,
                input,
                close_policy,
                id_reuse: match options.id_reuse {
                    IdReuse::RejectDuplicate => sagaline_core::IdReuse::RejectDuplicate,
                    IdReuse::AllowDuplicate => sagaline_core::IdReuse::AllowDuplicate,
                    IdReuse::AllowDuplicateFailedOnly => {
                        sagaline_core::IdReuse::AllowDuplicateFailedOnly
                    }
                },
                attributes,
                memo,
                run_timeout_ms: options.run_timeout.map(millis),
                execution_timeout_ms: options.execution_timeout.map(millis),
                start_at: options.start_at,
                retry,
            })
        })
    }
}

impl<R> StartedChild<R> {
    /// One that the run before has handed on.
    pub(super) fn carried(shared: Arc<Shared>, child_id: ActivityId, id: WorkflowId) -> Self {
        Self(RunChild {
            shared,
            stage: Stage::Waiting(child_id, id),
            result: std::marker::PhantomData,
        })
    }

    /// Its workflow id; none if it could not be started, which `.await` says.
    #[must_use]
    pub fn workflow_id(&self) -> Option<&str> {
        match &self.0.stage {
            Stage::Waiting(_, workflow_id) => Some(workflow_id.as_str()),
            Stage::Planned(_) | Stage::Refused(_) | Stage::Taken => None,
        }
    }

    /// Hands it on to the run that goes on in this one's place, whose [`Context::carried_children`] gives it: open or ended,
    /// its outcome is not lost.
    ///
    /// [`Context::carried_children`]: super::Context::carried_children
    pub fn hand_on(mut self) {
        if let Stage::Waiting(child_id, id) = mem::replace(&mut self.0.stage, Stage::Taken) {
            self.0.shared.hand_on(child_id, id);
        }
    }

    /// Plans a signal to it: to no other run of its id. It arrives behind its start.
    ///
    /// Its error is of type `sagaline.NotFound` or `sagaline.Closed` when the child has ended, or was not started.
    pub fn signal<H>(&self, call: SignalCall<H>) -> SendSignal {
        let to = match &self.0.stage {
            Stage::Waiting(child_id, id) => To::Child(*child_id, id.clone()),
            Stage::Planned(_) | Stage::Refused(_) | Stage::Taken => To::Nobody,
        };
        SendSignal::new(self.0.shared.clone(), to, call)
    }

    /// Asks it to stop; `.await` says when it has.
    pub fn cancel(&self) {
        if let Stage::Waiting(child_id, _) = &self.0.stage {
            self.0.shared.stop_child(*child_id, Stop::Cancel);
        }
    }

    /// Makes it end at once; what it has done stays as it is. One that is undoing what it has done goes on with it.
    pub fn terminate(&self) {
        if let Stage::Waiting(child_id, _) = &self.0.stage {
            self.0.shared.stop_child(*child_id, Stop::Terminate);
        }
    }
}

impl<S> Context<S> {
    /// Plans a child: another workflow, which `.await` starts and waits for.
    ///
    /// It is a run of its own, with its own id and history, anywhere in the namespace. Its error is the child's own, with the
    /// child's error type; `sagaline.AlreadyStarted` when its id is taken; or [`is_canceled`](Error::is_canceled).
    ///
    /// # Example: a mail to each of many, ten at a time
    /// ```
    /// # use sagaline_sdk::{Context, Result, future::join_all, workflow};
    /// # #[workflow]
    /// # async fn mail(_cx: Context, address: String) -> Result<()> { Ok(()) }
    /// #[workflow]
    /// async fn newsletter(cx: Context, addresses: Vec<String>) -> Result<usize> {
    ///     cx.expect_children(addresses.len() as u64);
    ///     let mut sent = 0;
    ///     for ten in addresses.chunks(10) {
    ///         let mails = ten.iter().map(|address| {
    ///             cx.child(mail(address.clone())).id(format!("newsletter/{address}"))
    ///         });
    ///         sent += join_all(mails).await.iter().filter(|one| one.is_ok()).count();
    ///     }
    ///     Ok(sent)
    /// }
    /// ```
    pub fn child<R, W>(&self, call: WorkflowCall<R, W>) -> RunChild<R> {
        RunChild::new(self.shared().clone(), call)
    }

    /// Children that the run before has [handed on](super::StartedChild::hand_on), in the order in which it did; each is
    /// given once.
    ///
    /// # Example: a mail to each of very many, a thousand in one history
    /// ```
    /// # use sagaline_sdk::{Context, Result, StartedChild, future::{FuturesUnordered, StreamExt}, workflow};
    /// # #[workflow]
    /// # async fn mail(_cx: Context, number: u32) -> Result<()> { Ok(()) }
    /// #[workflow]
    /// async fn mails(cx: Context, from: u32) -> Result<u32> {
    ///     let mut open: FuturesUnordered<StartedChild<()>> = cx.carried_children().into_iter().collect();
    ///     let mut next = from;
    ///     while next < 100_000 && !cx.is_continue_as_new_suggested() {
    ///         if open.len() >= 50 {
    ///             open.next().await.transpose()?;
    ///         }
    ///         open.push(cx.child(mail(next)).id(format!("mail/{next}")).start());
    ///         next += 1;
    ///     }
    ///     if next < 100_000 {
    ///         open.into_iter().for_each(StartedChild::hand_on);
    ///         return cx.continue_as_new(&next);
    ///     }
    ///     while let Some(sent) = open.next().await {
    ///         sent?;
    ///     }
    ///     Ok(next)
    /// }
    /// ```
    pub fn carried_children<R>(&self) -> Vec<StartedChild<R>> {
        let children = self.shared().taken_over().into_iter();
        let of = |(child_id, id)| StartedChild::carried(self.shared().clone(), child_id, id);
        children.map(of).collect()
    }

    /// Tells how many children there will be in all, for whoever looks how far the run is; 0: no more than were started.
    pub fn expect_children(&self, total: u64) {
        self.shared().expect_children(total);
    }
}

/// Names with JSON values, checked.
fn fields(what: &str, given: Vec<(String, Result<Payload>)>) -> Result<Option<Fields>> {
    let mut fields = BTreeMap::new();
    for (name, value) in given {
        let invalid = |text: String| Error::new(error_type::INVALID_INPUT, text).non_retryable();
        if !is_field_name(&name) {
            return Err(invalid(format!("{what} `{name}`: this is no name of one")));
        }
        let json = String::from_utf8_lossy(value?.data()).into_owned();
        fields.insert(Name::new(&name)?, json.into_boxed_str());
    }
    Fields::new(fields).map_err(|over| {
        let text = format!("too much of {what}: {over:?}");
        Error::new(error_type::INVALID_INPUT, text).non_retryable()
    })
}

impl<R: DeserializeOwned> Future for RunChild<R> {
    type Output = Result<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let child = self.get_mut();
        if matches!(child.stage, Stage::Planned(_)) {
            child.begin();
        }
        let id = match &child.stage {
            Stage::Waiting(child_id, _) => *child_id,
            _ => match mem::replace(&mut child.stage, Stage::Taken) {
                Stage::Refused(error) => return Poll::Ready(Err(error)),
                _ => panic!("a child was polled after it had ended"),
            },
        };
        let Poll::Ready((workflow, outcome)) = child.shared.poll_step(id, cx.waker()) else {
            return Poll::Pending;
        };
        let Stage::Waiting(_, id) = mem::replace(&mut child.stage, Stage::Taken) else {
            unreachable!("it was seen waiting");
        };
        Poll::Ready(match outcome {
            StepOutcome::Completed(result) => {
                json::decode(&format!("result of child `{workflow}`"), &result)
            }
            StepOutcome::Failed(failure) => Err(failed(&id, failure)),
            StepOutcome::Canceled => Err(Error::canceled(format!("child `{id}` was cancelled"))),
        })
    }
}

/// The child's own failure, which its parents match on by its type; the message says whose it is.
fn failed(child: &WorkflowId, failure: Failure) -> Error {
    let Failure {
        error_type,
        message,
        details,
        non_retryable,
    } = failure;
    Error::from_failure(Failure {
        details,
        non_retryable,
        ..Failure::new(error_type, format!("child `{child}`: {message}"))
    })
}

impl<R: DeserializeOwned> Future for StartedChild<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<R> Drop for RunChild<R> {
    fn drop(&mut self) {
        if let Stage::Waiting(child_id, _) = self.stage {
            self.shared.abandon(child_id);
        }
    }
}

impl<R> fmt::Debug for RunChild<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunChild").field(&self.stage).finish()
    }
}

impl<R> fmt::Debug for StartedChild<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StartedChild").field(&self.0.stage).finish()
    }
}
