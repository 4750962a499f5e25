//! How long a run's history is, and how long it may be.

use serde::{Deserialize, Serialize};

/// From so many events on a run is told to continue as new.
pub const HISTORY_EVENTS_SUGGESTED: u32 = 4_096;

/// From so many bytes on a run is told to continue as new.
pub const HISTORY_BYTES_SUGGESTED: u32 = 4 * 1024 * 1024;

/// A run whose history has so many events goes on no further.
pub const HISTORY_EVENTS_MAX: u32 = 50_000;

/// A run whose history has so many bytes goes on no further.
pub const HISTORY_BYTES_MAX: u32 = 50 * 1024 * 1024;

/// How long a history is. Bytes are [`Event::history_bytes`](crate::Event::history_bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistorySize {
    /// Its events.
    pub events: u32,
    /// Its bytes.
    pub bytes: u32,
}

impl HistorySize {
    /// Whether the run goes on no further.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.events >= HISTORY_EVENTS_MAX || self.bytes >= HISTORY_BYTES_MAX
    }

    /// Whether the run had better continue as new. What it took over from the run before, `carried`, does not count: it
    /// can do nothing about that but go on.
    #[must_use]
    pub const fn suggests_continuing(self, carried: Self) -> bool {
        self.events.saturating_sub(carried.events) >= HISTORY_EVENTS_SUGGESTED
            || self.bytes.saturating_sub(carried.bytes) >= HISTORY_BYTES_SUGGESTED
    }

    /// With one more event.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.events = self.events.saturating_add(1);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}
