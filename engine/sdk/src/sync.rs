//! What the branches of one workflow share: channels, locks, and limits to how many do something at a time.
//!
//! Branches are the futures of a `join!`, of a [`join_all`](crate::future::join_all), or those that
//! [`Context::spawn`](crate::Context::spawn) began. They take turns, in an order that replay repeats; none runs while another
//! does. So a lock is only needed around what waits in between.
//!
//! Whoever waits does so in the order of arrival, and is woken in it. The channels and locks of `tokio::sync` and `futures`
//! are deterministic here, too, but they do not know when a run or a [scope](crate::Scope) is asked to stop: who waits in
//! them waits on, for what may never come. These end with an error that [`is_canceled`](crate::Error::is_canceled), as a
//! sleep does, and respect [shields](crate::Context::shielded).
//!
//! A run all of whose branches wait for each other gets an incident of kind `deadlock`.

mod channel;
mod mutex;
mod semaphore;

pub use channel::{CLOSED, Receiver, Receiving, Sender, Sending, channel, unbounded};
pub use mutex::{Lock, Mutex, MutexGuard};
pub use semaphore::{Acquire, Permit, Semaphore};

use std::sync::{self, PoisonError};

use crate::Error;

/// The error of who waited for `what` when the run or a scope was asked to stop.
fn canceled(what: &str) -> Error {
    Error::canceled(format!("the wait for {what} was cancelled"))
}

/// Nothing of the user's runs under it, so that it is never found locked.
fn locked<T>(shared: &sync::Mutex<T>) -> sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
