//! What answers have at least: keys that are always present, null where they do not apply.

use serde_json::{Map, Value, json};

/// What an answer is made of.
enum Shape {
    /// An object with these keys.
    One(&'static [&'static [&'static str]]),
    /// A page: under this key rows with those keys; and a token for the next page.
    Page(&'static str, &'static [&'static [&'static str]]),
    /// A list that is whole, and other keys beside it.
    All(
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    ),
}

use Shape::{All, One, Page};

const ROW: &[&str] = &[
    "workflow_id",
    "run_id",
    "workflow",
    "version",
    "status",
    "situation",
    "waiting_for",
    "waits",
    "task_queue",
    "attempt",
    "maximum_attempts",
    "next_attempt_at",
    "last_failure",
    "started_at",
    "closed_at",
    "parent",
    "children",
    "compensation",
    "incidents",
    "attributes",
];

const DETAILS: &[&str] = &[
    "input",
    "result",
    "failure",
    "memo",
    "root",
    "history_events",
    "history_bytes",
    "journal_partition",
    "as_of",
    "server_time",
    "pending_activities",
    "pending_timers",
    "pending_children",
];

const INCIDENT: &[&str] = &[
    "id",
    "workflow_id",
    "run_id",
    "workflow",
    "version",
    "kind",
    "activity",
    "activity_id",
    "attempt",
    "maximum_attempts",
    "error_type",
    "message",
    "since",
    "times",
    "input",
    "attributes",
    "resolution",
];

const EVENT: &[&str] = &[
    "seq",
    "at",
    "type",
    "attributes",
    "cause",
    "partition",
    "offset",
];

const QUEUE: &[&str] = &[
    "name",
    "workers",
    "backlog",
    "pending",
    "oldest_ms",
    "rates",
    "limits",
];

const INPUT: &[&str] = &[
    "id",
    "workflow_id",
    "at",
    "reason",
    "message",
    "ce_type",
    "cause",
    "key",
    "value",
    "value_bytes",
    "sha256",
];

/// What an act that changes a run is answered with.
const DONE: &[&str] = &["run_id", "event_seq"];

fn shape(method: &str, path: &str) -> Option<Shape> {
    let is_read = method == "get";
    Some(match path {
        "/workflows" if is_read => Page("workflows", &[ROW]),
        "/workflow-counts" => All("groups", &["values", "count"], &["count", "exact"]),
        "/workflows/{id}" if is_read => One(&[ROW, DETAILS]),
        "/workflows/{id}/history" => Page("events", &[EVENT]),
        "/incidents/{id}" => One(&[INCIDENT]),
        "/task-queues" => All("task_queues", QUEUE, &["left_out", "incomplete"]),
        "/task-queues/{name}" => One(&[QUEUE]),
        "/inputs/rejected" => Page("inputs", &[INPUT]),
        "/attributes" => All(
            "attributes",
            &["name", "kind", "runs", "exact"],
            &["has_more"],
        ),
        "/definitions" => Page("definitions", &[]),
        "/batches" if is_read => Page("batches", &[]),
        "/schedules" => Page("schedules", &[]),
        "/views" => All("views", &["name", "definition"], &[]),
        "/info" => All(
            "workflows",
            &[
                "name",
                "versions",
                "signals",
                "queries",
                "updates",
                "example_inputs",
            ],
            &["namespace", "app", "build"],
        ),
        "/partitions" => All("partitions", &["partition", "projected", "owner"], &[]),
        "/retry-topics" => All("retry_topics", &["topic", "waiting"], &[]),
        "/workflows/{id}/cancel"
        | "/workflows/{id}/terminate"
        | "/workflows/{id}/pause"
        | "/workflows/{id}/resume"
        | "/workflows/{id}/reset"
        | "/workflows/{id}/signals/{name}"
        | "/workflows/{id}" => One(&[DONE]),
        _ if path.starts_with("/workflows/{id}/activities/") && !is_read => One(&[DONE]),
        _ if path.starts_with("/incidents/{id}/") => One(&[DONE]),
        _ => return None,
    })
}

/// The schema of what a call answers; without one anything.
pub(super) fn answer(method: &str, path: &str) -> Value {
    match shape(method, path) {
        None => json!({}),
        Some(One(keys)) => object(keys, &[]),
        Some(Page(key, row)) => {
            let mut page = object(&[&["next_page_token"]], &[(key, list(row))]);
            page["properties"]["next_page_token"] = json!({"type": ["string", "null"]});
            page
        }
        Some(All(key, row, beside)) => object(&[beside], &[(key, list(&[row]))]),
    }
}

fn list(row: &[&[&str]]) -> Value {
    json!({"type": "array", "items": object(row, &[])})
}

fn object(keys: &[&[&str]], typed: &[(&str, Value)]) -> Value {
    let mut properties: Map<String, Value> = Map::new();
    for key in keys.iter().copied().flatten() {
        properties.insert((*key).to_owned(), json!({}));
    }
    for (key, schema) in typed {
        properties.insert((*key).to_owned(), schema.clone());
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "required": required, "properties": properties})
}
