//! The one error of workflows and activities: a type for code, a message for people.
//!
//! It has the same shape on the wire, in the journal and on every page. Like `anyhow::Error` it deliberately is no
//! `std::error::Error` itself: so `?` turns every error of the standard library and of others into it.

use std::{any::type_name, fmt, time::Duration};

use sagaline_core::{Failure, InvalidId, Name, OnExhausted, error_type};
use serde::{Serialize, de::DeserializeOwned};

use crate::json;

/// What a workflow or an activity returns: a value or an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an activity or a workflow did not succeed.
///
/// # Example: an activity that says what its caller can act on
/// ```
/// use sagaline_sdk::{DurationExt, Error};
///
/// let declined = Error::new("CardDeclined", "the bank said no").non_retryable();
/// let busy = Error::new("Busy", "too many calls").retry_after(20.seconds());
///
/// assert_eq!(declined.error_type(), "CardDeclined");
/// assert!(!declined.is_retryable() && busy.is_retryable());
/// ```
///
/// # Example: any other error
/// ```
/// fn parse(text: &str) -> sagaline_sdk::Result<u32> {
///     Ok(text.parse()?)
/// }
///
/// assert_eq!(parse("x").unwrap_err().error_type(), "ParseIntError");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    failure: Failure,
    retry_after: Option<Duration>,
    on_exhausted: Option<OnExhausted>,
}

/// Type of what is no error: the attempt goes on elsewhere.
const COMPLETES_LATER: &str = "sagaline.CompletesLater";

/// Type of what is no error either: the workflow goes on in a new run.
const CONTINUES_AS_NEW: &str = "sagaline.ContinuesAsNew";

impl Error {
    /// An error that may be retried.
    ///
    /// `error_type` is for code: it is what `non_retryable` of a [`Retry`](crate::Retry) and a workflow's own `match`
    /// compare. Types that begin with `sagaline.` are Sagaline's own.
    #[must_use]
    pub fn new(error_type: impl AsRef<str>, message: impl Into<String>) -> Self {
        Self::from_failure(Failure::new(error_name(error_type.as_ref()), message))
    }

    /// An error of type `Error` from anything that can be shown: for error types that `?` does not take.
    #[must_use]
    pub fn other(error: impl fmt::Display) -> Self {
        Self::new("Error", error.to_string())
    }

    /// The error with which a cancelled workflow or activity ends.
    #[must_use]
    pub fn canceled(message: impl Into<String>) -> Self {
        Self::from_failure(Failure::new(Name::from(error_type::CANCELED), message))
    }

    /// What an activity returns whose attempt is completed later.
    pub(crate) fn to_complete_later() -> Self {
        Self::new(COMPLETES_LATER, "another process completes the attempt")
    }

    /// What a workflow returns that goes on in a new run.
    pub(crate) fn to_continue_as_new() -> Self {
        Self::new(CONTINUES_AS_NEW, "the workflow goes on in a new run")
    }

    /// The same, never to be retried.
    #[must_use]
    pub fn non_retryable(mut self) -> Self {
        self.0.failure.non_retryable = true;
        self
    }

    /// The same under another type.
    #[must_use]
    pub fn with_type(mut self, error_type: impl AsRef<str>) -> Self {
        self.0.failure.error_type = error_name(error_type.as_ref());
        self
    }

    /// The same with details, which [`Error::details`] gives back. Details that cannot be written as JSON are left out.
    #[must_use]
    pub fn with_details(mut self, details: &impl Serialize) -> Self {
        self.0.failure.details = json::encode("error details", details).ok();
        self
    }

    /// The same, to be retried after this long and not before; only an activity's error can ask for that.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The same: when no attempt follows the activity has failed, also where its policy says
    /// [park](crate::Retry::park_when_exhausted). For what no person can put right.
    #[must_use]
    pub fn fail_when_exhausted(mut self) -> Self {
        self.0.on_exhausted = Some(OnExhausted::Fail);
        self
    }

    /// The same: when no attempt follows the run waits for a person, also where the policy says that the activity fails.
    #[must_use]
    pub fn park_when_exhausted(mut self) -> Self {
        self.0.on_exhausted = Some(OnExhausted::Park);
        self
    }

    /// The type, for code to match on.
    #[must_use]
    pub fn error_type(&self) -> &str {
        self.0.failure.error_type.as_str()
    }

