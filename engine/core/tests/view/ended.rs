//! Closed runs.

use sagaline_core::{
    Payload,
    event::{WorkflowCompleted, WorkflowFailed, WorkflowTerminated},
    view::View,
};
use serde_json::Value;

use crate::script::{
    Script, completed, gateway_down, scheduled, ship_failed, undo_scheduled, undone,
};

#[test]
fn a_failed_run_says_what_was_compensated() {
    let end = WorkflowFailed {
        new_run_id: None,
        failure: gateway_down(),
    };
    let script = ship_failed()
        .then(100, undone(4, "refund-card", 3))
        .then(0, [undo_scheduled(2, "release-stock", 1)])
        .then(1_500, undone(2, "release-stock", 1))
        .then(0, [end.into()])
        .later(5_000);

    assert_eq!(
        script.text(),
        "Failed after 1.9 s: GatewayDown. 2 of 2 completed steps compensated."
    );
    let described = script.json();
    assert_eq!(described["status"], "Failed");
    assert_eq!(described["situation"], Value::Null);
    assert_eq!(described["compensation"]["state"], "completed");
    assert_eq!(described["failure"]["type"], "GatewayDown");
}

#[test]
fn a_terminated_run_says_who_why_and_what_stays_done() {
    let end = WorkflowTerminated {
        reason: Some("duplicate".into()),
        new_run_id: None,
        hands_over_below: None,
    };
    let script = Script::new()
        .then(0, scheduled(1, "charge-card", 3))
        .then(100, completed(1, "charge-card", "refund-card"))
        .then(0, [end.into()]);
    let view = View {
        closed_by: Some("sagaline.cli/ada"),
        ..script.view()
    };

    assert_eq!(
        view.waiting_for().text,
        "Terminated by ada: \"duplicate\". Nothing was compensated: charge-card stays done."
    );
    assert_eq!(script.json()["compensation"]["state"], "registered");
}

#[test]
fn a_completed_run_shows_its_result_and_every_key() {
    let end = WorkflowCompleted {
        result: Payload::json(*br#"{"n":1.10}"#),
    };
    let script = Script::new()
        .then(0, scheduled(1, "ship", 3))
        .then(900, [end.into()]);

    let text = serde_json::to_string(&script.view().describe()).unwrap();

    assert_eq!(script.text(), "Completed in 0.9 s.");
    assert!(
        text.contains(r#""input":{"total":49.90},"result":{"n":1.10}"#),
        "{text}"
    );
    let described: Value = serde_json::from_str(&text).unwrap();
    let keys = "workflow_id run_id workflow version status situation waiting_for waits task_queue attempt maximum_attempts \
        next_attempt_at last_failure started_at closed_at parent children compensation incidents attributes input result \
        failure memo root first_run_id continued_from continued_as reset reset_of start_at retry deleted history_events history_bytes journal_partition as_of server_time pending_activities \
        pending_timers pending_children pending_updates uncovered_steps";
    for key in keys.split_whitespace() {
        assert!(
            described.get(key).is_some(),
            "key {key} is missing in {text}"
        );
    }
    assert_eq!(
        described.as_object().unwrap().len(),
        keys.split_whitespace().count()
    );
}
