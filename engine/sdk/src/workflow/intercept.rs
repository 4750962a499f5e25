//! What stands around runs of workflows: it sees what comes in and what a run wants, and may refuse either.

use std::{fmt, sync::Arc};

use sagaline_core::{Payload, Timestamp};

use super::{Context, WorkflowInfo};
use crate::{Result, activity::BoxFuture};

/// Stands around runs of workflows; [`Workflows::intercept`](crate::Workflows::intercept) puts it there.
///
/// It is part of the workflow: it runs again on replay, so it must do the same each time, talk to nobody, and may look at
/// [`is_replaying`](Intercepted::is_replaying) for logging alone. What it changes about open runs is a change of their code.
///
/// Deliberately absent: changing payloads, which a [`Codec`](crate::Codec) does, and headers of one's own, which no task
/// carries.
///
/// # Example: a workflow may start only children that are on a list
/// ```
/// use sagaline_sdk::{
///     Context, Error, Intercepted, Outbound, Result, WorkflowInterceptor, call_workflow, testing::Env, workflow, workflows,
/// };
///
/// struct Allowed(&'static [&'static str]);
///
/// impl WorkflowInterceptor for Allowed {
///     fn outbound(&self, run: &Intercepted<'_>, wanted: &Outbound<'_>) -> Result<()> {
///         match wanted {
///             Outbound::Child { workflow, .. } if !self.0.contains(workflow) => {
///                 let text = format!("{} may not start {workflow}", run.info.workflow);
///                 Err(Error::new("NotAllowed", text).non_retryable())
///             }
///             _ => Ok(()),
///         }
///     }
/// }
///
/// #[workflow]
/// async fn parent(cx: Context, child: String) -> Result<()> {
///     cx.child(call_workflow(&child, &())).await
/// }
///
/// let env = Env::new().workflows(workflows![parent].intercept(Allowed(&["report"])));
/// let error = env.start(parent("payout".into())).result().unwrap_err();
/// assert_eq!(error.error_type(), "NotAllowed");
/// ```
pub trait WorkflowInterceptor: Send + Sync + 'static {
    /// Runs the workflow by awaiting `run`, and gives what it gave. It may wait, before or after, by its context.
    fn around(
        &self,
        cx: Context,
        run: BoxFuture<'static, Result<Payload>>,
    ) -> BoxFuture<'static, Result<Payload>> {
        let _ = cx;
        run
    }

    /// Looks at a message before the run does.
    ///
    /// # Errors
    /// It is refused: a query or an update is answered so, and a signal is passed over.
    fn inbound(&self, run: &Intercepted<'_>, message: &Inbound<'_>) -> Result<()> {
        let _ = (run, message);
        Ok(())
    }

    /// Looks at what the run wants, before it is commanded.
    ///
    /// # Errors
    /// It is refused: that is the error of the step.
    fn outbound(&self, run: &Intercepted<'_>, wanted: &Outbound<'_>) -> Result<()> {
        let _ = (run, wanted);
        Ok(())
    }
}

/// The run that an interceptor stands around.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Intercepted<'a> {
    /// What never changes during it.
    pub info: &'a WorkflowInfo,
    /// The time, as the journal has it.
    pub now: Timestamp,
    /// Whether this has happened before. For logging, never for decisions.
    pub is_replaying: bool,
}

/// A message for a run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Inbound<'a> {
    /// A signal, whether a handler takes it or the workflow asks for it.
    Signal {
        /// Its name.
        name: &'a str,
        /// What it carries.
        input: &'a Payload,
    },
    /// A query, which is never replayed.
    Query {
        /// Its name.
        name: &'a str,
        /// What is asked.
        input: &'a Payload,
    },
    /// An update that is to be accepted or not, which is never replayed.
    Update {
        /// Its name.
        name: &'a str,
        /// What it is given.
        input: &'a Payload,
    },
}

/// What a run wants.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Outbound<'a> {
    /// An activity.
    Activity {
        /// Its name.
        name: &'a str,
        /// Whether it is to run in the engine's process.
        is_local: bool,
        /// What it is given.
        input: &'a Payload,
    },
    /// A child.
    Child {
        /// The workflow's name.
        workflow: &'a str,
        /// The id under which it is started.
        workflow_id: &'a str,
        /// What it is given.
        input: &'a Payload,
    },
    /// A signal for another run.
    Signal {
        /// Its name.
        name: &'a str,
        /// Whose run shall have it.
        workflow_id: &'a str,
        /// What it carries.
        input: &'a Payload,
    },
    /// A timer.
    Timer {
        /// When it is due.
        due_at: Timestamp,
    },
    /// A new run in its place.
    ContinueAsNew {
        /// What that one is given.
        input: &'a Payload,
    },
}

/// All that stand around the runs of a workflow, the innermost first.
#[derive(Clone, Default)]
pub(crate) struct Around(Vec<Arc<dyn WorkflowInterceptor>>);

impl Around {
    pub(super) fn add(&mut self, interceptor: Arc<dyn WorkflowInterceptor>) {
        self.0.push(interceptor);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn run(
        &self,
        cx: &Context,
        run: BoxFuture<'static, Result<Payload>>,
    ) -> BoxFuture<'static, Result<Payload>> {
        let around = self.0.iter();
        around.fold(run, |run, interceptor| interceptor.around(cx.clone(), run))
    }

    /// What comes in meets the outermost first.
    pub(super) fn inbound(&self, run: &Intercepted<'_>, message: &Inbound<'_>) -> Result<()> {
        let mut inwards = self.0.iter().rev();
        inwards.try_for_each(|interceptor| interceptor.inbound(run, message))
    }

    /// What goes out meets the innermost first.
    pub(super) fn outbound(&self, run: &Intercepted<'_>, wanted: &Outbound<'_>) -> Result<()> {
        let mut outwards = self.0.iter();
        outwards.try_for_each(|interceptor| interceptor.outbound(run, wanted))
    }
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Around").field(&self.0.len()).finish()
    }
}
