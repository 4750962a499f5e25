//! Updates: refused before they change anything, or taken once and answered.

use sagaline_core::error_type;
use sagaline_sdk::{
    call_update,
    prelude::*,
    testing::{Answer, Env, Run, STUCK, StartOptions, replay},
};

use crate::{charge, down, order, release, shop, since_begin};

/// Something that is delivered to an address.
#[derive(Debug, Default)]
struct Parcel {
    address: String,
    changes: Vec<String>,
    sent: bool,
}

fn check_address(parcel: &Parcel, to: &String) -> Result<()> {
    if parcel.sent {
        return Err(Error::new("TooLate", "the parcel is on its way"));
    }
    if to.is_empty() {
        return Err(Error::new("NoAddress", "an address is not empty"));
    }
    assert!(to != "panic", "as planned");
    Ok(())
}

#[update(validate = check_address)]
fn change_address(parcel: &mut Parcel, to: String) -> Result<usize> {
    parcel.address.clone_from(&to);
    parcel.changes.push(to);
    Ok(parcel.changes.len())
}

#[update]
fn fail(_: &mut Parcel) -> Result<()> {
    Err(Error::new("Never", "as planned").with_details(&7))
}

/// Pays, and says so in the state.
#[update(name = "insure")]
async fn buy_insurance(cx: Context<Parcel>, cents: u32) -> Result<String> {
    let paid = cx.run(charge(cents)).await?;
    cx.with_mut(|parcel| parcel.changes.push(paid.clone()));
    Ok(paid)
}

#[update]
async fn wait_until_sent(cx: Context<Parcel>) -> Result<String> {
    cx.until(|parcel| parcel.sent).await?;
    cx.sleep(1.hours()).await?;
    Ok("arrived".to_owned())
}

#[signal]
fn send(parcel: &mut Parcel) {
    parcel.sent = true;
}

#[query]
fn changes(parcel: &Parcel) -> Vec<String> {
    parcel.changes.clone()
}

/// Waits until it is sent, and then for a day.
#[workflow(
    signals(send),
    queries(changes),
    updates(change_address, fail, buy_insurance, wait_until_sent)
)]
async fn parcel(cx: Context<Parcel>, address: String) -> Result<String> {
    cx.with_mut(|parcel| parcel.address = address);
    cx.until(|parcel| parcel.sent).await?;
    cx.sleep(1.days()).await?;
    Ok(cx.with(|parcel| parcel.address.clone()))
}

fn begun(env: &Env) -> Run<String> {
    env.start(parcel("here".into()))
}

#[test]
fn an_update_changes_the_state_and_answers() {
    let run = begun(&shop());

    assert_eq!(run.update(change_address("there".into())).unwrap(), 1);
    assert_eq!(run.update(change_address("home".into())).unwrap(), 2);

    run.send(send()).unwrap();
    assert_eq!(run.result().unwrap(), "home");
    assert_eq!(run.history().count("UpdateAccepted"), 2);
    assert_eq!(run.history().count("UpdateCompleted"), 2);
    replay(parcel, run.history().to_json().as_bytes()).unwrap();
}

#[test]
fn a_repeat_of_an_update_is_not_done_again() {
    let run = begun(&shop());
    let first = run.begin_update(change_address("there".into())).unwrap();

    first.repeat(&"elsewhere").unwrap();

    assert_eq!(first.result().unwrap(), 1);
    assert_eq!(run.query(changes()).unwrap(), ["there"]);
    assert_eq!(run.history().count("UpdateAccepted"), 1);
}

#[test]
fn an_update_that_its_validator_refuses_changes_nothing_and_stays_refused() {
    let run = begun(&shop());

    let empty = run.update(change_address(String::new())).unwrap_err();
    let panics = run.update(change_address("panic".into())).unwrap_err();
    let unknown = run.update(call_update::<()>("unknown", &())).unwrap_err();
    let wrong = run
        .update(call_update::<()>("change-address", &7))
        .unwrap_err();

    assert_eq!(empty.error_type(), "NoAddress");
    assert_eq!(panics.error_type(), "sagaline.Panic");
    assert_eq!(unknown.error_type(), "sagaline.UnknownUpdate");
    assert_eq!(wrong.error_type(), "sagaline.Undecodable");
    assert_eq!(run.query(changes()).unwrap(), [""; 0]);
    assert_eq!(run.history().count("UpdateRejected"), 4);
    assert_eq!(run.history().count("UpdateAccepted"), 0);
    run.send(send()).unwrap();
    let late = run.update(change_address("there".into())).unwrap_err();
    assert_eq!(late.error_type(), "TooLate");
    assert_eq!(run.result().unwrap(), "here");
}

