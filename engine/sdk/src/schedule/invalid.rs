//! What is wrong with a schedule or a batch, and where.

use sagaline_core::error_type;

use crate::Error;

/// Something that it may not say, and the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invalid(String);

impl Invalid {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same, in a field or an entry.
    pub(crate) fn within(self, place: impl AsRef<str>) -> Self {
        Self(format!("{}: {}", place.as_ref(), self.0))
    }

    pub(super) fn text(&self) -> String {
        self.0.clone()
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::new(error_type::INVALID_INPUT, invalid.0).non_retryable()
    }
}
