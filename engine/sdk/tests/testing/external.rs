//! Signals from one run to another.

use std::collections::VecDeque;

use sagaline_core::error_type;
use sagaline_sdk::{
    ExternalWorkflow, call_signal,
    prelude::*,
    testing::{Answer, Env, Run, StartOptions, replay},
};
use serde::{Deserialize, Serialize};

use crate::{charge, shop};

/// One at a time holds the resource, in the order in which they asked for it.
#[workflow]
async fn pool(cx: Context, turns: usize) -> Result<Vec<String>> {
    let (mut waiting, mut held) = (VecDeque::new(), Vec::new());
    while held.len() < turns {
        let wanted: Wanted = cx.signal("pool").await?;
        match wanted {
            Wanted::Acquire(who) => waiting.push_back(who),
            Wanted::Release => held.push(waiting.pop_front().unwrap_or_default()),
        }
        if let Some(next) = waiting.front() {
            let holder = cx.external_workflow(next);
            let acquired = holder.signal(call_signal("acquired", &()));
            acquired.send()?;
        }
    }
    Ok(held)
}

#[derive(Serialize, Deserialize)]
enum Wanted {
    Acquire(String),
    Release,
}

/// Charges while it holds the resource.
#[workflow]
async fn careful_order(cx: Context, cents: u32) -> Result<String> {
    let pool = cx.external_workflow("pool");
    let acquire = Wanted::Acquire(cx.workflow_id().to_string());
    pool.signal(call_signal("pool", &acquire)).await?;
    cx.signal::<()>("acquired").await?;
    let paid = cx.run(charge(cents)).await;
    pool.signal(call_signal("pool", &Wanted::Release)).await?;
    paid
}

fn named(id: &str) -> StartOptions {
    StartOptions::new().id(id)
}

#[test]
fn runs_take_turns_at_a_resource_that_another_run_keeps() {
    let env = shop();
    let minute = || Answer::ok("paid".to_owned()).after(1.minutes());
    env.answers(charge, [minute(), minute(), minute()]);
    let pool = env.start_with(named("pool"), pool(3));

    let orders: Vec<Run<String>> = (1..=3)
        .map(|cents| env.start_with(named(&format!("order/{cents}")), careful_order(cents)))
        .collect();
    let waits = orders[2].waiting_for();
    assert_eq!(waits, "Waiting for signal acquired for 0 s.");
    env.crash();

    for order in &orders {
        assert_eq!(order.result().unwrap(), "paid");
    }
    assert_eq!(pool.result().unwrap(), ["order/1", "order/2", "order/3"]);
    let history = orders[1].history();
    assert_eq!(history.count("ExternalSignalSent"), 2);
    assert_eq!(history.count("ExternalSignalDelivered"), 2);
    assert_eq!(pool.history().count("ExternalSignalDelivered"), 0);
    replay(careful_order, history.to_json().as_bytes()).unwrap();
}

/// Sends a signal to that workflow and says what comes of it.
#[workflow]
async fn sender(cx: Context, to: String) -> Result<String> {
    let sent = cx
        .external_workflow(to)
        .signal(call_signal("number", &7))
        .await;
    Ok(match sent {
        Ok(()) => "delivered".to_owned(),
        Err(error) => format!("{}: {}", error.error_type(), error.message()),
    })
}

#[workflow]
async fn taker(cx: Context) -> Result<u32> {
    cx.signal("number").await
}

#[test]
fn a_sender_that_waits_is_told_that_nobody_takes_its_signal() {
    let env = shop();
    let closed = env.start_with(named("closed"), taker());
    closed.signal("number", &1).unwrap();
    assert_eq!(closed.result().unwrap(), 1);

    let unknown = env.start(sender("unknown".to_owned()));
    let late = env.start(sender("closed".to_owned()));

    let not_found = "workflow `unknown`: signal number: workflow unknown is not known";
    assert_eq!(
        unknown.result().unwrap(),
        format!("{}: {not_found}", error_type::NOT_FOUND)
    );
    assert_eq!(
        late.result().unwrap(),
        format!(
            "{}: workflow `closed`: signal number: workflow closed is Completed",
            error_type::CLOSED
        )
    );
    assert_eq!(late.history().count("ExternalSignalFailed"), 1);
}

/// Sends without waiting, then charges.
#[workflow]
async fn hasty_sender(cx: Context, to: String) -> Result<String> {
    let to = cx.external_workflow(to);
    for number in 1..=3 {
        to.signal(call_signal("number", &number)).send()?;
    }
    cx.run(charge(1)).await
}

