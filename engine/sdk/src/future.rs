//! Waiting for several things at once, always in the order in which they are written, so that replay sees the same.
//!
//! `FuturesUnordered` is that of `futures-util`, which is deterministic here: it polls what was woken, in the order in
//! which it was, and the engine wakes in the order of history.

mod all;
mod join;
mod select;

pub use all::{join_all, join_window, try_join_all};
pub use futures_util::stream::{FuturesUnordered, StreamExt};
#[doc(hidden)]
pub use join::{Join, TryJoin};
pub use select::select_all;
#[doc(hidden)]
pub use select::{Either, either};
