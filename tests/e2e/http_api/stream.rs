//! Events, as they are streamed.

use serde_json::Value;

use super::{Api, ok, payment, problem};
use crate::harness::http::Events;

/// The next event of that name, and its data.
fn next(events: &mut Events, name: &str) -> (Option<String>, Value) {
    loop {
        let event = events.next();
        let data: Value = serde_json::from_str(&event.data).expect("it is JSON");
        assert!(data["server_time"].is_string(), "{event:?}");
        if event.name == name {
            return (event.id, data);
        }
    }
}

#[test]
fn a_stream_tells_what_changes_and_goes_on_where_it_ended() {
    let api = Api::of("flaky-payment");
    let open = |path: &str, last_seen| {
        Events::open(&api.address, &format!("/api/v1/stream{path}"), last_seen)
    };
    let mut all = open("/workflows?query=WorkflowId%20%3D%20%22p-1%22", None);
    let mut one = open("/workflows/p-1", None);
    let mut incidents = open("/incidents", None);
    for stream in [&mut all, &mut one, &mut incidents] {
        next(stream, "hello");
    }

    ok(&api.post("/workflows", &payment("p-1", 9, true)), 202);
    let (first, row) = next(&mut all, "workflows");
    let (_, described) = next(&mut one, "workflow");
    let (_, waits) = next(&mut incidents, "incidents");
    let mut again = open("/workflows", first.as_deref());
    let (_, missed) = next(&mut again, "workflows");
    let mut stranger = open("/workflows", Some("of-another-server-7"));
    next(&mut stranger, "reload");

    assert_eq!(row["workflows"][0]["workflow_id"], "p-1");
    assert_eq!(described["workflow"]["input"]["fail_times"], 9);
    assert_eq!(waits["workflows"][0]["incidents"][0]["activity"], "charge");
    assert_eq!(missed["workflows"][0]["workflow_id"], "p-1");
    problem(&api.get("/stream/workflows?query=1"), 400, "invalid_query");
}
