//! What filters mean: each field and operator, asked about runs.

use std::collections::BTreeMap;

use sagaline_core::{
    Event, Fields, Name, Outcome, Payload,
    event::{IncidentKind, IncidentRaised, WorkflowCompleted, WorkflowPaused},
    filter::{Filter, Subject},
};

use crate::script::{
    START_MS, Script, attempt, attempt_failed, compensation_started, gateway_down, number,
    scheduled, ship_failed,
};

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}"))
}

fn selects(script: &Script, text: &str) -> bool {
    filter(text).selects_run(&script.view())
}

/// All of these hold, and their opposites do not.
fn hold(script: &Script, texts: &[&str]) {
    for text in texts {
        assert!(selects(script, text), "{text}");
        assert!(!selects(script, &format!("NOT ({text})")), "NOT ({text})");
    }
}

/// None of these holds, but their opposites do.
fn fail(script: &Script, texts: &[&str]) {
    for text in texts {
        hold(script, &[&format!("NOT ({text})")]);
    }
}

/// Neither these hold nor their opposites.
fn are_neither(script: &Script, texts: &[&str]) {
    for text in texts {
        assert!(!selects(script, text), "{text}");
        assert!(!selects(script, &format!("NOT ({text})")), "NOT ({text})");
    }
}

/// *charge* has failed twice and waits for its third attempt; *ship* is queued.
fn retrying() -> Script {
    let next = START_MS + 60_000;
    Script::new()
        .then(0, scheduled(1, "charge", 6))
        .then(100, [attempt_failed(1, "charge", 1, Some(START_MS + 200))])
        .then(100, [attempt(1, "charge", 2)])
        .then(100, [attempt_failed(1, "charge", 2, Some(next))])
        .then(0, scheduled(2, "ship", 1))
        .later(4_700)
}

fn completed() -> Event {
    WorkflowCompleted {
        result: Payload::empty(),
    }
    .into()
}

fn about(attributes: &[(&str, &str)]) -> Script {
    let pairs = attributes.iter();
    let fields: BTreeMap<Name, Box<str>> = pairs
        .map(|(name, json)| (Name::new(name).unwrap(), (*json).into()))
        .collect();
    Script::about(Fields::new(fields).unwrap(), None)
}

#[test]
fn an_open_run_is_found_by_each_of_its_fields() {
    let script = retrying();
    let run_id = format!("RunId = '{}'", script.run.run_id);

    hold(
        &script,
        &[
            "Status = 'Running'",
            "Status IN ('Paused', 'Running')",
            "Open = true",
            "Situation = 'retrying'",
            "NeedsPerson = false",
            "WorkflowId = 'order-1'",
            "WorkflowId STARTS_WITH 'order-'",
            "WorkflowId CONTAINS 'der'",
            "WorkflowId > 'order-0'",
            &run_id,
            "WorkflowType = 'order'",
            "Version = '1.0'",
            "Version < '10'",
            "StartTime = '1970-01-01T00:16:40Z'",
            "StartTime >= '1970-01-01T00:16:40.000+00:00'",
            "CloseTime IS NULL",
            "Duration = '5s'",
            "Duration BETWEEN 5000 AND '1m'",
            "Duration >= '5000ms'",
            "Compensation IS NULL",
            "Incidents = 0",
            "ParentWorkflowId IS NULL",
        ],
    );
    fail(
        &script,
        &[
            "Status != 'Running'",
            "Open = false",
            "NeedsPerson = true",
            "WorkflowId CONTAINS 'ORDER'",
            "WorkflowId STARTS_WITH 'rder'",
            "Version >= '2'",
            "StartTime < '1970-01-01T00:16:40Z'",
            "CloseTime IS NOT NULL",
            "Duration > '5s'",
            "Duration BETWEEN '6s' AND '7s'",
            "Incidents > 0",
        ],
    );
    are_neither(
        &script,
        &[
            "CloseTime > '2026-01-31T09:00:00Z'",
            "Compensation = 'running'",
            "ParentWorkflowId = 'x'",
            "ParentWorkflowId CONTAINS ''",
        ],
    );
    assert!(selects(&script, "") && selects(&script, "ORDER BY Attempt"));
}

