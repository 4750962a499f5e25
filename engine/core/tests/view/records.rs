//! Events and records as JSON.

use sagaline_core::{
    RunId, Timestamp, Transition, WorkflowId,
    event::WorkflowCancelRequested,
    view::{HistoryEvent, HistoryLine, HistoryPage, JournalLine},
};
use serde_json::json;

use crate::script::{START_MS, cause, failed};

#[test]
fn events_of_a_record_are_numbered_and_those_without_a_run_are_not() {
    let requested = WorkflowCancelRequested {
        reason: None,
        compensate: true,
    };
    let mut transition = Transition {
        run_id: Some(RunId::derive("n", &WorkflowId::new("w").unwrap(), b"s")),
        workflow_id: WorkflowId::new("w").ok(),
        first_seq: 4,
        at: Timestamp::from_millis(START_MS),
        cause: cause(),
        events: vec![requested.into(), failed(1, "ship")],
    };

    let history: Vec<_> = HistoryEvent::of(&transition, 3, 9).collect();
    let history = serde_json::to_value(history).unwrap();
    let line = serde_json::to_value(JournalLine::of(&transition, (3, 9), (1, 2))).unwrap();
    transition.run_id = None;
    transition.first_seq = 0;
    let without_run = serde_json::to_value(JournalLine::of(&transition, (3, 9), (1, 2))).unwrap();

    assert_eq!(
        history[1],
        json!({"seq": 5, "at": "1970-01-01T00:16:40.000Z", "type": "ActivityFailed", "partition": 3, "offset": 9,
               "attributes": {"activity_id": 1, "activity": "ship", "failure": {"type": "GatewayDown",
                              "message": "connection refused", "details": null, "non_retryable": false}},
               "cause": {"source": "s", "id": "1", "topic": "inbox", "partition": 3, "offset": 7}})
    );
    assert_eq!(
        (&line["events"][0]["seq"], &line["events"][1]["seq"]),
        (&json!(4), &json!(5))
    );
    assert_eq!(without_run["events"][1]["seq"], 0);
    assert_eq!(
        (&line["epoch"], &line["batch"], &line["offset"]),
        (&json!(1), &json!(2), &json!(9))
    );
}

#[test]
fn a_history_and_each_of_its_lines_say_of_which_run_they_are() {
    let workflow_id = WorkflowId::new("w").unwrap();
    let run_id = RunId::derive("n", &workflow_id, b"s");
    let transition = Transition {
        run_id: Some(run_id),
        workflow_id: Some(workflow_id.clone()),
        first_seq: 4,
        at: Timestamp::from_millis(START_MS),
        cause: cause(),
        events: vec![failed(1, "ship")],
    };
    let event = || HistoryEvent::of(&transition, 3, 9).next().unwrap();

    let page = HistoryPage::new(&workflow_id, run_id, vec![event()]);
    let page = serde_json::to_value(page).unwrap();
    let line = serde_json::to_value(HistoryLine::new(&workflow_id, run_id, event())).unwrap();

    let mut expected = serde_json::to_value(event()).unwrap();
    assert_eq!(
        page,
        json!({"workflow_id": "w", "run_id": run_id, "events": [expected], "next_page_token": null})
    );
    expected["workflow_id"] = json!("w");
    expected["run_id"] = json!(run_id);
    assert_eq!(line, expected);
}
