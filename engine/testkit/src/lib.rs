//! The deterministic simulation: real lanes, real journal, real core, on a log, clocks and processes that one seed decides.
//!
//! ```text
//! clients ─▶ inbox ─┐                                     ┌─▶ journal ─▶ checks (their own fold, their own model)
//! workers ─▶ results┴─▶ network ─▶ lanes of nodes ─▶ network ┴─▶ tasks ─▶ workers
//!                       delays, losses, zombies, crashes, clocks, leases: all from the seed
//! ```
//! A run has three parts: for a while everything goes wrong, and people step in; then nothing does, until all runs are done
//! or wait for a person; then a person lets go on what is paused and ends the others. Every step is checked. [`simulate`] does one run; a failure names its seed.
//!
//! Deliberately absent: threads, real time, Kafka. What needs them is tested elsewhere.

mod broker;
mod check;
mod clients;
mod counters;
mod delay;
mod event;
mod faults;
mod group;
mod inputs;
mod local;
mod log;
mod node;
mod plan;
mod plant;
mod port;
mod programs;
mod rng;
mod schedule;
mod scripted;
mod settings;
mod sim;
mod time;
mod topics;
mod trace;
mod trim;
mod worker;
mod world;

pub use faults::Weather;
pub use plant::Bug;
pub use settings::Settings;
pub use sim::{Failed, Report, simulate, simulate_journal};

/// Longest text about a violation.
const WHAT_BYTES_MAX: usize = 4_000;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which: `I1` … of DESIGN §9, or a word.
    pub invariant: &'static str,
    /// What was found.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, mut what: String) -> Self {
        if what.len() > WHAT_BYTES_MAX {
            let end = (0..=WHAT_BYTES_MAX)
                .rev()
                .find(|at| what.is_char_boundary(*at));
            what.truncate(end.unwrap_or_default());
        }
        Self { invariant, what }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}
