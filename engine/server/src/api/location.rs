//! Where things are: the paths that answers name.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sagaline_core::WorkflowId;

/// What stands for itself in a path.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A part of a path.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The path of a workflow, whose id must not be `.` or `..`: those no client sends as they are.
pub(crate) fn of(id: &WorkflowId) -> String {
    format!("/api/v1/workflows/{}", escaped(id.as_str()))
}

/// The same of any workflow.
pub(crate) fn of_any(id: &WorkflowId) -> String {
    match id.as_str() {
        dots @ ("." | "..") => format!("/api/v1/workflows/-?workflow_id={dots}"),
        _ => of(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_escaped_and_dots_are_a_parameter() {
        for (id, path) in [
            ("order-1", "/api/v1/workflows/order-1"),
            ("demo-batch/1", "/api/v1/workflows/demo-batch%2F1"),
            ("ä b", "/api/v1/workflows/%C3%A4%20b"),
            ("..", "/api/v1/workflows/-?workflow_id=.."),
        ] {
            assert_eq!(of_any(&WorkflowId::new(id).unwrap()), path);
        }
    }
}
