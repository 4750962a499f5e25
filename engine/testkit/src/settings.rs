//! What a run is made from.

use sagaline_core::Millis;

use crate::{faults::Weather, plant::Bug, time::Span};

/// What a run is made from; the same settings give the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Decides everything that is not said here.
    pub seed: u64,
    /// How many sagas are started.
    pub sagas: u32,
    /// What goes wrong above all.
    pub weather: Weather,
    /// A bug that the checks must find.
    pub bug: Option<Bug>,
    /// Whether every event is told on standard error.
    pub verbose: bool,
}

impl Settings {
    /// A run of this seed as it is run everywhere.
    #[must_use]
    pub const fn seed(seed: u64) -> Self {
        Self {
            seed,
            sagas: 200,
            weather: Weather::Drawn,
            bug: None,
            verbose: false,
        }
    }

    /// For how long sagas are started and things go wrong.
    pub(crate) fn active_for(&self) -> Span {
        Span::millis(u64::from(self.sagas) * (20 + self.seed % 5 * 60))
    }

    /// How long closed ids are remembered: in some runs so short that they are forgotten while it goes on.
    pub(crate) fn closed_retention(&self) -> Millis {
        Millis::from_secs(match self.forgets_soon() {
            true => 5,
            false => 7 * 24 * 3_600,
        })
    }

    /// What is late may then begin again what was done. Clients take that as another run; a child would be the same one, so
    /// that there are none.
    pub(crate) const fn forgets_soon(&self) -> bool {
        self.seed.is_multiple_of(4)
    }

    /// In some runs every activation rebuilds its program.
    pub(crate) fn programs_kept(&self) -> usize {
        [1, 2, 16, 10_000][usize::try_from(self.seed / 4 % 4).unwrap_or_default()]
    }
}
