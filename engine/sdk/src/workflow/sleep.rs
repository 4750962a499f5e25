//! Waiting for an instant.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use sagaline_core::{ActivityId, Timestamp};

use super::state::Shared;
use crate::{Error, Result};

/// A wait for an instant, of any length; [`Context::sleep`](super::Context::sleep) makes it.
///
/// It survives everything: the engine wakes the run when the instant has come, never before. Dropped before, it is
/// forgotten: the branch of a `select!` that lost costs nothing.
#[must_use = "a wait begins when it is awaited"]
pub struct Sleep {
    shared: Arc<Shared>,
    due_at: Timestamp,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Planned,
    Waiting(ActivityId),
    Over,
}

impl Sleep {
    pub(super) const fn new(shared: Arc<Shared>, due_at: Timestamp) -> Self {
        Self {
            shared,
            due_at,
            stage: Stage::Planned,
        }
    }

    /// When it is over.
    #[must_use]
    pub const fn due_at(&self) -> Timestamp {
        self.due_at
    }
}

impl Future for Sleep {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let sleep = self.get_mut();
        if matches!(sleep.stage, Stage::Planned) {
            sleep.stage = match sleep.shared.start_timer(sleep.due_at) {
                Ok(Some(id)) => Stage::Waiting(id),
                Ok(None) => Stage::Over,
                Err(error) => {
                    sleep.stage = Stage::Over;
                    return Poll::Ready(Err(error));
                }
            };
        }
        let Stage::Waiting(id) = sleep.stage else {
            return Poll::Ready(Ok(()));
        };
        let polled: Poll<Result<(), Error>> = sleep.shared.poll_timer(id, cx.waker());
        if polled.is_ready() {
            sleep.stage = Stage::Over;
        }
        polled
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Stage::Waiting(id) = self.stage {
            self.shared.forget_timer(id);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("due_at", &self.due_at)
            .field("stage", &self.stage)
            .finish()
    }
}
