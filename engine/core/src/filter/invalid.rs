//! Why a text is no filter.

use alloc::{borrow::Cow, format, string::String};
use core::{fmt, ops::Range};

/// A text that is no filter: where it stops being one, and what would be right there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidQuery {
    /// The bytes that are wrong; the first is the position that people are told, counted from 0.
    pub span: Range<usize>,
    /// What stands there.
    pub found: String,
    /// What could stand there.
    pub expected: Cow<'static, str>,
    /// A way out, where one can be guessed.
    pub hint: Option<String>,
}

impl InvalidQuery {
    /// The word for code.
    pub const CODE: &'static str = "invalid_query";

    /// The bytes of a text that are wrong.
    pub(super) fn at(
        text: &str,
        span: Range<usize>,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        let found = match text.get(span.clone()) {
            None | Some("") => String::from("the end"),
            Some(found) => format!("`{}`", cut(found)),
        };
        Self {
            span,
            found,
            expected: expected.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The first byte that is wrong, counted from 0.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.span.start
    }
}

impl fmt::Display for InvalidQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            found, expected, ..
        } = self;
        write!(
            f,
            "at byte {}: found {found}, expected {expected}",
            self.position()
        )
    }
}

impl core::error::Error for InvalidQuery {}

/// An error quotes this much, in characters.
const FOUND_CHARS_MAX: usize = 40;

fn cut(found: &str) -> String {
    match found.char_indices().nth(FOUND_CHARS_MAX) {
        Some((at, _)) => format!("{}…", found.split_at(at).0),
        None => String::from(found),
    }
}
