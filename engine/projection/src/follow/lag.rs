//! How far the projection is behind the journal.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use sagaline_core::{Millis, Timestamp};
use sagaline_journal::Error;

/// How far a projection is behind the journal; shared with its thread.
#[derive(Debug, Default)]
pub struct Lag {
    /// When the oldest batch was appended that is read and not committed; 0: none is.
    oldest_ms: AtomicI64,
    /// When the last batch was appended that is committed while more is there; 0: everything is.
    newest_ms: AtomicI64,
    last_ms: AtomicI64,
    /// Everything that was there when one looked is committed.
    is_caught_up: AtomicBool,
    commits: AtomicU64,
    /// Why it waits.
    failed: Mutex<Option<(&'static str, String)>>,
}

impl Lag {
    /// How old what is not projected is at least, by the broker's clock.
    #[must_use]
    pub fn behind(&self, now: Timestamp) -> Millis {
        let known = |at: &AtomicI64| Some(at.load(Ordering::Relaxed)).filter(|at| *at > 0);
        let since = known(&self.oldest_ms).or_else(|| known(&self.newest_ms));
        let since = since.map(Timestamp::from_millis);
        since.map_or_else(Millis::default, |since| now.since(since))
    }

    /// Whether everything that there was when it last looked is committed.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.is_caught_up.load(Ordering::Relaxed)
    }

    /// Commits so far.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Why it waits, code and text; none while it goes on.
    #[must_use]
    pub fn failure(&self) -> Option<(&'static str, String)> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.clone()
    }

    /// A batch was read.
    pub(super) fn seen(&self, appended_at: Timestamp) {
        let at = appended_at.as_millis();
        self.last_ms.store(at, Ordering::Relaxed);
        self.is_caught_up.store(false, Ordering::Relaxed);
        // Whoever has begun to wait waits since then.
        let waits = &self.oldest_ms;
        let _ = waits.compare_exchange(0, at, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// What was read is committed.
    pub(super) fn committed(&self) {
        self.oldest_ms.store(0, Ordering::Relaxed);
        let last = self.last_ms.load(Ordering::Relaxed);
        self.newest_ms.store(last, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Everything is committed.
    pub(super) fn caught_up(&self) {
        self.newest_ms.store(0, Ordering::Relaxed);
        self.is_caught_up.store(true, Ordering::Relaxed);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// It waits.
    pub(super) fn failed(&self, error: &Error) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((error.code(), error.message().to_owned()));
    }
}
