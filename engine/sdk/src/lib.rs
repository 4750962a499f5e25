//! Sagaline for Rust: workflows as `async fn`s, activities, and the macros that make both.
//!
//! A **workflow** is deterministic code that says what shall happen; the engine runs it again from its history after
//! every crash, so it talks to the world through its [`Context`] alone. An **activity** is ordinary code that touches the
//! world; a worker runs it, at least once, with retries.
//!
//! # Example: a saga
//! ```
//! use sagaline_sdk::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Order { item: String, cents: u64 }
//!
//! #[activity]
//! async fn reserve_stock(order: &Order) -> Result<u32> {
//!     Ok(order.item.len() as u32)
//! }
//!
//! #[activity]
//! async fn release_stock(reservation: &u32) -> Result<()> {
//!     println!("released {reservation}");
//!     Ok(())
//! }
//!
//! #[activity]
//! async fn charge_card(order: &Order) -> Result<String> {
//!     match order.cents {
//!         0 => Err(Error::new("NothingToPay", "an order costs something").non_retryable()),
//!         cents => Ok(format!("paid-{cents}")),
//!     }
//! }
//!
//! #[workflow]
//! async fn order(cx: Context, order: Order) -> Result<String> {
//!     cx.run(reserve_stock(&order)).compensate_with(release_stock).await?;
//!     cx.run(charge_card(&order)).retry(Retry::default().maximum_attempts(5)).await
//! }
//!
//! let workflows = workflows![order];
//! let activities = activities![reserve_stock, release_stock, charge_card];
//! # assert_eq!(workflows.resolve("order", None), Some("1.0.0"));
//! # assert_eq!(activities.names().count(), 3);
//! ```
//!
//! Deliberately absent: settings, flags and the process itself, which the `sagaline` crate has.

extern crate self as sagaline_sdk;

mod activity;
mod attribute;
pub mod batch;
pub mod client;
mod codec;
mod completion;
mod duration;
mod error;
pub mod future;
mod json;
#[doc(hidden)]
pub mod private;
#[doc(hidden)]
pub mod recorded;
mod retry;
pub mod schedule;
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;
pub mod worker;
mod workflow;

pub use activity::{
    Activities, Activity, ActivityCall, ActivityContext, ActivityFn, ActivityInfo,
    ActivityInterceptor, BoxFuture, Data, Elsewhere, call_activity,
};
pub use attribute::{Attribute, Attributes};
pub use codec::Codec;
#[doc(hidden)]
pub use codec::Coding;
pub use completion::CompletionToken;
pub use duration::{DurationExt, TimestampExt};
pub use error::{Error, Result};
pub use retry::Retry;
pub use sagaline_core::{Failure, Name, Payload, RunId, Timestamp, WorkflowId};
pub use sagaline_macros::{activity, query, signal, update, workflow};
pub use uuid::Uuid;
pub use workflow::{
    CompensatedInParallel, Context, ExternalWorkflow, Handled, Handlers, Inbound, Intercepted,
    Outbound, ParentClose, QueryCall, QueryFn, QueryHandler, Random, RunActivity, RunChild, Scope,
    SendSignal, Shielded, Signal, SignalCall, SignalFn, SignalHandler, SignalOrTimeout, Sleep,
    StartedActivity, StartedChild, Task, Timeout, Until, UntilOrTimeout, Untyped, UpdateCall,
    UpdateFn, UpdateHandler, Within, Workflow, WorkflowCall, WorkflowFn, WorkflowInfo,
    WorkflowInterceptor, Workflows, call_query, call_signal, call_update, call_workflow,
};

/// What most files of workflows and activities use.
pub mod prelude {
    pub use crate::{
        Activities, ActivityContext, Context, DurationExt, Error, Result, Retry, Timestamp,
        TimestampExt, Workflows, activities, activity,
        future::{join_all, try_join_all},
        join, query, select, signal, try_join, update, workflow, workflows,
    };
}
