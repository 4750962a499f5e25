//! Runs whose activities are on their way.

use sagaline_core::{
    ActivityId, Attempt, Cause, Event, Fields, Name, PausedType, Queue, Timestamp,
    event::{self, ActivityStarted, TimerFired, TimerStarted},
    view::{Situation, WaitKind},
};
use serde_json::{Value, json};

use crate::script::{START_MS, Script, attempt, attempt_failed, number, scheduled};

#[test]
fn a_queued_activity_says_since_when_and_which_attempt() {
    let script = Script::new()
        .then(0, scheduled(1, "charge-card", 5))
        .later(3_000);

    assert_eq!(
        script.text(),
        "charge-card was sent to queue orders 3 s ago, attempt 1 of 5."
    );
    assert_eq!(script.view().situation(), Some(Situation::Working));
    assert_eq!(script.view().waiting_for().kind, WaitKind::Activity);
}

#[test]
fn a_sleeping_run_says_until_when() {
    let timer = |id, due_ms| {
        TimerStarted {
            timer_id: number(id),
            due_at: Timestamp::from_millis(due_ms),
        }
        .into()
    };
    let script = Script::new().then(0, [timer(1, START_MS + 90_000), timer(2, START_MS + 5_000)]);

    assert_eq!(
        script.text(),
        "Sleeping until 1 January 1970, 00:16:45 UTC (5 s). And 1 more."
    );
    assert_eq!(script.view().situation(), Some(Situation::Waiting));
    assert_eq!(script.view().waiting_for().kind, WaitKind::Timer);
    assert_eq!(
        script.json()["pending_timers"],
        json!([
            {"id": 2, "due_at": "1970-01-01T00:16:45.000Z"},
            {"id": 1, "due_at": "1970-01-01T00:18:10.000Z"},
        ])
    );

    let fired = script.then(
        5_000,
        [TimerFired {
            timer_id: number(2),
        }
        .into()],
    );

    assert_eq!(fired.json()["pending_timers"].as_array().unwrap().len(), 1);
}

#[test]
fn a_running_activity_says_for_how_long() {
    let started = ActivityStarted {
        activity_id: number(1),
        activity: Name::from("charge-card"),
        attempt: Attempt::FIRST,
        worker: None,
    };
    let script = Script::new()
        .then(0, scheduled(1, "charge-card", 0))
        .then(1_000, [started.into()])
        .later(3_000);

    assert_eq!(
        script.text(),
        "charge-card has been running for 3 s, attempt 1."
    );
    let activity = &script.json()["pending_activities"][0];
    assert_eq!(activity["state"], "running");
    assert_eq!(activity["started_at"], "1970-01-01T00:16:41.000Z");
    assert_eq!(activity["maximum_attempts"], Value::Null);
    assert_eq!(activity["attempts_left"], Value::Null);
}

#[test]
fn a_retry_says_why_how_often_and_when() {
    let mut script = Script::new().then(0, scheduled(1, "charge-card", 100));
    for failing in 1..=8 {
        script = script.then(
            0,
            [attempt_failed(1, "charge-card", failing, Some(START_MS))],
        );
        if failing < 8 {
            script = script.then(0, [attempt(1, "charge-card", failing + 1)]);
        }
    }
    let script = script.then(
        0,
        [attempt_failed(1, "charge-card", 8, Some(START_MS + 41_000))],
    );

    assert_eq!(
        script.text(),
        "charge-card failed 8 times (GatewayDown: connection refused). Attempt 9 of 100 starts in 0:41."
    );
    let described = script.json();
    assert_eq!(described["situation"], "retrying");
    assert_eq!(described["waiting_for"]["kind"], "retry");
    assert_eq!(
        described["waiting_for"]["until"],
        described["next_attempt_at"]
    );
    assert_eq!(described["pending_activities"][0]["attempts_left"], 92);
    assert_eq!(
        described["pending_activities"][0]["failures"],
        json!([{"type": "GatewayDown", "count": 9}])
    );
    assert_eq!(described["last_failure"]["worker"], "orders-1");
}

#[test]
fn an_attempt_after_a_failure_still_tells_the_failure() {
    let script = Script::new()
        .then(0, scheduled(1, "charge-card", 5))
        .then(
            500,
            [attempt_failed(1, "charge-card", 1, Some(START_MS + 1_500))],
        )
        .then(1_000, [attempt(1, "charge-card", 2)])
        .later(2_000);

    assert_eq!(
        script.text(),
        "charge-card failed once (GatewayDown: connection refused). Attempt 2 of 5 was sent 2 s ago."
    );
}

