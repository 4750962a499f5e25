//! Messages for a run: kept until they are asked for, taken once, in order.

use sagaline_sdk::{
    Signal, SignalOrTimeout,
    prelude::*,
    testing::{Answer, Env, Run, STUCK, replay},
};

use crate::{charge, release, reserve, shop, since_begin};

/// Charges first, then asks for so many signals of one name.
#[workflow]
async fn collect(cx: Context, count: usize) -> Result<Vec<u32>> {
    cx.run(charge(1)).await?;
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(cx.signal::<u32>("number").await?);
    }
    Ok(taken)
}

#[test]
fn a_signal_that_comes_before_it_is_asked_for_is_kept() {
    let env = shop();
    env.answers(charge, [Answer::ok("paid".to_owned()).after(30.seconds())]);
    let run = env.start(collect(2));

    run.signal("number", &1).unwrap();
    run.signal("number", &2).unwrap();
    assert_eq!(run.status(), "Running");

    assert_eq!(run.result().unwrap(), [1, 2]);
    assert_eq!(since_begin(env.now()), 30.seconds());
}

#[test]
fn signals_are_taken_in_the_order_in_which_they_came_and_others_are_left() {
    let run = shop().start(collect(3));

    run.signal("number", &3).unwrap();
    run.signal("another", &7).unwrap();
    run.signal("number", &1).unwrap();
    assert_eq!(run.status(), "Running", "it waits for a third");
    run.signal("number", &2).unwrap();

    assert_eq!(run.result().unwrap(), [3, 1, 2]);
    assert_eq!(run.history().count("SignalReceived"), 4);
}

#[test]
fn a_crash_loses_no_signal_and_gives_none_twice() {
    let env = shop();
    env.answers(charge, [Answer::ok("paid".to_owned()).after(30.seconds())]);
    let run = env.start(collect(4));

    run.signal("number", &1).unwrap();
    run.signal("number", &2).unwrap();
    env.crash();
    env.skip(1.minutes());
    run.signal("number", &3).unwrap();
    env.crash();
    run.signal("number", &4).unwrap();

    assert_eq!(run.result().unwrap(), [1, 2, 3, 4]);
}

#[test]
fn a_paused_run_takes_its_signals_once_it_is_resumed() {
    let env = shop();
    let run = env.start(collect(2));

    run.pause().unwrap();
    run.signal("number", &1).unwrap();
    run.signal("number", &2).unwrap();
    assert_eq!(run.status(), "Paused");
    run.resume().unwrap();

    assert_eq!(run.result().unwrap(), [1, 2]);
}

#[test]
fn a_run_that_waits_for_a_signal_says_so() {
    let env = shop();
    let run = env.start(collect(1));
    env.skip(14.minutes());

    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), STUCK);
    assert_eq!(run.waiting_for(), "Waiting for signal number for 14 min.");
    let described = run.describe();
    assert_eq!(described["situation"], "waiting");
    assert_eq!(described["waits"][0]["kind"], "signal");
    assert_eq!(described["waits"][0]["name"], "number");
}

/// What waits can be named, and so be returned.
fn picked_up(cx: &Context, hours: u64) -> SignalOrTimeout<String> {
    let signal: Signal<String> = cx.signal("picked-up");
    signal.timeout(hours.hours())
}

/// Reserves, then waits for the customer.
#[workflow]
async fn pickup(cx: Context, hours: u64) -> Result<Option<String>> {
    cx.run(reserve("tea")).compensate_with(release).await?;
    picked_up(&cx, hours).await
}

/// A pickup that has waited for an hour.
fn waiting(env: &Env) -> Run<Option<String>> {
    let run = env.start(pickup(2));
    env.skip(1.hours());
    run
}

#[test]
fn a_signal_in_time_wins_over_the_time_out() {
    let env = shop();
    let run = waiting(&env);
    assert_eq!(
        run.waiting_for(),
        "Waiting for signal picked-up for 1 h; gives up in 1 h."
    );

    run.signal("picked-up", "by ann").unwrap();

    assert_eq!(run.result().unwrap().as_deref(), Some("by ann"));
    assert_eq!(since_begin(env.now()), 1.hours());
    let history = run.history();
    assert_eq!(history.count("TimerCanceled"), 1, "nothing wakes it later");
    assert_eq!(history.count("TimerFired"), 0);
}

#[test]
fn without_a_signal_the_time_out_wins_and_a_later_one_is_nobodys() {
    let env = shop();
    let run = waiting(&env);

    env.skip(1.hours());
    run.signal("picked-up", "by ann").unwrap();

    assert_eq!(run.result().unwrap(), None);
    assert_eq!(since_begin(env.now()), 2.hours());
    assert_eq!(run.history().count("SignalReceived"), 0);
}