#[test]
fn an_update_may_fail_and_the_run_goes_on() {
    let run = begun(&shop());

    let error = run.update(fail()).unwrap_err();

    assert_eq!((error.error_type(), error.details()), ("Never", Some(7)));
    assert_eq!(run.history().count("UpdateCompleted"), 1);
    run.send(send()).unwrap();
    assert_eq!(run.result().unwrap(), "here");
}

#[test]
fn an_update_may_run_activities_while_others_are_taken() {
    let env = shop();
    env.answers(charge, [Answer::ok("paid".to_owned()).after(30.seconds())]);
    let run = begun(&env);

    let insured = run.begin_update(buy_insurance(300)).unwrap();
    assert!(insured.is_pending());
    assert_eq!(run.update(change_address("there".into())).unwrap(), 1);
    assert!(insured.is_pending());

    assert_eq!(insured.result().unwrap(), "paid");
    assert_eq!(since_begin(env.now()), 30.seconds());
    assert_eq!(run.query(changes()).unwrap(), ["there", "paid"]);
    insured.repeat(&300).unwrap();
    assert_eq!(env.attempts(charge), 1);
    run.send(send()).unwrap();
    assert_eq!(run.result().unwrap(), "there");
    replay(parcel, run.history().to_json().as_bytes()).unwrap();
}

#[test]
fn an_update_may_wait_for_what_a_signal_brings_and_then_for_time() {
    let env = shop();
    let run = begun(&env);
    let arrives = run.begin_update(wait_until_sent()).unwrap();
    let stuck = arrives.result().unwrap_err();
    assert_eq!(stuck.error_type(), STUCK);

    run.send(send()).unwrap();

    assert_eq!(arrives.result().unwrap(), "arrived");
    assert_eq!(since_begin(env.now()), 1.hours());
    assert_eq!(run.result().unwrap(), "here");
    assert_eq!(since_begin(env.now()), 1.days());
}

#[test]
fn updates_that_are_under_way_when_a_run_ends_have_failed() {
    let run = begun(&shop());
    let arrives = run.begin_update(wait_until_sent()).unwrap();

    run.terminate("enough");

    assert_eq!(
        arrives.result().unwrap_err().error_type(),
        error_type::CLOSED
    );
}

#[test]
fn a_workflow_that_returns_leaves_the_timers_of_its_updates_behind() {
    let env = shop();
    let run = env.start(brief());
    let arrives = run.begin_update(wait_until_sent()).unwrap();

    run.send(send()).unwrap();

    run.result().unwrap();
    assert_eq!(
        arrives.result().unwrap_err().error_type(),
        error_type::CLOSED
    );
    replay(brief, run.history().to_json().as_bytes()).unwrap();
}

/// Ends while an update still sleeps.
#[workflow(signals(send), updates(wait_until_sent))]
async fn brief(cx: Context<Parcel>) -> Result<()> {
    cx.until(|parcel| parcel.sent).await?;
    cx.sleep(1.minutes()).await
}

#[test]
fn a_paused_run_takes_updates_and_does_them_once_it_is_resumed() {
    let run = begun(&shop());
    run.pause().unwrap();

    let there = run.begin_update(change_address("there".into())).unwrap();
    assert!(there.is_pending());
    assert_eq!(run.query(changes()).unwrap(), [""; 0]);
    run.resume().unwrap();

    assert_eq!(there.result().unwrap(), 1);
}

#[test]
fn a_run_that_waits_for_a_person_takes_no_updates() {
    let run = shop().start(broken());

    let blocked = run.update(change_address("there".into())).unwrap_err();

    assert_eq!(blocked.error_type(), error_type::BLOCKED);
    assert!(blocked.message().contains("as planned"), "{blocked}");
    assert_eq!(run.history().count("UpdateRejected"), 0);
}

#[test]
fn a_run_whose_end_is_fixed_takes_no_updates() {
    let env = shop();
    env.answers(release, [Answer::ok(()).after(1.hours())]);
    env.fail(charge, 1, &down().non_retryable());
    let run = env.start(order(7));
    env.skip(1.minutes());
    assert_eq!(run.describe()["situation"], "compensating");

    let fixed = run.update(change_address("there".into())).unwrap_err();

    assert_eq!(fixed.error_type(), error_type::CLOSED);
    assert_eq!(run.result().unwrap_err().error_type(), "GatewayDown");
}

