//! Schedules: workflows that start by themselves, at the times of a specification.

mod calendar;
mod cron;
mod field;
mod instant;
mod interval;
mod invalid;
mod local;
mod span;
mod spec;
#[cfg(test)]
mod tests;

pub use calendar::Calendar;
pub use field::Values;
pub use instant::Instant;
pub use interval::Interval;
pub use span::Span;
pub use spec::{Exclusion, Spec};
