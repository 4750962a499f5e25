//! Attempts that fail, and incidents that a person solves by the command line.

use serde_json::{Value, json};

use crate::harness::{wait::until, world::World};

/// Runs a command of the example; what it printed.
fn says(world: &World, code: i32, arguments: &[&str]) -> String {
    world.says("flaky-payment", code, arguments)
}

fn start(world: &World, id: &str, fail_times: u32, park: bool) {
    let input = json!({"fail_times": fail_times, "park": park}).to_string();
    let start = ["workflow", "start", "--type", "flaky-payment", "--id", id];
    says(world, 0, &[&start[..], &["--input", &input]].concat());
}

fn describe(world: &World, id: &str) -> Value {
    let json = says(world, 0, &["workflow", "describe", id, "-o", "json"]);
    serde_json::from_str(&json).expect("it prints JSON")
}

/// The incident of a workflow, once it is there and has come so often.
fn incident(world: &World, id: &str, times: u64) -> Value {
    until("the incident is there", || {
        let list = says(world, 0, &["incident", "list", "-o", "json"]);
        let list: Value = serde_json::from_str(&list).expect("it prints JSON");
        let of_workflow = |one: &&Value| one["workflow_id"] == id && one["times"] == times;
        let incidents = list["incidents"].as_array().expect("it is a list");
        incidents.iter().find(of_workflow).cloned()
    })
}

fn world() -> (World, [crate::harness::process::Process; 1]) {
    let world = World::new(4);
    let engine = world.engine_of(&mut world.server("flaky-payment", &["--with-worker"]));
    (world, [engine])
}

#[test]
fn a_payment_that_fails_three_times_is_told_attempt_by_attempt_and_succeeds() {
    let (world, _engine) = world();
    start(&world, "p-1", 3, false);

    let retrying = until("an attempt has failed", || {
        let described = describe(&world, "p-1");
        let activity = described["pending_activities"][0].clone();
        let failed = activity["last_failure"]["type"] == "GatewayDown";
        assert_ne!(described["status"], "Failed");
        (failed && activity["next_attempt_at"].is_string()).then_some(described)
    });

    let activity = &retrying["pending_activities"][0];
    assert_eq!(activity["activity"], "charge");
    assert_eq!(activity["maximum_attempts"], 6);
    assert_eq!(retrying["situation"], "retrying");
    let result = says(
        &world,
        0,
        &["workflow", "result", "p-1", "--timeout", "60s"],
    );
    assert_eq!(result.trim(), "\"paid at attempt 4\"");
}

#[test]
fn a_payment_that_is_used_up_fails_unless_it_shall_wait() {
    let (world, _engine) = world();
    start(&world, "p-1", 9, false);

    let said = says(
        &world,
        1,
        &["workflow", "result", "p-1", "--timeout", "60s"],
    );

    assert!(said.contains("GatewayDown"), "{said}");
}

#[test]
fn a_parked_payment_is_retried_and_skipped_by_a_person() {
    let (world, _engine) = world();
    start(&world, "p-1", 20, true);
    let parked = incident(&world, "p-1", 1);
    let id = parked["id"].as_str().expect("it has an id").to_owned();
    assert_eq!(parked["kind"], "attempts-exhausted");
    assert_eq!(
        (&parked["attempt"], &parked["maximum_attempts"]),
        (&json!(6), &json!(6))
    );
    let table = says(&world, 0, &["incident", "list"]);
    assert!(
        table.contains(&id) && table.contains("GatewayDown"),
        "{table}"
    );

    // Six attempts more do not help either: the same incident again.
    says(&world, 0, &["incident", "retry", &id, "--reason", "try"]);
    let again = incident(&world, "p-1", 2);
    assert_eq!(again["id"], json!(id));
    assert_eq!(
        (&again["attempt"], &again["maximum_attempts"]),
        (&json!(12), &json!(12))
    );

    says(
        &world,
        0,
        &["incident", "skip", &id, "--result", "\"by hand\""],
    );
    let result = says(
        &world,
        0,
        &["workflow", "result", "p-1", "--timeout", "60s"],
    );
    assert_eq!(result.trim(), "\"by hand\"");
    says(&world, 4, &["incident", "fail", &id]);
    assert_eq!(
        says(&world, 0, &["incident", "list"]).trim(),
        "Nothing needs you."
    );
}

#[test]
fn a_retry_with_a_changed_input_and_a_failure_by_hand() {
    let (world, _engine) = world();
    start(&world, "p-1", 9, true);
    start(&world, "p-2", 9, true);
    let ids = ["p-1", "p-2"].map(|id| incident(&world, id, 1)["id"].as_str().unwrap().to_owned());

    says(&world, 0, &["incident", "retry", &ids[0], "--input", "0"]);
    says(
        &world,
        0,
        &[
            "incident",
            "fail",
            &ids[1],
            "--reason",
            "the customer is gone",
        ],
    );

    let result = says(
        &world,
        0,
        &["workflow", "result", "p-1", "--timeout", "60s"],
    );
    assert_eq!(result.trim(), "\"paid at attempt 7\"");
    let said = says(
        &world,
        1,
        &["workflow", "result", "p-2", "--timeout", "60s"],
    );
    assert!(said.contains("GatewayDown"), "{said}");
    let history = says(&world, 0, &["workflow", "history", "p-2"]);
    assert!(history.contains("the customer is gone"), "{history}");
}

