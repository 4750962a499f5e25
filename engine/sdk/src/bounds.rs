//! What a retry policy and the time-outs of a call may be: within bounds, or an error that names the field.

use std::time::Duration;

use sagaline_core::{Name, program::SPAN_MS_MAX};

use crate::{Error, duration::millis};

/// The error of a step that is run with options that make no sense.
const INVALID_OPTIONS: &str = "sagaline.InvalidOptions";

/// Largest factor between two waits.
const BACKOFF_COEFFICIENT_MAX: f64 = 1_000_000.0;

/// Why options are refused: which field, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutOfBounds(String);

impl OutOfBounds {
    /// The error of the step that was to run `activity` so.
    pub(crate) fn of(self, activity: &Name) -> Error {
        let text = format!("activity `{activity}`: {}", self.0);
        Error::new(INVALID_OPTIONS, text).non_retryable()
    }
}

/// Whole milliseconds of a time-out or an interval.
pub(crate) fn span(field: &str, span: Duration) -> Result<u64, OutOfBounds> {
    match millis(span) {
        millis @ 1..=SPAN_MS_MAX => Ok(millis),
        _ => Err(OutOfBounds(format!(
            "{field} is {span:?}; 1 ms to 100 years are allowed"
        ))),
    }
}

/// How much longer each further wait is, in thousandths.
pub(crate) fn backoff_coefficient(factor: f64) -> Result<u32, OutOfBounds> {
    match (1.0..=BACKOFF_COEFFICIENT_MAX).contains(&factor) {
        true => Ok(permille(factor)),
        false => Err(OutOfBounds(format!(
            "backoff_coefficient is {factor}; 1 to {BACKOFF_COEFFICIENT_MAX} are allowed"
        ))),
    }
}

/// By how much a wait varies, in thousandths.
pub(crate) fn jitter(share: f64) -> Result<u32, OutOfBounds> {
    match (0.0..=1.0).contains(&share) {
        true => Ok(permille(share)),
        false => Err(OutOfBounds(format!(
            "jitter is {share}; 0 to 1 are allowed"
        ))),
    }
}

/// The longest wait against the first one.
pub(crate) fn ordered(initial_ms: u64, maximum_ms: u64) -> Result<(), OutOfBounds> {
    match maximum_ms < initial_ms {
        true => Err(OutOfBounds(format!(
            "maximum_interval is {maximum_ms} ms; at least initial_interval, {initial_ms} ms, is allowed"
        ))),
        false => Ok(()),
    }
}

/// A fraction that is known to be in bounds.
fn permille(fraction: f64) -> u32 {
    (fraction * 1_000.0).round() as u32
}
