//! The real clocks. Everything else is given `now`.

use std::{
    sync::LazyLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use sagaline_core::{Millis, Timestamp};

use crate::lane::Now;

static START: LazyLock<Instant> = LazyLock::new(instant);

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that is injected elsewhere"
)]
fn instant() -> Instant {
    Instant::now()
}

/// Both clocks, read together.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that is injected elsewhere"
)]
pub(crate) fn now() -> Now {
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let micros = i64::try_from(wall.as_micros()).unwrap_or(i64::MAX);
    Now {
        wall: Timestamp::from_micros(micros),
        monotonic: monotonic(),
    }
}

/// Milliseconds since the process first asked.
pub(crate) fn monotonic() -> Millis {
    let start = *START;
    Millis(u64::try_from(instant().duration_since(start).as_millis()).unwrap_or(u64::MAX))
}
