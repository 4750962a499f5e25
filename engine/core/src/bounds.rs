//! What the options of an activity may be: within bounds, or an error that names the field and what is allowed.
//!
//! The same wherever a policy or a time-out is written: in code, where the step fails at once, and by a person who changes
//! a pending activity, who is refused.

use alloc::{format, string::String};
use core::{fmt, time::Duration};

use crate::{
    Name, OnExhausted, RetryPolicy, is_local,
    program::{ERROR_TYPES_NAMED_MAX, SPAN_MS_MAX},
};

/// Largest factor between two waits.
const BACKOFF_COEFFICIENT_MAX: f64 = 1_000_000.0;

/// Why options are refused: which field, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfBounds(String);

impl OutOfBounds {
    /// The same for people, who are told of which activity.
    #[must_use]
    pub fn of(&self, activity: &Name) -> String {
        format!("activity `{activity}`: {self}")
    }

    /// No option was named.
    #[must_use]
    pub fn nothing() -> Self {
        Self(String::from(
            "no option is named, so nothing would change; `retry` or `timeouts` must have one",
        ))
    }

    /// A time-out that every activity has was to be taken away.
    #[must_use]
    pub fn needed(field: &str) -> Self {
        Self(format!(
            "{field} cannot be taken away; 1 ms to 100 years are allowed"
        ))
    }
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whole milliseconds of a time-out or an interval.
///
/// # Errors
/// It is none, or over a hundred years.
pub fn span(field: &str, span: Duration) -> Result<u64, OutOfBounds> {
    match u64::try_from(span.as_millis()) {
        Ok(millis @ 1..=SPAN_MS_MAX) => Ok(millis),
        _ => Err(OutOfBounds(format!(
            "{field} is {span:?}; 1 ms to 100 years are allowed"
        ))),
    }
}

/// A task queue that somebody names for workers, or limits.
///
/// # Errors
/// It is the one of local activities, which has neither topic nor workers.
pub fn queue(name: &Name) -> Result<(), OutOfBounds> {
    match is_local(name) {
        true => Err(OutOfBounds(format!(
            "task queue {name} is that of local activities, which has no topic and no workers: name another, or say `.local()`"
        ))),
        false => Ok(()),
    }
}

/// How much longer each further wait is, in thousandths.
///
/// # Errors
/// It is below 1, or over a million, or no number.
pub fn backoff_coefficient(factor: f64) -> Result<u32, OutOfBounds> {
    match (1.0..=BACKOFF_COEFFICIENT_MAX).contains(&factor) {
        true => Ok(permille(factor)),
        false => Err(OutOfBounds(format!(
            "backoff_coefficient is {factor}; 1 to {BACKOFF_COEFFICIENT_MAX} are allowed"
        ))),
    }
}

/// By how much a wait varies, in thousandths.
///
/// # Errors
/// It is no share.
pub fn jitter(share: f64) -> Result<u32, OutOfBounds> {
    match (0.0..=1.0).contains(&share) {
        true => Ok(permille(share)),
        false => Err(OutOfBounds(format!(
            "jitter is {share}; 0 to 1 are allowed"
        ))),
    }
}

/// How many error types a policy names.
///
/// # Errors
/// They are too many to keep.
pub fn error_types(named: usize) -> Result<(), OutOfBounds> {
    match named > ERROR_TYPES_NAMED_MAX {
        true => Err(OutOfBounds(format!(
            "non_retryable_error_types are {named}; {ERROR_TYPES_NAMED_MAX} are allowed"
        ))),
        false => Ok(()),
    }
}

/// The longest wait against the first one; 0 is the default, which fits any.
///
/// # Errors
/// It is shorter.
pub fn ordered(initial_ms: u64, maximum_ms: u64) -> Result<(), OutOfBounds> {
    match maximum_ms != 0 && maximum_ms < initial_ms {
        true => Err(OutOfBounds(format!(
            "maximum_interval is {maximum_ms} ms; at least initial_interval, {initial_ms} ms, is allowed"
        ))),
        false => Ok(()),
    }
}

/// How a workflow is retried as a whole: when no attempt follows, it has failed.
///
/// # Errors
/// It is to wait for a person then, as only activities can; or its intervals are not in order.
pub fn of_workflow(retry: &RetryPolicy) -> Result<(), OutOfBounds> {
    match retry.on_exhausted {
        OnExhausted::Park => Err(OutOfBounds(String::from(
            "on_exhausted is park; of a workflow, fail is allowed",
        ))),
        OnExhausted::Fail => ordered(retry.initial_interval_ms, retry.maximum_interval_ms),
    }
}

/// A fraction in thousandths, the nearest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what is kept has no fraction below 0"
)]
pub(crate) fn permille(fraction: f64) -> u32 {
    (fraction * 1_000.0 + 0.5) as u32
}
