//! Runs that are undone or wait for a person.

use sagaline_core::{
    Name,
    event::{IncidentKind, IncidentRaised},
};
use serde_json::json;

use crate::script::{
    START_MS, Script, attempt, attempt_failed, gateway_down, number, scheduled, ship_failed,
};

#[test]
fn compensation_says_why_how_far_and_what_is_next() {
    let script = ship_failed().then(
        0,
        [attempt_failed(
            4,
            "refund-card",
            1,
            Some(START_MS + 300 + 8_000),
        )],
    );

    assert_eq!(
        script.text(),
        "Compensating because ship failed for good: 0 of 2 done; refund-card, attempt 2, starts in 0:08."
    );
    let compensation = &script.json()["compensation"];
    assert_eq!(compensation["state"], "running");
    assert_eq!(compensation["reason"], "ship failed for good");
    assert_eq!(
        compensation["steps"][1],
        json!({"of": "charge-card", "activity": "refund-card", "activity_id": 4, "state": "running",
               "attempt": 1, "next_attempt_at": "1970-01-01T00:16:48.300Z"})
    );
    assert_eq!(compensation["steps"][0]["state"], "registered");
    let row = serde_json::to_value(script.view().row()).unwrap();
    assert!(row["compensation"].get("steps").is_none());
}

#[test]
fn a_parked_activity_waits_for_a_person() {
    let incident = IncidentRaised {
        kind: IncidentKind::AttemptsExhausted,
        activity_id: Some(number(1)),
        activity: Some(Name::from("ship")),
        failure: gateway_down(),
    };
    let script = Script::new()
        .then(0, scheduled(1, "ship", 1))
        .then(0, [attempt_failed(1, "ship", 1, None), incident.into()]);

    assert_eq!(
        script.text(),
        "Waiting for you: ship failed at its only attempt (GatewayDown). Retry, skip or fail it."
    );
    let described = script.json();
    assert_eq!(described["situation"], "incident");
    let shown = &described["incidents"][0];
    assert_eq!(shown["id"], format!("{}.5", script.run.run_id));
    assert_eq!(
        (&shown["kind"], &shown["input"]),
        (&json!("attempts-exhausted"), &json!([1]))
    );
    assert_eq!(described["pending_activities"][0]["state"], "parked");
}

#[test]
fn a_parked_compensation_says_what_stays_done() {
    let incident = IncidentRaised {
        kind: IncidentKind::CompensationFailed,
        activity_id: Some(number(4)),
        activity: Some(Name::from("refund-card")),
        failure: gateway_down(),
    };
    let script = ship_failed().then(0, [attempt(4, "refund-card", 3)]).then(
        0,
        [attempt_failed(4, "refund-card", 3, None), incident.into()],
    );

    assert_eq!(
        script.text(),
        "Waiting for you: refund-card used up its 3 attempts (GatewayDown), so charge-card stays done. Retry, skip or fail it."
    );
    assert_eq!(script.json()["compensation"]["state"], "parked");
}
