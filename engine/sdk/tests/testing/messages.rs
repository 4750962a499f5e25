//! A run's state: changed by its signals in order, waited for, and told by queries, which change nothing.

use std::sync::Mutex;

use sagaline_sdk::{
    Context,
    prelude::*,
    testing::{Answer, Env, Run, replay},
};
use serde::{Deserialize, Serialize};

use crate::{charge, shop, since_begin};

/// What reviewers have said.
#[derive(Default)]
struct Review {
    item: String,
    verdicts: Vec<bool>,
    closed: bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    item: String,
    verdicts: Vec<bool>,
}

#[signal]
fn vote(review: &mut Review, approved: bool) {
    review.verdicts.push(approved);
}

#[signal(name = "close-now")]
fn close(review: &mut Review) {
    review.closed = true;
}

#[query]
fn state(review: &Review) -> Seen {
    Seen {
        item: review.item.clone(),
        verdicts: review.verdicts.clone(),
    }
}

#[query]
fn vote_of(review: &Review, reviewer: usize) -> Result<bool> {
    let vote = review.verdicts.get(reviewer).copied();
    vote.ok_or_else(|| Error::new("NoVote", format!("reviewer {reviewer} has not voted")))
}

#[query]
fn breaks(_: &Review) -> bool {
    panic!("as planned")
}

