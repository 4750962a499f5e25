//! How a run came to be that begins with a copy of another's history.

use core::fmt;

use serde::Serialize;

use super::queue;
use crate::{Run, RunId, Seq, Timestamp, show::Shown};

/// To which event of which run it was reset, by whom and why.
#[derive(Debug, Serialize)]
pub struct ResetView<'a> {
    #[serde(skip)]
    of: RunId,
    event_seq: Seq,
    at: Shown<'a, Timestamp>,
    by: &'a str,
    reason: Option<&'a str>,
}

impl<'a> ResetView<'a> {
    /// Of a run that begins so.
    #[must_use]
    pub fn of(run: &'a Run) -> Option<Self> {
        let reset = run.reset()?;
        Some(Self {
            of: run.started.reset_of?,
            event_seq: reset.event_seq,
            at: Shown(&reset.started_at),
            by: queue::actor(&reset.actor),
            reason: reset.reason.as_deref(),
        })
    }
}

/// `to event 5 of run 0198… by ada: "a bug"`.
impl fmt::Display for ResetView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seq, of, by) = (self.event_seq, self.of, self.by);
        write!(f, "to event {seq} of run {of} by {by}")?;
        match self.reason {
            Some(reason) => write!(f, ": \"{reason}\""),
            None => Ok(()),
        }
    }
}
