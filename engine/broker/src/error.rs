//! Why a broker does not start or stops. The kind says what to do, the code names a page of the reference, the message is
//! for people. What a client is told is an [`ErrorCode`](crate::code::ErrorCode) of Kafka's instead.

use std::{io, path::Path};

/// Why a broker does not start or stops.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    code: &'static str,
    message: String,
}

/// What the caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The address or the data is used by another process.
    Conflict,
    /// The disk or the network refuses for now.
    Unavailable,
    /// The data is not what a broker wrote: stop.
    Corrupt,
    /// A broken invariant of this program: report it.
    Internal,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
        }
    }

    /// A file or folder that cannot be read or written.
    pub(crate) fn storage(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(
            ErrorKind::Unavailable,
            "broker-storage",
            format!("cannot {what} {}: {error}", path.display()),
        )
    }

    /// What to do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Its page under `docs/reference/errors`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// What happened, for people: lower case, without a full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}
