//! The one source of chance. Everything that is drawn comes from the run's seed, in the order in which it is asked for.

use oorandom::Rand64;

use crate::time::Span;

/// A seeded generator; the same seed and the same questions give the same answers everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Rng(Rand64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rand64::new(u128::from(seed) ^ 0x5a6a_6c69_6e65))
    }

    /// A generator of its own, so that what one part draws does not shift what another one gets.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.0.rand_u64())
    }

    /// 0 to `end` − 1; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if end == 0 {
            0
        } else {
            self.0.rand_range(0..end)
        }
    }

    /// `from` to `to`, both included.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True that many times in a million.
    pub(crate) fn ppm(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    /// True that many times in a hundred.
    pub(crate) fn percent(&mut self, percent: u32) -> bool {
        self.ppm(percent * 10_000)
    }

    /// One of several; `choices` is not empty.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        &choices[at]
    }

    /// A delay around `typical`; one in fifty is ten times as long.
    pub(crate) fn delay(&mut self, typical: Span) -> Span {
        let spread = self.between(typical.0 / 3, typical.0 * 3 / 2);
        Span(if self.percent(2) { spread * 10 } else { spread })
    }
}
