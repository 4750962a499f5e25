//! Why a client's call did not give what was asked for.

use sagaline_core::error_type;
use sagaline_journal::{Error as RequestError, ErrorKind};

use super::{handle, replies::Reply};
use crate::Error;

/// Why a call of a [`Client`](super::Client) failed: the request itself, or the workflow that it waited for.
///
/// # Example: telling them apart
/// ```
/// use sagaline_sdk::client::ClientError;
///
/// fn hint(error: &ClientError) -> &'static str {
///     match error {
///         ClientError::Request(_) => "try again later",
///         ClientError::Failed(error) if error.error_type() == "CardDeclined" => "try another card",
///         _ => "ask for help",
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The request was refused, or got no answer; its kind says what to do.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The workflow failed, with this error.
    #[error("the workflow failed: {0}")]
    Failed(Error),
    /// The workflow does not want an update, for this reason; nothing has changed.
    #[error("the workflow does not want it: {0}")]
    Rejected(Error),
    /// The workflow was cancelled, for this reason.
    #[error("the workflow was cancelled: {0}")]
    Canceled(String),
    /// The workflow was terminated, for this reason.
    #[error("the workflow was terminated: {0}")]
    Terminated(String),
    /// The workflow's time ran out: which time-out, by the error's type.
    #[error("the workflow timed out: {0}")]
    TimedOut(Error),
}

impl ClientError {
    /// What to do about a refused or unanswered request; `None` when the workflow itself ended badly, or said no.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Request(error) => Some(error.kind()),
            Self::Failed(_)
            | Self::Rejected(_)
            | Self::Canceled(_)
            | Self::Terminated(_)
            | Self::TimedOut(_) => None,
        }
    }
}

/// The error that a refusal is.
pub(super) fn refused(reply: &Reply) -> ClientError {
    let (kind, code) = match reply.error_type.as_str() {
        error_type::ALREADY_STARTED => (ErrorKind::Conflict, "workflow-already-started"),
        error_type::CLOSED => (ErrorKind::Conflict, "workflow-closed"),
        error_type::NOT_FOUND => (ErrorKind::NotFound, "workflow-not-found"),
        _ => (ErrorKind::Invalid, "request-rejected"),
    };
    RequestError::new(kind, code, reply.error_message.clone()).into()
}

/// The error that the refusal of an update is: what is not the engine's word is the workflow's.
pub(super) fn refused_update(reply: Reply) -> ClientError {
    match reply.error_type.as_str() {
        error_type::ALREADY_STARTED
        | error_type::CLOSED
        | error_type::NOT_FOUND
        | error_type::LIMIT
        | error_type::BLOCKED
        | error_type::DEFINITION_MISSING
        | error_type::INVALID_INPUT => refused(&reply),
        _ => ClientError::Rejected(handle::failure(reply)),
    }
}
