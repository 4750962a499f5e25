//! Kinds of runs: what goes wrong above all.

use std::str::FromStr;

use super::{ClientFaults, Faults, WorkerFaults};
use crate::{plan::Mischief, rng::Rng, time::Span};

/// What goes wrong above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing.
    Calm,
    /// Whatever the seed draws.
    Drawn,
    /// Programs kill their process, or never return.
    Poison,
    /// Owners fight: partitions change hands all the time, and nobody is told; records are lost and late.
    Fencing,
    /// Ids are used again and again, records repeated, and clocks stand still.
    Ids,
    /// Everything is late: inputs, answers, reports; and clocks differ.
    Late,
}

impl Weather {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Calm,
        Self::Drawn,
        Self::Poison,
        Self::Fencing,
        Self::Ids,
        Self::Late,
    ];
}

impl FromStr for Weather {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL
            .into_iter()
            .find(|weather| format!("{weather:?}") == text);
        found.ok_or_else(|| format!("`{text}` is none of {:?}", Self::ALL))
    }
}

impl Faults {
    /// What goes wrong in such weather.
    pub(crate) fn of(weather: Weather, rng: &mut Rng) -> Self {
        let drawn = Self::draw(rng);
        match weather {
            Weather::Calm => Self::none(),
            Weather::Drawn => drawn,
            Weather::Poison => Self {
                skew_large: 0,
                mischief: Mischief {
                    kill: 40_000,
                    hang: if rng.percent(50) { 15_000 } else { 0 },
                    ..drawn.mischief
                },
                ..drawn
            },
            Weather::Fencing => drawn.fencing(rng),
            Weather::Ids => Self {
                skew_ms_max: 1_500,
                clients: ClientFaults {
                    repeated: 400_000,
                    conflicting: 500_000,
                    reused: 700_000,
                    canceled: 300_000,
                    terminated: 300_000,
                    ..drawn.clients
                },
                ..drawn
            },
            Weather::Late => Self {
                append_stall: 30_000,
                fetch_slow: 100_000,
                ends_unanswered: 200_000,
                skew_ms_max: 1_500,
                workers: WorkerFaults {
                    late: 400_000,
                    redelivered: 200_000,
                    ..drawn.workers
                },
                ..drawn
            },
        }
    }

    fn fencing(self, rng: &mut Rng) -> Self {
        Self {
            append_lost: 50_000,
            append_unknown: 50_000,
            append_stall: 30_000,
            deaf: 600_000,
            lease_wrong: 300_000,
            pause_every: Span::millis(rng.between(500, 4_000)),
            rebalance_every: Span::millis(rng.between(300, 3_000)),
            ..self
        }
    }
}
