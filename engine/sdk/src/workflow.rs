//! Workflows: deterministic `async fn`s that the engine runs, and runs again from history.
//!
//! ```text
//! #[workflow] fn ─▶ Workflow ─▶ Workflows ─▶ RustProgram: Job ─▶ state ─▶ poll ─▶ ProgramCommand
//!                                              Context ────────────┘
//! ```
//! Deliberately absent: clocks, I/O, threads. A workflow knows what its [`Context`] tells it. Invariant: the same
//! activations give the same commands, which `tests/replay.rs` checks at every prefix.

mod about;
mod call;
mod chain;
mod child;
mod coded;
mod condition;
mod context;
mod desk;
mod engine;
mod executor;
mod external;
mod group;
mod handler;
mod info;
mod intercept;
mod message;
mod park;
mod random;
mod reach;
mod run_activity;
mod scope;
mod set;
mod shield;
mod signal;
mod sleep;
mod state;
mod step;
mod task;
mod timer;
mod waits;

use sagaline_core::Payload;
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use call::ErasedWorkflowCall;
pub use call::{Untyped, WorkflowCall, call_workflow};
pub use child::{ParentClose, RunChild, StartedChild};
pub use condition::{Until, UntilOrTimeout};
pub use context::Context;
pub use external::{ExternalWorkflow, SendSignal};
pub use group::CompensatedInParallel;
pub use handler::{
    Handled, Handlers, QueryFn, QueryHandler, SignalFn, SignalHandler, UpdateFn, UpdateHandler,
};
pub use info::WorkflowInfo;
pub use intercept::{Inbound, Intercepted, Outbound, WorkflowInterceptor};
pub(crate) use message::Message;
pub use message::{QueryCall, SignalCall, UpdateCall, call_query, call_signal, call_update};
pub(crate) use park::Spot;
pub use random::Random;
pub use run_activity::{RunActivity, StartedActivity};
pub use scope::{Scope, Timeout, Within};
pub use set::{WorkflowFn, Workflows};
pub use shield::Shielded;
pub use signal::{Signal, SignalOrTimeout};
pub use sleep::Sleep;
pub(crate) use state::Shared;
pub use task::Task;

use crate::{Result, activity::BoxFuture};

/// A workflow. `#[workflow]` writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no workflow",
    label = "not made by `#[workflow]`"
)]
pub trait Workflow: 'static {
    /// What it takes.
    type Input: Serialize + DeserializeOwned;

    /// What it returns.
    type Output: Serialize + DeserializeOwned;

    /// What its signals, queries and updates work on; `()` when it has none.
    type State: Default + Send + 'static;

    /// Its name in start requests: the function's with dashes, unless the attribute says another.
    const NAME: &'static str;

    /// Its version: a run keeps the one that it began with.
    const VERSION: &'static str;

    /// Whether runs that began with an earlier version go on with this one.
    const TAKES_OVER: bool = false;

    /// Task queues that it names beside the default, so that their topics exist when the engine starts.
    const QUEUES: &'static [&'static str];

    /// Begins a run.
    fn start(cx: Context<Self::State>, input: Payload) -> BoxFuture<'static, Result<Payload>>;

    /// What handles signals, queries and updates.
    #[must_use]
    fn handlers() -> Handlers<Self::State> {
        Handlers::new()
    }
}
