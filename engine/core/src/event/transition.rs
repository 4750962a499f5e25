//! One record of the journal.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{Cause, Event, RunId, Seq, Timestamp, WorkflowId};

/// One record of the journal: one input's events for one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The run; none for events that belong to no history.
    pub run_id: Option<RunId>,
    /// The workflow; none when the input had no key that could be one.
    pub workflow_id: Option<WorkflowId>,
    /// Position of the first event in the run's history, from 1; 0 without a run.
    pub first_seq: Seq,
    /// The batch's time.
    pub at: Timestamp,
    /// The input.
    pub cause: Cause,
    /// The events, in order.
    pub events: Vec<Event>,
}

impl Transition {
    /// Whether this is a further record of the same input and run as `first`: an input of many bytes takes several. Copies
    /// in the history of a run that was reset are of several times.
    #[must_use]
    pub fn continues(&self, first: &Self) -> bool {
        let is_of_run = self.run_id.is_some() && self.run_id == first.run_id;
        is_of_run && self.cause == first.cause && self.at == first.at
    }
}