/// Panics at once.
#[workflow(updates(change_address))]
async fn broken(_cx: Context<Parcel>) -> Result<()> {
    panic!("as planned")
}

#[test]
fn updates_hear_that_their_run_is_asked_to_stop() {
    let env = shop();
    env.answers(charge, [Answer::ok("paid".to_owned()).after(30.seconds())]);
    let run = begun(&env);
    let insured = run.begin_update(buy_insurance(300)).unwrap();

    run.cancel("never mind");

    assert!(run.result().unwrap_err().is_canceled());
    assert!(!insured.is_pending());
}

fn parcel_id() -> StartOptions {
    StartOptions::new().id("parcel-1")
}

#[test]
fn an_update_with_start_is_done_by_the_run_that_it_starts_or_by_the_one_that_is_open() {
    let env = shop();

    let (run, first) = env.update_with_start(
        parcel_id(),
        parcel("here".into()),
        change_address("there".into()),
    );
    let (same, second) = env.update_with_start(
        parcel_id(),
        parcel("x".into()),
        change_address("home".into()),
    );

    assert_eq!(first.unwrap().result().unwrap(), 1);
    assert_eq!(second.unwrap().result().unwrap(), 2);
    assert_eq!(run.run_id(), same.run_id());
    assert_eq!(run.query(changes()).unwrap(), ["there", "home"]);
    run.send(send()).unwrap();
    assert_eq!(run.result().unwrap(), "home");
    replay(parcel, run.history().to_json().as_bytes()).unwrap();
}

#[test]
fn an_update_with_start_that_is_refused_still_starts_the_run() {
    let env = shop();

    let (run, refused) = env.update_with_start(
        parcel_id(),
        parcel("here".into()),
        change_address(String::new()),
    );

    assert_eq!(refused.unwrap_err().error_type(), "NoAddress");
    assert_eq!(
        run.history().names()[..2],
        ["WorkflowStarted", "UpdateRejected"]
    );
    run.send(send()).unwrap();
    assert_eq!(run.result().unwrap(), "here");
}

#[test]
fn an_update_with_the_start_of_a_run_that_breaks_is_refused() {
    let env = shop();

    let (run, refused) =
        env.update_with_start(parcel_id(), broken(), change_address("there".into()));

    assert_eq!(refused.unwrap_err().error_type(), error_type::BLOCKED);
    assert_eq!(run.describe()["situation"], "incident");
}

#[test]
fn a_signal_with_start_reaches_the_run_that_it_starts_or_the_one_that_is_open() {
    let env = shop();

    let run = env.signal_with_start(parcel_id(), parcel("here".into()), send());
    let same = env.signal_with_start(parcel_id(), parcel("x".into()), send());

    assert_eq!(run.run_id(), same.run_id());
    assert_eq!(run.history().count("SignalReceived"), 2);
    assert_eq!(run.result().unwrap(), "here");
    assert_eq!(since_begin(env.now()), 1.days());
    replay(parcel, run.history().to_json().as_bytes()).unwrap();
}

/// Pays, and is told then; the workflow ends with that.
#[update]
async fn until_paid(cx: Context<Parcel>) -> Result<String> {
    cx.until(|parcel| parcel.sent).await?;
    Ok("paid".to_owned())
}

#[workflow(updates(until_paid))]
async fn paid(cx: Context<Parcel>, fails: bool) -> Result<()> {
    cx.run(charge(1)).await?;
    cx.with_mut(|parcel| parcel.sent = true);
    match fails {
        true => Err(Error::new("Never", "as planned")),
        false => Ok(()),
    }
}

#[test]
fn an_update_that_waits_for_what_the_workflow_does_last_is_answered_before_the_run_ends() {
    for fails in [false, true] {
        let env = shop();
        env.answers(charge, [Answer::ok("paid".to_owned()).after(1.minutes())]);
        let run = env.start(paid(fails));
        let update = run.begin_update(until_paid()).unwrap();

        assert_eq!(run.result().is_err(), fails);
        assert_eq!(update.result().unwrap(), "paid");
        replay(paid, run.history().to_json().as_bytes()).unwrap();
    }
}