    /// The message, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.failure.message
    }

    /// The details, if there are any and they have this shape.
    #[must_use]
    pub fn details<T: DeserializeOwned>(&self) -> Option<T> {
        let details = self.0.failure.details.as_ref()?;
        json::decode("error details", details).ok()
    }

    /// Whether it says that the activity or the run was cancelled.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.error_type() == error_type::CANCELED
    }

    /// Whether an activity returned it to say that [another process completes it](crate::ActivityContext::complete_later).
    #[must_use]
    pub fn completes_later(&self) -> bool {
        self.error_type() == COMPLETES_LATER
    }

    /// Whether a workflow returns it to say that [it goes on in a new run](crate::Context::continue_as_new).
    #[must_use]
    pub fn continues_as_new(&self) -> bool {
        self.error_type() == CONTINUES_AS_NEW
    }

    /// Whether another attempt may follow.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !self.0.failure.non_retryable
    }

    /// How long the next attempt shall wait, if the error says so.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What shall be when no attempt follows, if the error says so.
    pub(crate) fn on_exhausted(&self) -> Option<OnExhausted> {
        self.0.on_exhausted
    }

    /// The error that a failure of the journal is.
    #[must_use]
    pub fn from_failure(failure: Failure) -> Self {
        Self(Box::new(Inner {
            failure,
            retry_after: None,
            on_exhausted: None,
        }))
    }

    /// The same with another failure.
    pub(crate) fn map_failure(mut self, map: impl FnOnce(Failure) -> Failure) -> Self {
        self.0.failure = map(self.0.failure);
        self
    }

    /// The failure as it stands in the journal.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.0.failure
    }

    /// The same once more.
    pub(crate) fn again(&self) -> Self {
        Self(Box::new(Inner {
            failure: self.0.failure.clone(),
            retry_after: self.0.retry_after,
            on_exhausted: self.0.on_exhausted,
        }))
    }

    /// The failure as it stands in the journal.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        self.0.failure
    }
}

/// The type is the last part of the Rust type's name, the message its text and that of its sources.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        if type_name::<E>() == type_name::<InvalidId>() {
            return Self::new(error_type::INVALID_INPUT, message).non_retryable();
        }
        Self::new(short_name(type_name::<E>()), message)
    }
}

/// So that `?` takes it where errors are boxed, as in many a `main`.
impl From<Error> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: Error) -> Self {
        Box::new(Boxed(error))
    }
}

impl From<Error> for Box<dyn std::error::Error> {
    fn from(error: Error) -> Self {
        Box::new(Boxed(error))
    }
}

/// An [`Error`] as the standard library wants one.
#[derive(Debug)]
struct Boxed(Error);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Boxed {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type(), self.message())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `a::b::Parse<c::D>` is `Parse`.
fn short_name(path: &str) -> &str {
    let plain = path.split('<').next().unwrap_or(path);
    plain
        .rsplit("::")
        .next()
        .unwrap_or(plain)
        .trim_start_matches('&')
}

/// A text as a name: one that cannot be is cut, or `Error`.
fn error_name(text: &str) -> Name {
    let end = (0..=text.len().min(sagaline_core::NAME_BYTES_MAX))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    Name::new(&text[..end]).unwrap_or_else(|_| Name::from("Error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer<T>(T);

    impl<T> fmt::Display for Outer<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot pay")
        }
    }

    impl<T: std::error::Error + 'static> std::error::Error for Outer<T> {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn another_error_gives_its_name_and_its_sources() {
        let error = Error::from(Outer(std::io::Error::other("disk full")));

        assert_eq!(error.to_string(), "Outer: cannot pay: disk full");
        assert!(error.is_retryable());
    }

    #[test]
    fn details_come_back_in_their_shape_only() {
        let error = Error::new("Declined", "no").with_details(&vec![1, 2]);

        assert_eq!(error.details::<Vec<u8>>(), Some(vec![1, 2]));
        assert_eq!(error.details::<String>(), None);
        assert_eq!(Error::new("Declined", "no").details::<Vec<u8>>(), None);
    }

    #[test]
    fn it_can_be_boxed() {
        fn boxed() -> Result<(), Box<dyn std::error::Error>> {
            Err(Error::new("SoldOut", "no tea"))?
        }

        assert_eq!(boxed().unwrap_err().to_string(), "SoldOut: no tea");
    }

    #[test]
    fn an_impossible_type_is_made_possible() {
        assert_eq!(Error::new("", "x").error_type(), "Error");
        assert_eq!(
            Error::new("é".repeat(200), "x").error_type(),
            "é".repeat(124)
        );
    }

    #[test]
    fn only_the_cancel_error_is_canceled() {
        assert!(Error::canceled("stop").is_canceled());
        assert!(!Error::new("Canceled", "stop").is_canceled());
    }
}
