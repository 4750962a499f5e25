//! Durations and figures as they are printed.

use std::time::Duration;

/// The latency that this share of all stays within, in milliseconds.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Option<f64> {
    let index = (sorted.len() as f64 * share) as usize;
    let latency = sorted.get(index.min(sorted.len().checked_sub(1)?))?;
    Some(round(latency.as_secs_f64() * 1_000.0, 3))
}

/// With so many digits after the point.
pub(crate) fn round(figure: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (figure * factor).round() / factor
}
