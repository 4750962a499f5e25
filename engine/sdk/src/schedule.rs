//! Schedules: workflows that start by themselves, at the times of a specification.

mod book;
mod calendar;
mod cron;
mod description;
mod field;
mod instant;
mod interval;
pub(crate) mod invalid;
mod local;
mod span;
mod spec;
#[cfg(test)]
mod tests;
pub(crate) mod workflow;
mod written;

use sagaline_core::SCHEDULE_ID_PREFIX;

/// The id of the run that is the schedule of that name.
///
/// # Errors
/// The name is empty, too long, or would make ids of Sagaline's own.
pub fn workflow_id(name: &str) -> crate::Result<String> {
    written::check_name(name)?;
    Ok(format!("{SCHEDULE_ID_PREFIX}{name}"))
}

pub use calendar::Calendar;
pub use description::{Counts, Description, Mode, Status, Taken, Upcoming, Waiting};
pub use field::Values;
pub use instant::Instant;
pub use interval::Interval;
pub(crate) use invalid::Invalid;
pub use span::Span;
pub use spec::{Exclusion, Spec};
pub use workflow::Triggered;
pub(crate) use workflow::schedule;
pub use written::{Action, Backfill, Json, Overlap, Schedule};
