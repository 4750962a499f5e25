//! Other runs: a workflow sends them signals.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use sagaline_core::{ActivityId, Failure, RunId, SignalExternal, WorkflowId, error_type};

use super::{Context, Message, Outbound, SignalCall, state::Shared, step::StepOutcome};
use crate::{Error, Result};

/// Another workflow, open or not; [`Context::external_workflow`] names it.
#[derive(Clone)]
pub struct ExternalWorkflow {
    shared: Arc<Shared>,
    workflow_id: String,
    run_id: Option<RunId>,
}

/// A signal to another run. `.await` sends it and waits until it is in that run's history; [`send`](Self::send) only sends it.
///
/// What the other run makes of it, it does not tell: a workflow that wants an answer asks for a signal back.
#[must_use = "a signal is sent when it is awaited or `send` is called"]
pub struct SendSignal {
    shared: Arc<Shared>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Planned(Box<Plan>),
    Waiting(ActivityId, WorkflowId),
    Taken,
}

#[derive(Debug)]
struct Plan {
    to: To,
    message: Message,
}

/// Whom a signal is for.
#[derive(Debug)]
pub(super) enum To {
    /// A workflow, or only one run of it.
    Workflow(String, Option<RunId>),
    /// A child that was started.
    Child(ActivityId, WorkflowId),
    /// A child that could not be started.
    Nobody,
}

impl<S> Context<S> {
    /// Names another workflow by its id: its open run, whoever started it.
    ///
    /// # Example: a resource that others ask for
    /// ```
    /// # use sagaline_sdk::{Context, Result, activity, call_signal, workflow};
    /// # #[activity]
    /// # async fn work(order: &String) -> Result<()>;
    /// #[workflow]
    /// async fn order(cx: Context, order: String) -> Result<()> {
    ///     let pool = cx.external_workflow("pool");
    ///     pool.signal(call_signal("acquire", cx.workflow_id())).await?;
    ///     cx.signal::<()>("acquired").await?;
    ///     let done = cx.run(work(&order)).await;
    ///     pool.signal(call_signal("release", cx.workflow_id())).await?;
    ///     done
    /// }
    /// ```
    pub fn external_workflow(&self, workflow_id: impl Into<String>) -> ExternalWorkflow {
        ExternalWorkflow {
            shared: self.shared().clone(),
            workflow_id: workflow_id.into(),
            run_id: None,
        }
    }
}

impl ExternalWorkflow {
    /// Means only this run of it, or, when it is the first of its chain, whichever of the chain is open.
    #[must_use]
    pub fn run_id(self, run_id: RunId) -> Self {
        Self {
            run_id: Some(run_id),
            ..self
        }
    }

    /// Plans a signal to it.
    ///
    /// Its error is of type `sagaline.NotFound` when no run of that id is known, `sagaline.Closed` when it has ended, and
    /// `sagaline.HistoryFull` when its history takes no more.
    pub fn signal<H>(&self, call: SignalCall<H>) -> SendSignal {
        let to = To::Workflow(self.workflow_id.clone(), self.run_id);
        SendSignal::new(self.shared.clone(), to, call)
    }
}

impl SendSignal {
    pub(super) fn new<H>(shared: Arc<Shared>, to: To, call: SignalCall<H>) -> Self {
        let message = call.erase();
        Self {
            shared,
            stage: Stage::Planned(Box::new(Plan { to, message })),
        }
    }

    /// Sends it now and goes on: that no run took it stands in this run's history as `ExternalSignalFailed`, and nobody is
    /// told. Signals of one run to another arrive in the order in which they were sent, unless the broker could not take one for
    /// so long that it was sent anew.
    ///
    /// # Errors
    /// The id, the name or the input is none, or the run was asked to stop.
    pub fn send(mut self) -> Result<()> {
        self.begin(false).map(drop)
    }

    fn begin(&mut self, awaited: bool) -> Result<(ActivityId, WorkflowId)> {
        let Stage::Planned(plan) = mem::replace(&mut self.stage, Stage::Taken) else {
            panic!("a signal was polled after it had ended");
        };
        let Plan { to, message } = *plan;
        let (signal, input) = (message.name?, message.input?);
        if input.is_too_large() {
            let text = format!(
                "input of signal `{signal}` has {} bytes; {} are allowed",
                input.data().len(),
                sagaline_core::PAYLOAD_BYTES_MAX
            );
            return Err(Error::new(error_type::PAYLOAD_TOO_LARGE, text).non_retryable());
        }
        let (workflow_id, run_id, child_id) = match to {
            To::Workflow(id, run_id) => (WorkflowId::new(&id)?, run_id, None),
            To::Child(child_id, id) => (id, None, Some(child_id)),
            To::Nobody => {
                let text = format!("signal `{signal}`: the child was not started");
                return Err(Error::new(error_type::NOT_FOUND, text).non_retryable());
            }
        };
        self.shared.lets_out(&Outbound::Signal {
            name: signal.as_str(),
            workflow_id: workflow_id.as_str(),
            input: &input,
        })?;
        let signal_id = self.shared.signal_external(|signal_id| SignalExternal {
            signal_id,
            workflow_id: workflow_id.clone(),
            run_id,
            child_id,
            signal,
            input,
            awaited,
        })?;
        Ok((signal_id, workflow_id))
    }
}

impl Future for SendSignal {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let sent = self.get_mut();
        let (id, to) = match mem::replace(&mut sent.stage, Stage::Taken) {
            Stage::Waiting(id, to) => (id, to),
            planned => {
                sent.stage = planned;
                match sent.begin(true) {
                    Ok(begun) => begun,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        };
        let Poll::Ready((signal, outcome)) = sent.shared.poll_step(id, cx.waker()) else {
            sent.stage = Stage::Waiting(id, to);
            return Poll::Pending;
        };
        Poll::Ready(match outcome {
            StepOutcome::Completed(_) => Ok(()),
            StepOutcome::Failed(failure) => Err(failed(&to, failure)),
            StepOutcome::Canceled => {
                let text = format!("signal `{signal}` to `{to}` is not waited for any more");
                Err(Error::canceled(text))
            }
        })
    }
}

fn failed(to: &WorkflowId, failure: Failure) -> Error {
    let message = format!("workflow `{to}`: {}", failure.message);
    Error::from_failure(Failure {
        message: message.into(),
        ..failure
    })
}

impl Drop for SendSignal {
    fn drop(&mut self) {
        if let Stage::Waiting(id, _) = self.stage {
            self.shared.abandon(id);
        }
    }
}

impl fmt::Debug for SendSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendSignal").field(&self.stage).finish()
    }
}

impl fmt::Debug for ExternalWorkflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalWorkflow")
            .field("workflow_id", &self.workflow_id)
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}
