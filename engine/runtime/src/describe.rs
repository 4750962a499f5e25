//! A run's description as JSON, the same as everywhere.

use sagaline_core::{
    Closed, Run, State, Timestamp, WorkflowId,
    view::{Remembered, View},
};

/// The JSON of `GET /workflows/{id}` for an open run.
pub(crate) fn describe(
    workflow_id: &WorkflowId,
    run: &Run,
    partition: i32,
    state: &State,
) -> Vec<u8> {
    let view = View {
        queues: Some(state.queues()),
        ..View::new(workflow_id, run, partition, state.now())
    };
    serde_json::to_vec(&view.describe()).unwrap_or_default()
}

/// The same of a run that is closed, as far as its owner remembers it.
pub(crate) fn remembered(
    workflow_id: &WorkflowId,
    closed: &Closed,
    partition: i32,
    as_of: Timestamp,
) -> Vec<u8> {
    let remembered = Remembered::of(workflow_id, closed, partition, &as_of);
    serde_json::to_vec(&remembered).unwrap_or_default()
}
