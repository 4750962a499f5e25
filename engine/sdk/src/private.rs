//! What the code written by the macros calls. No part of the public contract.

use serde::{Serialize, de::DeserializeOwned};

pub use sagaline_core::{Name, Payload};

use crate::{Error, Result, json};

/// What a workflow or an activity returns.
#[diagnostic::on_unimplemented(
    message = "a workflow or an activity returns `Result<T, E>`, not `{Self}`",
    label = "expected a `Result`",
    note = "`E` may be `sagaline::Error`, any error of the standard library, or your own that implements `std::error::Error`"
)]
pub trait Returned {
    /// The value.
    type Value;

    /// The value, or the error as ours.
    ///
    /// # Errors
    /// What was returned.
    fn into_result(self) -> Result<Self::Value>;
}

impl<T, E: Into<Error>> Returned for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T> {
        self.map_err(Into::into)
    }
}

/// Reads the input of `of`, an activity or workflow.
///
/// # Errors
/// It is not what the code expects.
pub fn input<T: DeserializeOwned>(of: &str, payload: &Payload) -> Result<T> {
    json::decode(&format!("input of `{of}`"), payload)
}

/// Writes the result of `of`, an activity or workflow.
///
/// # Errors
/// What was returned, or that it cannot be written.
pub fn output<R: Returned<Value: Serialize>>(of: &str, returned: R) -> Result<Payload> {
    json::encode(&format!("result of `{of}`"), &returned.into_result()?)
}

/// Reads the input of `of`, a signal, query or update.
///
/// # Errors
/// It is not what the code expects.
pub fn message<T: DeserializeOwned>(of: &str, payload: &Payload) -> Result<T> {
    json::decode(&format!("input of {of}"), payload)
}

/// Writes the answer of `of`, a query or update.
///
/// # Errors
/// What was returned, or that it cannot be written.
pub fn answer<R: Returned<Value: Serialize>>(of: &str, returned: R) -> Result<Payload> {
    json::encode(&format!("answer of {of}"), &returned.into_result()?)
}