#[test]
fn a_cancelled_run_waits_no_longer_and_undoes_what_it_has_done() {
    let env = shop();
    let run = waiting(&env);

    run.cancel("sold out");
    let error = run.result().unwrap_err();

    assert!(error.is_canceled(), "{error}");
    assert_eq!(error.message(), "sold out");
    assert_eq!(since_begin(env.now()), 1.hours());
    assert_eq!(run.history().attempts(), ["reserve", "release"]);
}

#[test]
fn a_run_that_is_undone_waits_for_no_signal() {
    let env = shop();
    env.answers(release, [Answer::never()]);
    let run = waiting(&env);
    assert_eq!(run.describe()["waits"][0]["name"], "picked-up");

    run.cancel("sold out");

    let described = run.describe();
    assert_eq!(described["situation"], "compensating");
    assert_eq!(described["waits"], serde_json::json!([]));
}

/// Waits for a last word although it was asked to stop.
#[workflow]
async fn last_word(cx: Context) -> Result<String> {
    cx.shielded(cx.signal("word")).await
}

#[test]
fn a_shielded_wait_outlives_the_request_to_stop() {
    let run = shop().start(last_word());

    run.cancel("why");
    assert_eq!(run.status(), "Running");
    run.signal("word", "done").unwrap();

    assert_eq!(run.result().unwrap(), "done");
}

#[test]
fn a_signal_that_cannot_be_read_is_passed_over() {
    let run = shop().start(collect(2));

    run.signal("number", &1).unwrap();
    run.signal("number", "no number").unwrap();
    assert_eq!((run.status(), run.incidents().len()), ("Running", 0));
    run.signal("number", &2).unwrap();

    assert_eq!(run.result().unwrap(), [1, 2]);
}

#[test]
fn what_is_no_name_is_refused_before_it_is_sent() {
    let run = shop().start(collect(1));

    run.signal("", &1).unwrap_err();

    assert_eq!(run.history().count("SignalReceived"), 0);
}

/// Ends by itself, as if it had been asked to.
#[workflow]
async fn gives_up(cx: Context) -> Result<()> {
    cx.run(reserve("tea")).compensate_with(release).await?;
    match cx.signal::<()>("picked-up").timeout(2.hours()).await? {
        Some(()) => Ok(()),
        None => cx.cancel("nobody came"),
    }
}

#[test]
fn a_run_may_end_cancelled_by_itself_and_says_why() {
    let run = shop().start(gives_up());

    let error = run.result().unwrap_err();

    assert!(error.is_canceled(), "{error}");
    assert_eq!(error.message(), "nobody came");
    assert_eq!(run.status(), "Canceled");
    assert_eq!(run.history().attempts(), ["reserve", "release"]);
}

/// Takes whichever comes first; the other is still there for the second.
#[workflow]
async fn either(cx: Context) -> Result<(String, u32)> {
    let first = select! {
        yes = cx.signal::<u32>("yes") => format!("yes {}", yes?),
        no = cx.signal::<u32>("no") => format!("no {}", no?),
    };
    Ok((first, cx.signal("yes").await?))
}

#[test]
fn a_wait_that_lost_takes_no_signal() {
    let run = shop().start(either());

    run.signal("no", &1).unwrap();
    assert!(run.waiting_for().starts_with("Waiting for signal yes"));
    run.signal("yes", &2).unwrap();

    assert_eq!(run.result().unwrap(), ("no 1".to_owned(), 2));
}

#[workflow(name = "collect")]
async fn collect_renamed(cx: Context, count: usize) -> Result<Vec<u32>> {
    cx.run(charge(1)).await?;
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(cx.signal::<u32>("digit").await?);
    }
    Ok(taken)
}

#[test]
fn unchanged_code_takes_the_signals_of_a_history_again() {
    let run = shop().start(collect(2));
    run.signal("number", &1).unwrap();
    run.signal("number", &2).unwrap();
    run.result().unwrap();

    assert_eq!(
        replay(collect, run.history().to_json().as_bytes()).unwrap(),
        1
    );
}

#[test]
fn code_that_waits_for_another_name_is_found_once_history_went_on_by_the_signal() {
    let run = shop().start(collect(1));

    // What a run waits for is told to people and not compared.
    let waiting = run.history().to_json();
    assert_eq!(replay(collect_renamed, waiting.as_bytes()).unwrap(), 1);
    run.signal("number", &1).unwrap();
    let ended = run.history().to_json();
    let error = replay(collect_renamed, ended.as_bytes()).unwrap_err();

    assert_eq!(error.error_type(), "sagaline.Nondeterminism");
}
