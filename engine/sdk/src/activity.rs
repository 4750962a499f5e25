//! Activities: what touches the world. Written with `#[activity]`, called in workflows, run by workers.
//!
//! Deliberately absent: how tasks reach a worker (`worker`) and what a workflow does with a call (`workflow`).

mod call;
mod context;
mod intercept;
mod link;
mod set;

use std::{future::Future, pin::Pin};

use sagaline_core::Payload;

pub use call::{ActivityCall, Elsewhere, call_activity};
pub(crate) use call::{CallTimeouts, Decode, ErasedCall};
pub(crate) use context::encode_progress;
pub use context::{ActivityContext, ActivityInfo, Data};
pub use intercept::ActivityInterceptor;
pub(crate) use intercept::Attempt;
pub(crate) use link::Link;
use set::Execute;
pub use set::{Activities, ActivityFn};

use crate::Result;

/// A future behind a pointer, as a worker runs it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The implementation of an activity. `#[activity]` writes it.
#[diagnostic::on_unimplemented(
    message = "this activity has no implementation that a worker could run",
    label = "declared without a body, or called by name only",
    note = "a worker takes what `#[activity]` made from an `async fn` with a body"
)]
pub trait Activity: 'static {
    /// Its name in tasks: the function's with dashes, unless the attribute says another.
    const NAME: &'static str;

    /// The task queue that the attribute names; otherwise it is the worker's default queue.
    const QUEUE: Option<&'static str>;

    /// Makes one attempt.
    fn execute(cx: ActivityContext, input: Payload) -> BoxFuture<'static, Result<Payload>>;
}