#[test]
fn a_sender_that_does_not_wait_is_told_nothing_and_its_history_tells_people() {
    let env = shop();
    env.answers(charge, [Answer::ok("paid 1".to_owned()).after(1.minutes())]);
    let run = env.start(hasty_sender("nobody".to_owned()));

    assert_eq!(run.result().unwrap(), "paid 1");
    let history = run.history();
    assert_eq!(history.count("ExternalSignalSent"), 3);
    assert_eq!(history.count("ExternalSignalFailed"), 3);
    replay(hasty_sender, history.to_json().as_bytes()).unwrap();
}

#[workflow]
async fn three(cx: Context) -> Result<Vec<u32>> {
    let mut taken = Vec::new();
    while taken.len() < 3 {
        taken.push(cx.signal("number").await?);
    }
    Ok(taken)
}

#[test]
fn signals_of_a_run_arrive_in_the_order_in_which_they_were_sent_with_who_sent_them() {
    let env = shop();
    let taker = env.start_with(named("taker"), three());
    let sender = env.start_with(named("sender"), hasty_sender("taker".to_owned()));

    assert_eq!(taker.result().unwrap(), [1, 2, 3]);
    let received = taker.history().to_json();
    assert!(
        received.contains("\"workflow_id\":\"sender\""),
        "{received}"
    );
    assert!(
        received.contains(&sender.run_id().to_string()),
        "{received}"
    );
}

/// Tells its child a number, again and again until nobody takes it.
#[workflow]
async fn parent(cx: Context) -> Result<(u32, String)> {
    let child = cx.child(taker()).id("taker").start();
    child.signal(call_signal("number", &7)).await?;
    let late = child.signal(call_signal("number", &8)).await;
    Ok((child.await?, late.unwrap_err().error_type().to_owned()))
}

#[test]
fn a_child_has_its_parents_signals_and_another_run_of_its_id_has_not() {
    let env = shop().workflows(workflows![taker]);
    let run = env.start(parent());

    let closed = error_type::CLOSED.to_owned();
    assert_eq!(run.result().unwrap(), (7, closed));

    // Its id is that of a run that is nobody's child.
    let env = shop().workflows(workflows![taker]);
    let other = env.start_with(named("taker"), taker());
    let run = env.start(parent());
    let error = run.result().unwrap_err();
    assert_eq!(error.error_type(), error_type::NOT_FOUND);
    assert_eq!(other.status(), "Running");
}

/// Waits for a signal to be there until it is asked to stop, and says so.
#[workflow]
async fn stopped(cx: Context) -> Result<()> {
    let external: ExternalWorkflow = cx.external_workflow("taker");
    cx.signal::<()>("go").await?;
    external.signal(call_signal("number", &1)).await
}

#[test]
fn a_run_that_was_asked_to_stop_sends_nothing_more() {
    let env = shop();
    let taker = env.start_with(named("taker"), taker());
    let run = env.start(stopped());

    run.cancel("enough");

    assert!(run.result().unwrap_err().is_canceled());
    assert_eq!(run.history().count("ExternalSignalSent"), 0);
    assert_eq!(taker.status(), "Running");
}

#[workflow]
async fn garbage(cx: Context, (to, name, bytes): (String, String, usize)) -> Result<()> {
    let input = "x".repeat(bytes);
    let to = cx.external_workflow(to);
    to.signal(call_signal(&name, &input)).await
}

#[test]
fn what_cannot_be_sent_is_refused_before_it_is_sent() {
    let env = Env::new();
    for (to, name, bytes, expected) in [
        ("", "number", 1, error_type::INVALID_INPUT),
        ("taker", "", 1, error_type::INVALID_INPUT),
        (
            "taker",
            "number",
            sagaline_core::PAYLOAD_BYTES_MAX,
            error_type::PAYLOAD_TOO_LARGE,
        ),
    ] {
        let run = env.start(garbage((to.to_owned(), name.to_owned(), bytes)));
        let error = run.result().unwrap_err();
        assert_eq!(error.error_type(), expected, "{error}");
        assert_eq!(run.history().count("ExternalSignalSent"), 0);
    }
}

#[test]
fn a_signal_to_the_run_itself_is_one_like_any() {
    let run = shop().start_with(named("me"), sender("me".to_owned()));
    assert_eq!(run.result().unwrap(), "delivered");
    assert_eq!(run.history().count("SignalReceived"), 1);
}