#[test]
fn an_act_that_is_not_signed_is_refused() {
    let (world, _engine) = world();
    start(&world, "p-1", 9, true);
    let parked = incident(&world, "p-1", 1);

    world
        .request("sagaline.workflow.operate.v1", "p-1")
        .header("sl-act", "incident-fail")
        .header("sl-incident", parked["id"].as_str().unwrap())
        .header("sl-actor", "mallory")
        .answered_as("forged")
        .send();

    let answer = until("the engine answers", || {
        world.replies("forged").into_iter().next()
    });
    assert_eq!(answer.header("sl-outcome"), Some(&b"rejected"[..]));
    assert_eq!(
        describe(&world, "p-1")["incidents"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_run_is_paused_and_resumed_and_an_activity_is_completed_by_a_person() {
    let (world, _engine) = world();
    start(&world, "p-1", 20, true);
    start(&world, "p-2", 20, true);
    says(&world, 0, &["workflow", "pause", "p-1", "--reason", "bank"]);
    says(&world, 0, &["activity", "pause", "p-2", "1"]);

    let paused = describe(&world, "p-1");
    assert_eq!(paused["status"], "Paused");
    assert_eq!(paused["waiting_for"]["kind"], "paused");
    let text = paused["waiting_for"]["text"].as_str().expect("a sentence");
    assert!(text.contains("bank"), "{text}");
    // What was in flight may end; then its activity waits.
    let held = until("the attempt that was in flight has failed", || {
        let activity = describe(&world, "p-2")["pending_activities"][0].clone();
        (activity["state"] == "paused").then_some(activity)
    });
    assert!(held["attempt"].as_u64() < Some(6), "{held}");
    let refused = says(&world, 4, &["activity", "retry", "p-2", "1"]);
    assert!(refused.contains("resume it first"), "{refused}");

    says(&world, 0, &["workflow", "resume", "p-1"]);
    says(&world, 0, &["activity", "resume", "p-2", "1"]);
    incident(&world, "p-1", 1);
    incident(&world, "p-2", 1);
    let by_hand = ["--result", "\"by hand\"", "--reason", "cash"];
    let complete = ["activity", "complete", "p-1", "1"];
    says(&world, 0, &[&complete[..], &by_hand].concat());
    let failed = ["--type", "GaveUp", "--message", "no use"];
    let fail = ["activity", "fail", "p-2", "1"];
    says(&world, 0, &[&fail[..], &failed].concat());

    let result = ["workflow", "result", "p-1", "--timeout", "60s"];
    assert_eq!(says(&world, 0, &result).trim(), "\"by hand\"");
    let result = ["workflow", "result", "p-2", "--timeout", "60s"];
    assert!(says(&world, 1, &result).contains("GaveUp: no use"));
    let gone = says(&world, 4, &["activity", "retry", "p-1", "1"]);
    assert!(gone.contains("Completed"), "{gone}");
}

#[test]
fn a_waiting_activity_is_given_other_options_and_goes_on_by_them() {
    let (world, _engine) = world();
    start(&world, "p-1", 8, true);
    let update = |code, options: &[&str]| {
        let act = ["activity", "update-options", "p-1", "1"];
        says(&world, code, &[&act[..], options].concat())
    };
    says(&world, 0, &["activity", "pause", "p-1", "1"]);
    let held = until("it is held up", || {
        let activity = describe(&world, "p-1")["pending_activities"][0].clone();
        (activity["state"] == "paused").then_some(activity)
    });

    let slow = ["--initial-interval", "1h", "--reason", "the bank is down"];
    update(0, &[&slow[..], &["--maximum-attempts", "20"]].concat());
    says(&world, 0, &["activity", "resume", "p-1", "1"]);
    let waiting = until("it waits for an hour", || {
        let activity = describe(&world, "p-1")["pending_activities"][0].clone();
        let is_next = activity["attempt"].as_u64() > held["attempt"].as_u64();
        (is_next && activity["state"] == "retrying").then_some(activity)
    });
    assert_eq!(waiting["maximum_attempts"], 20);
    assert_eq!(waiting["retry"]["initial_interval_ms"], 3_600_000);
    update(2, &[]);
    for (option, value) in [("backoff-coefficient", "0.5"), ("jitter", "nan")] {
        let said = update(2, &[&format!("--{option}"), value]);
        assert!(said.contains("are allowed"), "{option} {value}: {said}");
    }
    let said = update(4, &["--heartbeat", "99999d"]);
    assert!(said.contains("heartbeat is 8639913600s; 1 ms"), "{said}");

    let quick = ["--initial-interval", "100ms", "--backoff-coefficient", "1"];
    update(0, &[&quick[..], &["--heartbeat", "none"]].concat());

    let result = ["workflow", "result", "p-1", "--timeout", "60s"];
    assert_eq!(says(&world, 0, &result).trim(), "\"paid at attempt 9\"");
    let history = says(&world, 0, &["workflow", "history", "p-1"]);
    for told in [
        "the bank is down",
        "initial_interval_ms 3600000",
        "heartbeat none",
    ] {
        assert!(history.contains(told), "{told}: {history}");
    }
    update(4, &["--maximum-attempts", "3"]);
}
