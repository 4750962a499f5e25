//! Calls of a run's handlers: the name and the input, written as JSON at once. A client or a test sends them.

use std::{fmt, marker::PhantomData};

use sagaline_core::{Name, Payload};
use serde::Serialize;

use super::Untyped;
use crate::{Result, json};

/// A message for a run and what it carries; `H` is its handler.
///
/// A function marked `#[signal]` returns one when it is called with the input alone.
#[must_use = "a signal is sent when somebody says `send(…)`"]
pub struct SignalCall<H = Untyped> {
    message: Message,
    handler: PhantomData<fn() -> H>,
}

/// A question to a run; `R` is what it answers, `H` its handler.
///
/// A function marked `#[query]` returns one when it is called with the input alone.
#[must_use = "a query is asked when somebody says `query(…)`"]
pub struct QueryCall<R, H = Untyped> {
    message: Message,
    types: PhantomData<fn() -> (R, H)>,
}

/// A request that may change a run; `R` is what it answers, `H` its handler.
///
/// A function marked `#[update]` returns one when it is called with the input alone.
#[must_use = "an update is sent when somebody says `update(…)`"]
pub struct UpdateCall<R, H = Untyped> {
    message: Message,
    types: PhantomData<fn() -> (R, H)>,
}

/// A call without its types.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: Result<Name>,
    pub(crate) input: Result<Payload>,
}

impl Message {
    fn new(what: &str, name: &str, input: &(impl Serialize + ?Sized)) -> Self {
        Self {
            name: Name::new(name).map_err(Into::into),
            input: json::encode(&format!("input of {what} `{name}`"), input),
        }
    }
}

/// A signal by its name alone.
pub fn call_signal(signal: &str, input: &(impl Serialize + ?Sized)) -> SignalCall {
    SignalCall::new(signal, input)
}

/// A query by its name alone.
pub fn call_query<R>(query: &str, input: &(impl Serialize + ?Sized)) -> QueryCall<R> {
    QueryCall::new(query, input)
}

/// An update by its name alone.
pub fn call_update<R>(update: &str, input: &(impl Serialize + ?Sized)) -> UpdateCall<R> {
    UpdateCall::new(update, input)
}

impl<H> SignalCall<H> {
    /// What `#[signal]` makes of its function's input.
    #[doc(hidden)]
    pub fn new(name: &str, input: &(impl Serialize + ?Sized)) -> Self {
        Self {
            message: Message::new("signal", name, input),
            handler: PhantomData,
        }
    }

    pub(crate) fn erase(self) -> Message {
        self.message
    }
}

impl<R, H> QueryCall<R, H> {
    /// What `#[query]` makes of its function's input.
    #[doc(hidden)]
    pub fn new(name: &str, input: &(impl Serialize + ?Sized)) -> Self {
        Self {
            message: Message::new("query", name, input),
            types: PhantomData,
        }
    }

    pub(crate) fn erase(self) -> Message {
        self.message
    }
}

impl<R, H> UpdateCall<R, H> {
    /// What `#[update]` makes of its function's input.
    #[doc(hidden)]
    pub fn new(name: &str, input: &(impl Serialize + ?Sized)) -> Self {
        Self {
            message: Message::new("update", name, input),
            types: PhantomData,
        }
    }

    pub(crate) fn erase(self) -> Message {
        self.message
    }
}

impl<H> fmt::Debug for SignalCall<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignalCall").field(&self.message).finish()
    }
}

impl<R, H> fmt::Debug for QueryCall<R, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueryCall").field(&self.message).finish()
    }
}

impl<R, H> fmt::Debug for UpdateCall<R, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UpdateCall").field(&self.message).finish()
    }
}
