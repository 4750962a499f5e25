//! Histories that were recorded, replayed against today's code.

use std::fs;

use sagaline_sdk::{
    prelude::*,
    testing::{Answer, StartOptions, UNREADABLE, replay, replay_all, replay_file},
};
use serde_json::{Value, json};

use crate::{charge, down, order, release, reserve, shop};

#[workflow(name = "order")]
async fn order_changed(cx: Context, cents: u32) -> Result<String> {
    let retry = Retry::default().maximum_attempts(4);
    let paid = cx.run(charge(cents)).retry(retry).await?;
    cx.run(reserve("tea")).compensate_with(release).await?;
    Ok(paid)
}

#[workflow(name = "order", version = "2.0.0")]
async fn order_of_tomorrow(cx: Context, cents: u32) -> Result<String> {
    cx.run(charge(cents)).await
}

/// The printed history of an order that failed and was undone.
fn recorded() -> String {
    let env = shop();
    env.fail(charge, 4, &down());
    let run = env.start(order(100));
    run.result().unwrap_err();
    run.history().to_json()
}

/// The same as `-o jsonl` prints it.
fn by_line(page: &str) -> String {
    let page: Value = serde_json::from_str(page).unwrap();
    let lines = page["events"].as_array().unwrap().iter().map(|event| {
        let mut event = event.clone();
        event["workflow_id"] = page["workflow_id"].clone();
        event["run_id"] = page["run_id"].clone();
        event.to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same as `journal tail` prints it: one record with all events, and one of no run.
fn by_record(page: &str) -> String {
    let page: Value = serde_json::from_str(page).unwrap();
    let mut lines: Vec<Value> = Vec::new();
    for event in page["events"].as_array().unwrap() {
        let mut event = event.clone();
        let (at, cause) = (event["at"].take(), event["cause"].take());
        match lines.last_mut().filter(|line| line["cause"] == cause) {
            Some(line) => line["events"].as_array_mut().unwrap().push(event),
            None => lines.push(json!({"partition": 0, "offset": 1, "epoch": 1, "batch": 1, "at": at, "cause": cause,
                "workflow_id": page["workflow_id"], "run_id": page["run_id"], "events": [event]})),
        }
    }
    let attributes = json!({"target_partition": 3});
    let of_no_run = json!([{"seq": 0, "type": "InputForwarded", "attributes": attributes}]);
    lines.push(json!({"at": lines[0]["at"], "cause": lines[0]["cause"], "run_id": null, "workflow_id": null, "events": of_no_run}));
    lines.push(json!({"kind": "mark", "partition": 0, "offset": 9}));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn unchanged_code_does_what_history_says() {
    assert_eq!(replay(order, recorded().as_bytes()).unwrap(), 1);
    assert_eq!(replay(order, by_line(&recorded()).as_bytes()).unwrap(), 1);
    assert_eq!(replay(order, by_record(&recorded()).as_bytes()).unwrap(), 1);
}

#[test]
fn changed_code_is_found_with_both_sides() {
    let error = replay(order_changed, recorded().as_bytes()).unwrap_err();

    assert_eq!(error.error_type(), "sagaline.Nondeterminism");
    assert!(
        error.message().ends_with(
            "`w-1`, order 1.0.0: event 2 is to schedule activity reserve (number 1), the program now wants to schedule activity charge (number 1)"
        ),
        "{error}"
    );
}

#[test]
fn an_open_run_is_replayed_as_far_as_it_went() {
    let env = shop();
    env.fail(charge, 1, &down());
    let run = env.start(order(100));
    let history = run.history().to_json();

    assert_eq!(run.status(), "Running");
    assert_eq!(replay(order, history.as_bytes()).unwrap(), 1);
    assert!(replay(order_changed, history.as_bytes()).is_err());
}

#[workflow]
async fn both(cx: Context) -> Result<(String, u32)> {
    try_join!(cx.run(charge(1)), cx.run(reserve("tea")))
}

#[workflow(name = "both")]
async fn both_with_a_sorry(cx: Context) -> Result<(String, u32)> {
    match try_join!(cx.run(charge(1)), cx.run(reserve("tea"))) {
        Ok(both) => Ok(both),
        Err(error) => {
            cx.run(release(&7)).await?;
            Err(error)
        }
    }
}

#[test]
fn what_the_engine_asked_to_stop_when_a_run_failed_is_no_difference_and_what_the_program_wants_is()
{
    let env = shop();
    env.fail(charge, 1, &down().non_retryable());
    env.answers(reserve, [Answer::never()]);

    let run = env.start(both());
    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), "GatewayDown");
    let history = run.history();
    assert_eq!(history.count("ActivityCancelRequested"), 1);
    let history = history.to_json();
    assert_eq!(replay(both, history.as_bytes()).unwrap(), 1);
    let error = replay(both_with_a_sorry, history.as_bytes()).unwrap_err();
    assert_eq!(error.error_type(), "sagaline.Nondeterminism");
}

#[test]
fn a_version_that_is_not_here_is_missing_and_both_may_be() {
    let history = recorded();

    let missing = replay(order_of_tomorrow, history.as_bytes()).unwrap_err();
    let both = replay_all(&workflows![order, order_of_tomorrow], history.as_bytes());

    assert_eq!(missing.error_type(), "sagaline.DefinitionMissing");
    assert_eq!(both.unwrap(), 1);
}

#[test]
fn a_file_is_read_whole() {
    let path = std::env::temp_dir().join(format!("sagaline-replay-{}.json", std::process::id()));
    fs::write(&path, recorded()).unwrap();

    let replayed = replay_file(order, &path);
    fs::remove_file(&path).unwrap();

    assert_eq!(replayed.unwrap(), 1);
    assert_eq!(replay_file(order, &path).unwrap_err().error_type(), "Error");
}

#[workflow]
async fn another(_cx: Context) -> Result<()> {
    Ok(())
}

#[test]
fn what_is_no_history_of_the_workflow_is_refused() {
    let whole = recorded();
    let lines = by_line(&whole);
    let (first, rest) = lines.split_once('\n').unwrap();
    let (second, after) = rest.split_once('\n').unwrap();
    for (history, why) in [
        (String::new(), "the history has no run of order"),
        (
            "{\"events\": 7}".to_owned(),
            "object 1 of the history: invalid type",
        ),
        ("{}".to_owned(), "object 1 of the history: it is no event"),
        (rest.to_owned(), "lacks its first event"),
        (format!("{first}\n{after}"), "where event 2 is expected"),
        (
            first.replace("WorkflowStarted", "OrderShipped"),
            "no event has the name `OrderShipped`",
        ),
        (
            first.replace("run_id", "run"),
            "`workflow_id` or `run_id` is missing",
        ),
    ] {
        let error = replay(order, history.as_bytes()).unwrap_err();
        assert_eq!(error.error_type(), UNREADABLE);
        assert!(
            error.message().contains(why),
            "{error} is not: {why} ({second})"
        );
    }
    let error = replay(another, whole.as_bytes()).unwrap_err();
    assert_eq!(error.message(), "the history has no run of another");
}

/// One activity after the other.
#[workflow]
async fn two_charges(cx: Context) -> Result<()> {
    cx.run(charge(1)).await?;
    cx.run(charge(2)).await?;
    Ok(())
}

#[test]
fn a_run_that_was_ended_while_its_activity_was_under_way_does_what_its_history_says() {
    let never = || {
        let env = shop();
        env.answers(charge, [Answer::ok("paid".to_owned()), Answer::never()]);
        env
    };
    let timed_out =
        never().start_with(StartOptions::new().run_timeout(30.seconds()), two_charges());
    assert!(timed_out.result().is_err());
    assert_eq!(timed_out.status(), "TimedOut");
    let terminated = never().start(two_charges());
    terminated.terminate("enough");

    for run in [timed_out, terminated] {
        let history = run.history();
        assert_eq!(history.count("ActivityCancelRequested"), 1);
        let history = history.to_json();
        assert_eq!(replay(two_charges, history.as_bytes()).unwrap(), 1);
        // The same history, of a workflow that asks for one activity only.
        let error = replay(one_charge, history.as_bytes()).unwrap_err();
        assert_eq!(error.error_type(), "sagaline.Nondeterminism", "{error}");
    }
}

#[workflow(name = "two-charges")]
async fn one_charge(cx: Context) -> Result<()> {
    cx.run(charge(1)).await?;
    Ok(())
}