#[test]
fn each_pending_activity_is_looked_at_by_itself() {
    let script = retrying();

    for text in [
        "Activity = 'charge'",
        "Activity = 'ship'",
        "NOT Activity = 'ship'",
        "Activity = 'charge' AND Attempt = 2 AND ActivityId = 1",
        "Activity = 'charge' AND LastFailureType STARTS_WITH 'Gateway'",
        "Activity = 'charge' AND NextAttemptAt = '1970-01-01T00:17:40Z'",
        "Activity = 'ship' AND LastFailureType IS NULL AND NextAttemptAt IS NULL",
        "TaskQueue = 'orders'",
        "Attempt < 2",
    ] {
        assert!(selects(&script, text), "{text}");
    }
    for text in [
        "Activity = 'ship' AND Attempt = 2",
        "Activity = 'charge' AND NOT LastFailureType = 'GatewayDown'",
        "Activity IS NULL",
        "Attempt > 2",
        "TaskQueue != 'orders'",
    ] {
        assert!(!selects(&script, text), "{text}");
    }
    let view = script.view();
    let meant = filter("LastFailureType IS NOT NULL");
    let activities = script.run.activities.iter();
    let names: Vec<&str> = activities
        .filter(|one| meant.selects(&Subject::activity(&view, one)))
        .map(|one| one.scheduled.activity.as_str())
        .collect();
    assert_eq!(names, ["charge"]);
}

#[test]
fn a_run_in_which_nothing_is_pending_has_no_activity() {
    let script = Script::new();

    hold(&script, &["Activity IS NULL", "Attempt IS NULL"]);
    are_neither(
        &script,
        &["Activity = 'x'", "Attempt >= 0", "Activity IN ('x', 'y')"],
    );
}

#[test]
fn a_closed_run_has_an_end_and_no_situation() {
    let script = Script::new().then(900, [completed()]).later(60_000);

    hold(
        &script,
        &[
            "Status = 'Completed'",
            "Open = false",
            "Situation IS NULL",
            "NeedsPerson = false",
            "CloseTime = '1970-01-01T00:16:40.900Z'",
            "Duration = 900",
        ],
    );
}

#[test]
fn a_paused_and_a_compensating_run_say_so() {
    let pause = WorkflowPaused {
        actor: Name::from("ada"),
        reason: None,
    };
    let paused = Script::new().then(0, [pause.into()]);
    let compensating = ship_failed();
    let nothing_to_undo = Script::new().then(0, [compensation_started(Outcome::Canceled, None)]);

    hold(
        &paused,
        &["Status = 'Paused'", "Situation = 'paused'", "Open = true"],
    );
    hold(
        &compensating,
        &["Compensation = 'running'", "Situation = 'compensating'"],
    );
    hold(&nothing_to_undo, &["Compensation = 'running'"]);
}

#[test]
fn a_queue_that_nobody_reads_is_a_situation() {
    let mut script = Script::new().then(0, scheduled(1, "ship", 1)).later(60_000);
    script.unread = vec![Name::from("orders")];

    hold(&script, &["Situation = 'no-worker'"]);
}

#[test]
fn an_incident_has_its_own_activity_and_failure() {
    let parked = IncidentRaised {
        kind: IncidentKind::AttemptsExhausted,
        activity_id: Some(number(1)),
        activity: Some(Name::from("charge")),
        failure: gateway_down(),
    };
    let panic = IncidentRaised {
        kind: IncidentKind::Panic,
        activity_id: None,
        activity: None,
        failure: sagaline_core::Failure::new(Name::from("sagaline.Panic"), "oh"),
    };
    let script = Script::new()
        .then(0, scheduled(1, "charge", 1))
        .then(0, [attempt_failed(1, "charge", 1, None), parked.into()])
        .then(0, [panic.into()]);
    let view = script.view();
    let of = |text: &str| -> Vec<&str> {
        let filter = filter(text);
        let incidents = script.run.incidents.iter();
        incidents
            .filter(|one| filter.selects(&Subject::incident(&view, one)))
            .map(|one| one.kind.as_str())
            .collect()
    };

    assert_eq!(
        of("NeedsPerson = true AND Incidents = 2"),
        ["attempts-exhausted", "panic"]
    );
    assert_eq!(
        of("Activity = 'charge' AND ActivityId = 1 AND Attempt = 1"),
        ["attempts-exhausted"]
    );
    assert_eq!(
        of("LastFailureType = 'GatewayDown'"),
        ["attempts-exhausted"]
    );
    assert_eq!(of("Activity IS NULL AND TaskQueue IS NULL"), ["panic"]);
    assert_eq!(of("LastFailureType STARTS_WITH 'sagaline.'"), ["panic"]);
    assert_eq!(of("Status = 'Completed'"), Vec::<&str>::new());
}

