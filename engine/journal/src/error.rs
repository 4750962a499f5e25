//! What a call on the log can fail with. The kind says what to do, the code names a page of the reference, the message
//! is for people.

/// Why a call on the log failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    code: &'static str,
    message: String,
}

impl Error {
    /// An error; `code` is its page under `docs/reference/errors`.
    #[must_use]
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Its page under `docs/reference/errors`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What happened, for people: lower case, without a full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// What the caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request can never work: mend the call or the setting.
    Invalid,
    /// What was named is not there.
    NotFound,
    /// Something else is already there.
    Conflict,
    /// The log does not answer or refuses for now: try again.
    Unavailable,
    /// Somebody else has taken over: step down.
    Fenced,
    /// The log does not hold what it must: stop.
    Corrupt,
    /// A broken invariant of this program: report it.
    Internal,
}
