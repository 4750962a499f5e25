//! Workflows that go on in a new run, with a history of its own.

use sagaline_sdk::{
    prelude::*,
    testing::{Answer, replay_all},
};
use serde::{Deserialize, Serialize};

use crate::{charge, release, reserve, shop};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Billing {
    months: u32,
    paid: Vec<String>,
}

/// A bill each month, each in a run of its own.
#[workflow]
async fn billing(cx: Context, mut billing: Billing) -> Result<Vec<String>> {
    billing.paid.push(cx.run(charge(billing.months)).await?);
    billing.months -= 1;
    if billing.months == 0 {
        return Ok(billing.paid);
    }
    cx.sleep(30.days()).await?;
    cx.continue_as_new(&billing)
}

fn months(months: u32) -> Billing {
    let paid = Vec::new();
    Billing { months, paid }
}

#[test]
fn the_result_of_a_chain_is_that_of_its_last_run() {
    let run = shop().start(billing(months(3)));
    let first = run.run_id();

    assert_eq!(run.result().unwrap(), ["paid 3", "paid 2", "paid 1"]);

    let described = run.describe();
    let histories = run.histories();
    assert_eq!(histories.len(), 3);
    assert_eq!(described["first_run_id"], first.to_string());
    assert_eq!(
        described["continued_from"],
        histories[1].run_id().to_string()
    );
    assert_eq!(histories[0].count("WorkflowContinuedAsNew"), 1);
    assert_eq!(histories[2].names().last(), Some(&"WorkflowCompleted"));
    assert_ne!(run.run_id(), first);
}

#[test]
fn each_run_of_a_chain_replays_from_its_own_history() {
    let env = shop();
    let run = env.start(billing(months(3)));
    run.result().unwrap();

    let workflows = workflows![billing];
    for history in run.histories() {
        let printed = history.to_json();
        assert_eq!(replay_all(&workflows, printed.as_bytes()).unwrap(), 1);
    }
}

#[test]
fn a_crash_between_two_runs_changes_nothing() {
    let env = shop();
    let run = env.start(billing(months(4)));

    for _ in 0..4 {
        env.crash();
        env.skip(20.days());
    }

    assert_eq!(run.result().unwrap().len(), 4);
}

/// Takes signals for as long as one history may be, and goes on.
#[workflow]
async fn counter(cx: Context, mut total: u64) -> Result<u64> {
    while !cx.is_continue_as_new_suggested() {
        match cx.signal::<u64>("add").await? {
            0 => return Ok(total),
            more => total += more,
        }
    }
    cx.continue_as_new(&total)
}

#[test]
fn a_counter_takes_more_signals_than_one_history_may_have() {
    let env = shop();
    let run = env.start(counter(0));

    for _ in 0..10_000 {
        run.signal("add", &1).unwrap();
    }
    run.signal("add", &0).unwrap();

    assert_eq!(run.result().unwrap(), 10_000);
    assert_eq!(run.histories().len(), 3);
    for history in run.histories() {
        assert!(history.names().len() < 4_100, "{}", history.names().len());
    }
}

/// Goes on before it has taken what came.
#[workflow]
async fn slow(cx: Context, round: u32) -> Result<Vec<u32>> {
    if round == 0 {
        cx.sleep(1.minutes()).await?;
        return cx.continue_as_new(&1);
    }
    let mut taken = Vec::new();
    for name in ["a", "b", "a"] {
        taken.push(cx.signal(name).await?);
    }
    Ok(taken)
}

#[test]
fn signals_that_were_not_taken_come_to_the_next_run_in_their_order() {
    let run = shop().start(slow(0));
    for (name, number) in [("b", 1), ("a", 2), ("a", 3)] {
        run.signal(name, &number).unwrap();
    }

    assert_eq!(run.result().unwrap(), [2, 1, 3]);
    let history = run.history();
    assert_eq!(
        history.names()[..4],
        [
            "WorkflowStarted",
            "SignalReceived",
            "SignalReceived",
            "SignalReceived"
        ]
    );
}

/// Reserves in its first run, and fails in its second.
#[workflow]
async fn two_part(cx: Context, part: u32) -> Result<String> {
    if part == 1 {
        cx.run(reserve("tea")).compensate_with(release).await?;
        return cx.continue_as_new(&2);
    }
    cx.run(charge(1)).retry(Retry::never()).await
}

#[test]
fn what_the_first_run_has_done_is_undone_when_the_second_fails() {
    let env = shop();
    env.answers(
        charge,
        [Answer::err(Error::new("Declined", "no").non_retryable())],
    );
    let run = env.start(two_part(1));

    assert_eq!(run.result().unwrap_err().error_type(), "Declined");
    assert_eq!(run.history().attempts(), ["charge", "release"]);
}

/// Asks for a run that it could not begin.
#[workflow]
async fn mistaken(cx: Context, _number: u32) -> Result<()> {
    cx.sleep(1.seconds()).await?;
    cx.continue_as_new("seven")
}

#[test]
fn an_input_that_is_none_of_the_workflow_fails_the_run_that_gives_it() {
    let run = shop().start(mistaken(1));

    let error = run.result().unwrap_err();
    assert!(error.message().contains("to continue as new"), "{error}");
    assert_eq!(run.histories().len(), 1);
}

/// Leaves an activity under way.
#[workflow]
async fn impatient(cx: Context, round: u32) -> Result<u32> {
    if round == 1 {
        return Ok(round);
    }
    let left = cx.run(charge(1)).start();
    cx.sleep(1.seconds()).await?;
    drop(left);
    cx.continue_as_new(&1)
}

#[test]
fn an_activity_that_is_left_under_way_is_asked_to_stop() {
    let env = shop();
    env.answers(charge, [Answer::ok("paid".to_owned()).after(1.hours())]);
    let run = env.start(impatient(0));

    assert_eq!(run.result().unwrap(), 1);
    assert_eq!(run.histories()[0].count("ActivityCancelRequested"), 1);
}

/// Is asked to stop in one run, and stops in the next.
#[workflow]
async fn stubborn(cx: Context, round: u32) -> Result<bool> {
    if round == 0 {
        cx.shielded(cx.sleep(1.minutes())).await?;
        return cx.continue_as_new(&1);
    }
    Ok(cx.is_cancel_requested())
}

#[test]
fn a_request_to_stop_reaches_the_run_that_goes_on() {
    let run = shop().start(stubborn(0));
    run.cancel("enough");

    assert!(run.result().unwrap());
    assert_eq!(run.history().count("WorkflowCancelRequested"), 1);
}