#[test]
fn the_most_urgent_cause_is_told_and_the_others_are_counted() {
    let mut script = Script::new()
        .then(0, scheduled(1, "a", 0))
        .then(0, scheduled(2, "b", 0))
        .then(0, scheduled(3, "c", 0))
        .then(0, [attempt_failed(3, "c", 1, Some(START_MS + 2_000))]);

    assert_eq!(
        script.text(),
        "c failed once (GatewayDown: connection refused). Attempt 2 starts in 0:02. And 2 more."
    );
    script.unread = vec![Name::from("orders")];
    let script = script.later(6 * 60_000);
    assert_eq!(
        script.text(),
        "a has waited 6 min in queue orders: no worker reads it. And 2 more."
    );
    assert_eq!(script.view().situation(), Some(Situation::NoWorker));
}

#[test]
fn search_attributes_and_memo_are_shown_as_they_were_given() {
    let fields = |name: &'static str, json: &str| {
        Fields::new([(Name::from(name), json.into())].into()).unwrap()
    };
    let script = Script::about(
        fields("total", "49.90"),
        fields("note", r#"{"by":  "ann"}"#),
    );

    let all = serde_json::to_string(&script.view().describe()).unwrap();
    let row = serde_json::to_string(&script.view().row()).unwrap();

    assert!(all.contains(r#""memo":{"note":{"by":  "ann"}}"#), "{all}");
    for json in [all, row] {
        assert!(json.contains(r#""attributes":{"total":49.90}"#), "{json}");
    }
    let none = Script::new();
    assert_eq!(none.json()["attributes"], json!({}));
    assert_eq!(none.json()["memo"], json!({}));
}

#[test]
fn an_attempt_that_is_held_up_by_a_pause_is_not_announced() {
    let failed = || {
        let failed = attempt_failed(1, "charge-card", 8, Some(START_MS + 41_000));
        Script::new()
            .then(0, scheduled(1, "charge-card", 100))
            .then(0, [failed])
    };
    let (actor, reason) = (
        Name::from("sagaline.cli/ada"),
        Some("the bank migrates".into()),
    );
    let run = event::WorkflowPaused {
        actor: actor.clone(),
        reason: reason.clone(),
    };
    let activity = event::ActivityPaused {
        activity_id: ActivityId::FIRST,
        activity: Name::from("charge-card"),
        actor,
        reason,
    };

    for (pause, text) in [
        (Event::from(run), "Paused by ada"),
        (activity.into(), "charge-card is paused by ada"),
    ] {
        let described = failed().then(0, [pause]).json();
        let pending = &described["pending_activities"][0];
        assert_eq!(pending["state"], "paused");
        assert_eq!(pending["next_attempt_at"], json!(null));
        assert_eq!(described["next_attempt_at"], json!(null));
        let told = described["waiting_for"]["text"].as_str().unwrap();
        assert_eq!(
            told,
            format!("{text}: \"the bank migrates\". Resume it to go on.")
        );
    }
}

#[test]
fn a_task_that_waits_for_its_turn_says_what_it_waits_for() {
    let mut events = scheduled(1, "charge-card", 5);
    if let Some(Event::ActivityAttemptScheduled(attempt)) = events.last_mut() {
        attempt.held = Some(true);
    }
    let mut script = Script::new().then(0, events).later(3_000);
    assert_eq!(
        script.text(),
        "charge-card has waited 3 s for its turn in queue orders, which is limited."
    );
    assert_eq!(script.json()["waiting_for"]["kind"], "queue");
    assert_eq!(script.json()["pending_activities"][0]["state"], "queued");

    let mut change = |max_outstanding, rate_per_hour, paused| {
        let changed = event::QueueChanged {
            queue: Name::from("orders"),
            version: 1,
            home_partition: 0,
            max_outstanding,
            rate_per_hour,
            paused,
            actor: Name::from("sagaline.cli/ada"),
            reason: None,
        };
        let mut queue = Queue::default();
        let cause = Cause::lane(0, "1");
        queue.event(&cause, Timestamp::from_millis(START_MS), &changed.into());
        script.queues = Some([(Name::from("orders"), queue)].into());
        script.text()
    };
    assert_eq!(
        change(Some(10), Some(1_800), Vec::new()),
        "charge-card has waited 3 s for its turn in queue orders, which is limited to 10 at once and 30 a minute."
    );
    let paused = PausedType {
        activity: None,
        at: Timestamp::from_millis(START_MS),
        actor: Name::from("sagaline.cli/ada"),
        reason: Some("the bank is down".into()),
    };
    assert_eq!(
        change(None, None, vec![paused]),
        "charge-card has waited 3 s in queue orders, which is paused by ada: \"the bank is down\". Resume it to go on."
    );
}
