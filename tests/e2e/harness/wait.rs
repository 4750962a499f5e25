//! Waiting: the one place where a test lets time pass.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sagaline_core::Timestamp;

/// How long whatever a test waits for may take, on a machine that is busy with other tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// How often somebody looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Looks until something is there; panics with `what` after [`LIMIT`].
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(what, LIMIT, look)
}

/// Looks until something holds; panics with `what` after [`LIMIT`].
pub(crate) fn until_true(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || holds().then_some(()));
}

/// Looks until something is there; panics with `what` after `limit`.
pub(crate) fn until_within<T>(what: &str, limit: Duration, look: impl FnMut() -> Option<T>) -> T {
    within(limit, look).unwrap_or_else(|| panic!("not within {limit:?}: {what}"))
}

/// Looks until something is there; `None` after `limit`.
#[expect(
    clippy::disallowed_methods,
    reason = "processes and brokers move in real time, and this is what waits for them"
)]
pub(crate) fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let found = look();
        if found.is_some() || begun.elapsed() >= limit {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
}

/// A clock that a test reads how long something took from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    /// Begins now.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long processes take is real time"
    )]
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Time since it began.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "records say when they are due")]
pub(crate) fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("it is later than 1970").as_millis();
    Timestamp::from_millis(i64::try_from(now).expect("it is not that late"))
}
