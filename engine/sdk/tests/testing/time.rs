//! Virtual time: it passes when nothing else is left to do, and no faster.

use std::{cell::RefCell, rc::Rc};

use sagaline_sdk::{
    prelude::*,
    testing::{Answer, Env, LIMIT, STUCK, StartOptions},
};

use crate::{charge, down, order, reserve, shop, since_begin};

#[test]
fn a_failed_attempt_is_made_again_after_its_backoff() {
    let env = shop();
    env.fail(charge, 3, &down());

    let run = env.start(order(100));

    assert_eq!(run.status(), "Running");
    assert_eq!(
        run.waiting_for(),
        "charge failed once (GatewayDown: connection refused). Attempt 2 of 4 starts in 0:01."
    );
    assert_eq!(run.result().unwrap(), "paid 100");
    let sent = run.history().times("ActivityAttemptScheduled");
    let sent: Vec<u64> = sent
        .into_iter()
        .map(|at| since_begin(at).as_secs())
        .collect();
    assert_eq!(sent, [0, 0, 1, 3, 7]);
    assert_eq!(run.status(), "Completed");
}

#[workflow]
async fn three(cx: Context) -> Result<u32> {
    let one = |item| cx.run(reserve(item)).start_to_close(1.days());
    let (a, b, c) = try_join!(one("a"), one("bb"), one("ccc"))?;
    Ok(a + b + c)
}

#[test]
fn activities_that_take_time_overlap() {
    let env = Env::new();
    let hours = [3, 1, 2];
    env.answers(reserve, hours.map(|n| Answer::ok(1).after(n.hours())));

    let run = env.start(three());

    assert_eq!(run.result().unwrap(), 3);
    assert_eq!(since_begin(env.now()), 3.hours());
    let done = run.history().times("ActivityCompleted");
    let done: Vec<_> = done.into_iter().map(since_begin).collect();
    assert_eq!(done, [1.hours(), 2.hours(), 3.hours()]);
}

#[activity]
async fn dawdle() -> Result<()> {
    tokio::time::sleep(20.seconds()).await;
    Ok(())
}

#[activity]
async fn dawdle_for_ever() -> Result<()> {
    loop {
        tokio::time::sleep(1.seconds()).await;
    }
}

#[workflow]
async fn waits(cx: Context, for_ever: bool) -> Result<()> {
    match for_ever {
        true => cx.run(dawdle_for_ever()).retry(Retry::never()).await,
        false => cx.run(dawdle()).await,
    }
}

#[test]
fn what_an_activity_sleeps_by_tokios_clock_is_virtual_time() {
    let env = Env::new().activities(activities![dawdle, dawdle_for_ever]);

    env.start(waits(false)).result().unwrap();
    let slept = since_begin(env.now());
    let error = env.start(waits(true)).result().unwrap_err();

    assert_eq!(slept, 20.seconds());
    assert_eq!(error.error_type(), "sagaline.Timeout.StartToClose");
    assert_eq!(since_begin(env.now()), slept + 60.seconds());
}

#[activity]
async fn approve(cx: ActivityContext) -> Result<bool> {
    cx.complete_later()
}

#[workflow]
async fn waits_for_approval(cx: Context) -> Result<bool> {
    let once = cx.run(approve()).retry(Retry::never());
    once.start_to_close(7.days()).await
}

#[test]
fn an_activity_that_is_completed_later_has_the_time_that_it_may_take() {
    let env = Env::new().activities(activities![approve]);

    let run = env.start(waits_for_approval());
    env.skip(6.days());
    assert_eq!(run.status(), "Running");
    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), "sagaline.Timeout.StartToClose");
    assert_eq!(since_begin(env.now()), 7.days());
}

#[workflow]
async fn hourly(cx: Context, hours: u32) -> Result<u32> {
    for _ in 0..hours {
        cx.sleep(1.hours()).await?;
        cx.run(charge(1)).await?;
    }
    Ok(hours)
}

#[test]
fn skip_fires_what_is_due_within_the_span_and_nothing_else() {
    let instants = Rc::new(RefCell::new(Vec::new()));
    let env = Env::new();
    let (clock, seen) = (env.clone(), Rc::clone(&instants));
    env.mock(charge, move |cents: u32| {
        seen.borrow_mut().push(since_begin(clock.now()));
        Ok(cents.to_string())
    });

    let run = env.start(hourly(10));
    env.skip(150.minutes());

    assert_eq!(*instants.borrow(), [1.hours(), 2.hours()]);
    assert_eq!(since_begin(env.now()), 150.minutes());
    assert_eq!(env.attempts(charge), 2);
    assert_eq!(run.result().unwrap(), 10);
    assert_eq!(since_begin(env.now()), 10.hours());
}

#[test]
fn a_year_of_hours_passes_too() {
    let env = shop();

    let run = env.start(hourly(365 * 24));

    assert_eq!(run.result().unwrap(), 365 * 24);
    assert_eq!(since_begin(env.now()), 365.days());
}

#[test]
fn a_run_that_waits_for_nothing_that_could_come_says_what_it_waits_for() {
    let env = shop();
    env.answers(charge, [Answer::not_taken()]);

    let run = env.start(order(100));
    env.skip(5.minutes());
    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), STUCK);
    assert_eq!(
        error.message(),
        "nothing more happens by itself: charge has waited 5 min in queue payments: no worker reads it."
    );
}

#[test]
fn a_run_that_does_not_end_is_left_after_a_number_of_steps() {
    let env = shop().steps_max(100);
    let run = env.start(hourly(1_000));

    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), LIMIT);
    assert!(
        error.message().starts_with("not done after 100 steps: "),
        "{error}"
    );
}

#[test]
fn a_run_over_its_own_time_is_undone_and_timed_out() {
    let env = shop();
    env.answers(charge, [Answer::never()]);
    let options = StartOptions::new().id("o-1").run_timeout(30.seconds());

    let run = env.start_with(options, order(100));
    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), "sagaline.Timeout.Run");
    assert_eq!((run.workflow_id(), run.status()), ("o-1", "TimedOut"));
    assert_eq!(run.history().attempts(), ["reserve", "charge", "release"]);
}
