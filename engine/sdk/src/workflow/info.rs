//! What a run knows of itself.

use sagaline_core::{RunId, Timestamp, WorkflowId};

/// What never changes during a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowInfo {
    /// Name of the workflow.
    pub workflow: String,
    /// Its version, pinned for the run.
    pub version: String,
    /// Its id.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// When it began.
    pub started_at: Timestamp,
}
