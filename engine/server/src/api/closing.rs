//! The end of this process: whoever waits here for something is answered at once, and asks another process, or this one's successor.

use std::{future::Future, time::Duration};

use tokio::{select, sync::watch, time::timeout};

use super::Api;
use crate::problem::Problem;

/// Whether the process is about to stop.
#[derive(Debug)]
pub(super) struct Closing(watch::Sender<bool>);

impl Default for Closing {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Closing {
    fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Refuses who begins to wait by now: there is nothing to wait for.
    pub(super) fn refuse(&self) -> Result<(), Problem> {
        match *self.0.borrow() {
            true => Err(Problem::unavailable("stopping", "this process is about to stop")
                .hint("ask again: another process answers, or this one when it has been started again")),
            false => Ok(()),
        }
    }

    /// Returns when the process is about to stop.
    pub(super) async fn begun(&self) {
        // It is told as long as there is an API, which this is of.
        drop(self.0.subscribe().wait_for(|begun| *begun).await);
    }

    /// What a future gives in time; none: the time is over, or the process stops.
    pub(super) async fn within<T>(
        &self,
        wait: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        select! {
            given = timeout(wait, future) => given.ok(),
            () = self.begun() => None,
        }
    }
}

impl Api {
    /// Answers whoever waits, and ends streams: for a process that is about to stop.
    pub fn close(&self) {
        self.closing().begin();
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn who_waits_is_told_at_once_that_it_is_over_and_nobody_begins_to_wait() {
        let closing = Closing::default();
        assert_eq!(closing.within(LONG, ready(7)).await, Some(7));
        assert!(closing.refuse().is_ok());

        let waits = closing.within(LONG, pending::<()>());
        let (waited, ()) = tokio::join!(waits, async { closing.begin() });

        assert_eq!(waited, None);
        assert_eq!(closing.refuse().unwrap_err().code, "stopping");
    }
}
