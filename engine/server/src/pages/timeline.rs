//! The timeline of a run: events of its history and the time now, to lanes, to positions, to SVG.
//!
//! ```text
//! history ─▶ lanes (what happened, per call) ─▶ axis (instants to positions, long stretches folded) ─▶ svg
//! ```
//! Pure: no clock, no I/O. Invariant: what is drawn is bounded, however long the history is: [`lanes::LANES_MAX`] lanes,
//! each with at most [`lanes::MARKS_MAX`] marks. Positions are in percent of the width, so the picture fits any window
//! and text keeps its size.

mod attempts;
pub(crate) mod axis;
mod fold;
pub(crate) mod lane;
pub(crate) mod lanes;
mod marks;
mod step;
mod svg;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use lane::{Attempt, End, Lane, LaneKind};
pub(crate) use lanes::Timeline;
pub(crate) use svg::svg;
