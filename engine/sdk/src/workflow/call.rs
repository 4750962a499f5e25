//! A call of a workflow: its name and its input, written as JSON at once. A client starts it.

use std::{fmt, marker::PhantomData};

use sagaline_core::{Name, Payload};
use serde::Serialize;

use crate::{Result, json};

/// A workflow and the input for it; `R` is what it returns, `W` the workflow.
///
/// A function marked `#[workflow]` returns one when it is called with the input alone.
///
/// # Example: what a client is given
/// ```
/// use sagaline_sdk::{Context, Result, workflow};
///
/// #[workflow(version = "1.2.0")]
/// async fn greeting(_cx: Context, name: String) -> Result<String> {
///     Ok(format!("Hello, {name}!"))
/// }
///
/// let call = greeting("world".into());
/// assert_eq!(call.workflow(), "greeting");
/// ```
#[must_use = "a workflow starts when a client says `start(…)`"]
pub struct WorkflowCall<R, W = Untyped> {
    call: ErasedWorkflowCall,
    types: PhantomData<fn() -> (R, W)>,
}

/// A call without its types.
#[derive(Debug)]
pub(crate) struct ErasedWorkflowCall {
    pub(crate) workflow: Name,
    pub(crate) version: Option<String>,
    pub(crate) input: Result<Payload>,
}

/// Stands for a workflow that is called by its name alone.
#[derive(Clone, Copy, Debug)]
pub enum Untyped {}

/// A call of a workflow by its name alone: of a declarative one, or one of another program.
///
/// A name that cannot be one (empty, over 249 bytes) becomes the error of the start.
///
/// # Example: a declarative workflow
/// ```
/// use sagaline_sdk::{WorkflowCall, call_workflow};
///
/// let call: WorkflowCall<()> = call_workflow("nightly-report", &"2026-01-31").version("2.0.0");
/// assert_eq!(call.workflow(), "nightly-report");
/// ```
pub fn call_workflow<R>(workflow: &str, input: &(impl Serialize + ?Sized)) -> WorkflowCall<R> {
    match Name::new(workflow) {
        Ok(checked) => WorkflowCall::new(checked, input),
        Err(invalid) => WorkflowCall {
            call: ErasedWorkflowCall {
                workflow: Name::from("invalid"),
                version: None,
                input: Err(invalid.into()),
            },
            types: PhantomData,
        },
    }
}

impl<R, W> WorkflowCall<R, W> {
    /// What `#[workflow]` makes of its function's arguments.
    #[doc(hidden)]
    pub fn new(workflow: Name, input: &(impl Serialize + ?Sized)) -> Self {
        let input = json::encode(&format!("input of workflow `{workflow}`"), input);
        Self {
            call: ErasedWorkflowCall {
                workflow,
                version: None,
                input,
            },
            types: PhantomData,
        }
    }

    /// The workflow's name.
    #[must_use]
    pub fn workflow(&self) -> &str {
        self.call.workflow.as_str()
    }

    /// What the workflow is given; none: it cannot be written as JSON.
    #[must_use]
    pub fn input(&self) -> Option<&Payload> {
        self.call.input.as_ref().ok()
    }

    /// Starts this version; unless said, the highest that the engine has.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.call.version = Some(version.into());
        self
    }

    pub(crate) fn erase(self) -> ErasedWorkflowCall {
        self.call
    }
}

impl<R, W> fmt::Debug for WorkflowCall<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkflowCall").field(&self.call).finish()
    }
}
