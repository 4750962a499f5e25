//! A run's description as JSON, the same as everywhere.

use sagaline_core::{Run, Timestamp, WorkflowId, view::View};

/// The JSON of `GET /workflows/{id}` for an open run.
pub(crate) fn describe(
    workflow_id: &WorkflowId,
    run: &Run,
    partition: i32,
    as_of: Timestamp,
) -> Vec<u8> {
    let view = View::new(workflow_id, run, partition, as_of);
    serde_json::to_vec(&view.describe()).unwrap_or_default()
}
