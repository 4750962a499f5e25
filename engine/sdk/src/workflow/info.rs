//! What a run knows of itself.

use sagaline_core::{RunId, Timestamp, WorkflowId};

/// What never changes during a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowInfo {
    /// Name of the workflow.
    pub workflow: String,
    /// The version that the run began with, and goes by unless a later one takes over.
    pub version: String,
    /// Its id.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// The run in whose place it goes on, if it does.
    pub continued_from: Option<RunId>,
    /// The first run of its chain: itself unless it goes on in another's place.
    pub first_run_id: RunId,
    /// Which attempt of the workflow it is, from 1: more for a run that follows one that failed or timed out.
    pub attempt: u32,
}
