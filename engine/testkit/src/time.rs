//! Virtual time: microseconds since the run began. Nothing here is ever waited for.

use std::ops::{Add, AddAssign};

use sagaline_core::Timestamp;

/// What the broker's clock shows when a run begins: 2026-01-01T00:00:00Z.
const EPOCH_MICROS: i64 = 1_767_225_600_000_000;

/// An instant of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Moment(pub(crate) u64);

/// Microseconds of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span(pub(crate) u64);

impl Moment {
    /// What a clock shows that is `skew_micros` ahead of the broker's.
    pub(crate) fn wall(self, skew_micros: i64) -> Timestamp {
        Timestamp::from_micros(EPOCH_MICROS + self.0.cast_signed() + skew_micros)
    }

    /// The broker's append time: whole milliseconds.
    pub(crate) fn appended_at(self) -> Timestamp {
        Timestamp::from_millis(self.wall(0).as_millis())
    }
}

impl Span {
    pub(crate) const fn millis(millis: u64) -> Self {
        Self(millis * 1_000)
    }

    pub(crate) const fn secs(secs: u64) -> Self {
        Self(secs * 1_000_000)
    }
}

impl Add<Span> for Moment {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0 + span.0)
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, span: Self) -> Self {
        Self(self.0 + span.0)
    }
}

impl AddAssign<Span> for Moment {
    fn add_assign(&mut self, span: Span) {
        self.0 += span.0;
    }
}
