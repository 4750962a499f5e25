//! The retry topics: one that forwards at the millisecond, and five in which every record waits equally long.

use sagaline_core::Millis;

/// A retry topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// What is due within a minute, in order of when it is.
    Soon,
    /// A minute.
    M1,
    /// Five minutes.
    M5,
    /// Half an hour.
    M30,
    /// Two hours.
    H2,
    /// Twelve hours.
    H12,
}

impl Tier {
    /// All of them, the shortest first.
    pub const ALL: [Self; 6] = [
        Self::Soon,
        Self::M1,
        Self::M5,
        Self::M30,
        Self::H2,
        Self::H12,
    ];

    /// The tier of a record that is to wait so long: the longest that is not too long.
    #[must_use]
    pub fn of(remaining: Millis) -> Self {
        let fits = |tier: &Self| tier.span() <= remaining && remaining > SOON_MAX;
        let longest = Self::ALL.into_iter().rev().find(fits);
        longest.unwrap_or(Self::Soon)
    }

    /// How long a record waits there; in [`Tier::Soon`] until it is due.
    #[must_use]
    pub const fn span(self) -> Millis {
        Millis::from_secs(match self {
            Self::Soon => 0,
            Self::M1 => 60,
            Self::M5 => 5 * 60,
            Self::M30 => 30 * 60,
            Self::H2 => 2 * 3_600,
            Self::H12 => 12 * 3_600,
        })
    }

    /// What its topic's name ends with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Soon => "soon",
            Self::M1 => "1m",
            Self::M5 => "5m",
            Self::M30 => "30m",
            Self::H2 => "2h",
            Self::H12 => "12h",
        }
    }
}

/// What is due within this goes to [`Tier::Soon`].
pub(super) const SOON_MAX: Millis = Millis::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_waits_in_the_longest_tier_that_is_not_too_long_and_soon_if_none() {
        for (remaining_ms, tier) in [
            (0, Tier::Soon),
            (59_999, Tier::Soon),
            (60_000, Tier::Soon),
            (60_001, Tier::M1),
            (299_999, Tier::M1),
            (300_000, Tier::M5),
            (1_799_999, Tier::M5),
            (1_800_000, Tier::M30),
            (7_200_000, Tier::H2),
            (43_199_999, Tier::H2),
            (43_200_000, Tier::H12),
            (u64::MAX, Tier::H12),
        ] {
            assert_eq!(Tier::of(Millis(remaining_ms)), tier, "{remaining_ms}");
        }
    }
}