#[query]
fn long(_: &Review, bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Waits for two votes, or that somebody closes it.
#[workflow(signals(vote, close), queries(state, vote_of, breaks, long))]
async fn review(cx: Context<Review>, item: String) -> Result<Vec<bool>> {
    cx.with_mut(|review| review.item = item);
    cx.until(|review| review.verdicts.len() >= 2 || review.closed)
        .named("two votes")
        .await?;
    Ok(cx.with(|review| review.verdicts.clone()))
}

fn begun(env: &Env) -> Run<Vec<bool>> {
    env.start(review("tea".into()))
}

#[test]
fn a_condition_is_looked_at_when_a_signal_has_changed_the_state() {
    let env = shop();
    let run = begun(&env);
    env.skip(3.minutes());
    assert_eq!(run.waiting_for(), "Waiting for two votes for 3 min.");
    assert_eq!(run.describe()["waits"][0]["kind"], "condition");

    run.send(vote(true)).unwrap();
    assert_eq!(run.status(), "Running");
    run.signal("vote", &false).unwrap();

    assert_eq!(run.result().unwrap(), [true, false]);
    assert_eq!(run.history().count("SignalReceived"), 2);
}

#[test]
fn a_handler_has_the_name_that_its_attribute_says() {
    let run = begun(&shop());

    run.send(vote(true)).unwrap();
    run.signal("close", &()).unwrap();
    assert_eq!(run.status(), "Running", "that is no signal of its");
    run.signal("close-now", &()).unwrap();

    assert_eq!(run.result().unwrap(), [true]);
}

#[test]
fn a_query_tells_what_signals_have_done_and_leaves_no_event() {
    let run = begun(&shop());
    run.send(vote(true)).unwrap();
    let before = run.history().to_json();

    let seen = run.query(state()).unwrap();

    assert_eq!(
        seen,
        Seen {
            item: "tea".into(),
            verdicts: vec![true]
        }
    );
    assert!(run.query(vote_of(0)).unwrap());
    assert_eq!(run.history().to_json(), before);
    run.send(vote(false)).unwrap();
    assert_eq!(run.result().unwrap(), [true, false]);
}

#[test]
fn what_a_query_cannot_answer_is_an_error_and_the_run_is_unharmed() {
    let run = begun(&shop());
    run.send(vote(true)).unwrap();
    let fails = |error: Result<()>, error_type: &str, says: &str| {
        let error = error.unwrap_err();
        assert_eq!(error.error_type(), error_type, "{error}");
        assert!(error.message().contains(says), "{error}");
    };
    let ask = |name: &str| run.query(sagaline_sdk::call_query::<()>(name, &"x"));

    fails(run.query(vote_of(1)).map(drop), "NoVote", "reviewer 1");
    fails(
        run.query(breaks()).map(drop),
        "sagaline.Panic",
        "as planned",
    );
    fails(
        ask("unknown"),
        "sagaline.UnknownQuery",
        "no query unknown; known are: state, vote-of, breaks, long",
    );
    fails(
        ask("vote-of"),
        "sagaline.Undecodable",
        "input of query `vote-of`",
    );

    run.send(vote(false)).unwrap();
    assert_eq!(run.result().unwrap(), [true, false]);
    fails(run.query(state()).map(drop), "sagaline.Closed", "");
}

#[test]
fn a_signal_that_no_handler_understands_is_passed_over() {
    let run = begun(&shop());

    run.signal("vote", &"perhaps").unwrap();
    run.send(vote(true)).unwrap();
    run.send(vote(true)).unwrap();

    assert_eq!(run.result().unwrap(), [true, true]);
}

#[test]
fn a_crash_loses_nothing_of_the_state() {
    let env = shop();
    let run = begun(&env);
    run.send(vote(true)).unwrap();

    env.crash();

    assert_eq!(run.query(state()).unwrap().verdicts, [true]);
    env.crash();
    run.send(vote(false)).unwrap();
    assert_eq!(run.result().unwrap(), [true, false]);
    let history = run.history();
    replay(review, history.to_json().as_bytes()).unwrap();
}

/// A handler that keeps what it was given elsewhere, as it must not, can command something within a query.
#[derive(Default)]
struct Careless {
    context: Mutex<Option<Context>>,
    told: bool,
}

#[query]
fn commands(careless: &Careless) -> bool {
    let context = careless.context.lock().unwrap().clone().unwrap();
    let kept = context.side_effect("flag", || true).unwrap();
    assert!(kept && careless.told);
    kept
}

#[signal]
fn tell(careless: &mut Careless) {
    careless.told = true;
}

#[workflow(signals(tell), queries(commands))]
async fn careless(cx: Context<Careless>) -> Result<bool> {
    let stateless = cx.stateless();
    cx.with_mut(|state| *state.context.lock().unwrap() = Some(stateless));
    cx.until(|state| state.told).await?;
    cx.sleep(1.hours()).await?;
    cx.side_effect("flag", || false)
}

#[test]
fn a_query_that_commands_something_is_refused_and_its_run_goes_on_as_if_nobody_had_asked() {
    let run = shop().start(careless());
    run.send(tell()).unwrap();

    let error = run.query(commands()).unwrap_err();

    assert_eq!(error.error_type(), "sagaline.QueryChanged");
    assert!(!run.result().unwrap());
    assert_eq!(run.history().count("MarkerRecorded"), 1);
}

/// Gives up after an hour; a person is told what there is to answer.
#[workflow(signals(vote), queries(state))]
async fn hurried(cx: Context<Review>) -> Result<bool> {
    cx.until(|review| !review.verdicts.is_empty())
        .by(vote)
        .choice("Approve", &true)
        .choice("Refuse", &false)
        .timeout(1.hours())
        .await
}

#[test]
fn a_person_is_told_which_signal_a_condition_waits_for_and_what_there_is_to_answer() {
    let env = shop();
    let run = env.start(hurried());
    env.skip(10.minutes());

    assert_eq!(
        run.waiting_for(),
        "Waiting for signal vote for 10 min; gives up in 50 min."
    );
    let wait = &run.describe()["waits"][0];
    assert_eq!(wait["choices"][0]["label"], "Approve");
    assert_eq!(wait["choices"][1]["input"], false);
    run.send(vote(false)).unwrap();

    assert!(run.result().unwrap());
}

#[test]
fn a_condition_that_does_not_come_in_time_is_given_up() {
    let env = shop();
    let run = env.start(hurried());

    assert!(!run.result().unwrap());
    assert_eq!(since_begin(env.now()), 1.hours());
}

#[test]
fn a_condition_in_time_wins_over_the_time_out() {
    let env = shop();
    let run = env.start(hurried());
    env.skip(59.minutes());
    run.pause().unwrap();
    env.skip(2.minutes());
    run.send(vote(true)).unwrap();

    run.resume().unwrap();

    assert!(run.result().unwrap());
}

/// Waits for a vote, and once it is cancelled for another.
#[workflow(signals(vote))]
async fn stubborn(cx: Context<Review>) -> Result<usize> {
    let canceled = cx.until(|review| !review.verdicts.is_empty()).await;
    assert!(canceled.is_err_and(|error| error.is_canceled()));
    let again = cx.until(|_| false).await;
    assert!(again.is_err_and(|error| error.is_canceled()));
    let at_last = cx.until(|review| !review.verdicts.is_empty());
    cx.shielded(at_last).await?;
    Ok(cx.with(|review| review.verdicts.len()))
}

#[test]
fn a_wait_for_a_condition_ends_when_the_run_is_asked_to_stop_but_where_it_is_shielded() {
    let run = shop().start(stubborn());

    run.cancel("never mind");
    assert_eq!(run.status(), "Running");
    run.send(vote(true)).unwrap();

    assert_eq!(run.result().unwrap(), 1);
}

/// Two branches that work on one state; each changes what the other waits for.
#[workflow(queries(count))]
async fn ping_pong(cx: Context<u32>) -> Result<u32> {
    let side = async |odd: u32| -> Result<()> {
        while cx.with(|count| *count < 10) {
            cx.until(|count| count % 2 == odd).await?;
            cx.with_mut(|count| *count += 1);
        }
        Ok(())
    };
    try_join!(side(0), side(1))?;
    cx.run(charge(1)).await?;
    Ok(cx.with(|count| *count))
}

#[query]
fn count(count: &u32) -> u32 {
    *count
}

#[test]
fn branches_of_a_workflow_wait_for_each_other() {
    let env = shop();
    env.answers(charge, [Answer::ok("paid".to_owned()).after(1.minutes())]);
    let run = env.start(ping_pong());
    env.skip(30.seconds());

    assert_eq!(run.query(count()).unwrap(), 11);
    assert_eq!(run.result().unwrap(), 11);
}
