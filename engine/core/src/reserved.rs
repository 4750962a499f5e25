//! Ids and names that are Sagaline's own: those of its built-in workflows.

/// What the names of built-in workflows, and of no others, begin with.
pub const OUR_NAMES: &str = "sagaline.";

/// The built-in workflow whose runs are schedules.
pub const SCHEDULE_WORKFLOW: &str = "sagaline.schedule";

/// What the ids of schedules begin with.
pub const SCHEDULE_ID_PREFIX: &str = "schedule/";

/// The built-in workflow whose runs are batches.
pub const BATCH_WORKFLOW: &str = "sagaline.batch";

/// What the ids of batches begin with.
pub const BATCH_ID_PREFIX: &str = "batch/";

/// Which workflow alone has ids that begin so.
const IDS: [(&str, &str); 2] = [
    (SCHEDULE_ID_PREFIX, SCHEDULE_WORKFLOW),
    (BATCH_ID_PREFIX, BATCH_WORKFLOW),
];

/// What the ids of one of our own workflows begin with.
pub(crate) fn id_prefix_of(workflow: &str) -> Option<&'static str> {
    let found = IDS.iter().find(|(_, ours)| *ours == workflow);
    found.map(|(prefix, _)| *prefix)
}

/// The workflow that alone may be started under that id; none: every one may.
#[must_use]
pub fn workflow_of_id(workflow_id: &str) -> Option<&'static str> {
    let found = IDS
        .iter()
        .find(|(prefix, _)| workflow_id.starts_with(prefix));
    found.map(|(_, workflow)| *workflow)
}