#[test]
fn attributes_are_compared_by_what_they_are() {
    let script = about(&[
        ("customer", r#""c-7""#),
        ("total", "9007199254740993.10"),
        ("is_gift", "true"),
        ("tags", r#"["a", 5, "b\"c"]"#),
        ("nothing", "null"),
        ("where", r#"{"city": "x"}"#),
        ("broken", "{"),
    ]);

    hold(
        &script,
        &[
            "customer = 'c-7'",
            "customer > 'c-5' AND customer STARTS_WITH 'c'",
            "total = 9007199254740993.1",
            "total > 9007199254740993",
            "total BETWEEN -1 AND 1e400",
            "is_gift = true",
            "tags CONTAINS 'a'",
            "tags CONTAINS 5.0",
            "tags CONTAINS 'b\"c'",
            "tags IS NOT NULL",
            "nothing IS NULL AND absent IS NULL",
            "where IS NOT NULL",
        ],
    );
    fail(
        &script,
        &[
            "total = 9007199254740992",
            "tags CONTAINS 'c'",
            "tags CONTAINS true",
            "is_gift != true",
            "customer IN ('c-8', 'c-9')",
        ],
    );
    are_neither(
        &script,
        &[
            "customer = 7",
            "total = '9007199254740993.10'",
            "tags = 'a'",
            "nothing = 1",
            "absent != 1",
            "absent CONTAINS 'a'",
            "absent BETWEEN 1 AND 2",
            "where = 'x'",
            "broken = 1",
            "customer IN (1, 2)",
        ],
    );
}

#[test]
fn what_is_neither_decides_only_where_nothing_else_does() {
    let script = Script::new();

    hold(
        &script,
        &[
            "absent = 1 OR Open = true",
            "Open = true OR absent = 1",
            "NOT (absent = 1 AND Open = false)",
            "Incidents IN (1, 0)",
        ],
    );
    are_neither(
        &script,
        &[
            "absent = 1 OR Open = false",
            "absent = 1 AND Open = true",
            "NOT absent = 1",
            "absent = 1 AND absent != 1",
        ],
    );
}

#[test]
fn order_is_by_each_field_in_turn_and_what_is_absent_comes_last() {
    let scripts = [
        about(&[("n", "10"), ("text", "\"b\"")]),
        about(&[("n", "9"), ("text", "\"b\"")]),
        about(&[("text", "\"a\"")]),
        about(&[("n", "9.5"), ("text", "\"c\"")]),
        about(&[("n", "\"x\""), ("text", "\"b\"")]),
        about(&[("n", "[1]"), ("text", "\"b\"")]),
    ];
    let ordered = |text: &str| {
        let filter = filter(text);
        let views: Vec<_> = scripts.iter().map(Script::view).collect();
        let mut order: Vec<usize> = (0..scripts.len()).collect();
        order.sort_by_cached_key(|&at| filter.sort_key(&Subject::run(&views[at])));
        order
    };

    assert_eq!(ordered("ORDER BY n"), [1, 3, 0, 4, 5, 2]);
    assert_eq!(ordered("ORDER BY n DESC"), [5, 4, 0, 3, 1, 2]);
    assert_eq!(ordered("ORDER BY text, n DESC"), [2, 5, 4, 0, 1, 3]);
    assert_eq!(
        ordered("ORDER BY Status, CloseTime, text DESC, n"),
        [3, 1, 0, 4, 5, 2]
    );
    assert_eq!(ordered(""), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn the_fields_of_a_filter_are_those_of_its_order_too() {
    let filter = filter("NOT (a = 1 OR Open = true) AND Version IS NULL ORDER BY Situation");

    let names: Vec<&str> = filter.fields().map(|field| field.name()).collect();

    assert_eq!(names, ["a", "Open", "Version", "Situation"]);
}
