//! Workflows that begin later, and workflows that are tried again.

use sagaline_sdk::{
    prelude::*,
    testing::{Answer, StartOptions},
};

use crate::{charge, down, order, release, reserve, shop, since_begin};

fn three_times() -> Retry {
    Retry::default()
        .initial_interval(1.minutes())
        .maximum_attempts(3)
        .jitter(0.0)
}

fn refused() -> Answer<String> {
    Answer::err(Error::new("Refused", "not today").non_retryable())
}

#[workflow]
async fn which(cx: Context) -> Result<u32> {
    cx.run(charge(1)).await.map_err(|_| down())?;
    Ok(cx.info().attempt)
}

#[test]
fn a_workflow_begins_when_it_is_to() {
    let env = shop();
    let options = StartOptions::new().start_delay(2.days());

    let run = env.start_with(options, order(7));

    assert_eq!(
        run.waiting_for(),
        "Starts at 3 January 2030, 00:00 UTC (2 days)."
    );
    assert_eq!(run.describe()["situation"], "waiting");
    assert_eq!(run.describe()["waiting_for"]["kind"], "timer");
    assert_eq!(env.attempts(reserve), 0);
    env.crash();
    assert_eq!(run.result().unwrap(), "paid 7");
    assert_eq!(since_begin(env.now()), 2.days());
}

#[test]
fn a_workflow_that_is_to_begin_later_can_be_cancelled_before() {
    let env = shop();
    let at = env.now().after(2.days());
    let run = env.start_with(StartOptions::new().start_at(at), order(7));

    run.cancel("changed my mind");

    assert!(run.result().unwrap_err().is_canceled());
    assert_eq!(since_begin(env.now()), 0.days());
    assert_eq!(env.attempts(reserve), 0);
}

#[test]
fn a_workflow_that_fails_undoes_what_it_did_and_is_tried_again() {
    let env = shop();
    let options = StartOptions::new().retry(three_times());
    env.answers(charge, [Answer::err(down().non_retryable())]);
    let run = env.start_with(options.clone(), which());
    assert_eq!(run.waiting_for(), "Attempt 2 of 3 starts in 1:00.");
    assert_eq!(run.describe()["retry"]["attempt"], 2);
    assert_eq!(run.result().unwrap(), 2);
    assert_eq!(run.histories().len(), 2);
    assert_eq!(since_begin(env.now()), 1.minutes());

    let env = shop();
    env.answers(charge, [refused(), refused()]);
    let run = env.start_with(options, order(7));
    let error = run.result().unwrap_err();

    // Its own word that no attempt shall follow holds for the workflow, too.
    assert_eq!(error.error_type(), "Refused");
    assert_eq!((run.histories().len(), env.attempts(release)), (1, 1));
}

#[test]
fn the_last_attempt_says_how_the_workflow_failed() {
    let env = shop();
    env.answers(charge, [refused(), refused(), refused()]);

    let run = env.start_with(StartOptions::new().retry(three_times()), which());

    assert_eq!(run.result().unwrap_err().error_type(), "GatewayDown");
    assert_eq!(run.histories().len(), 3);
    // A minute, then two.
    assert_eq!(since_begin(env.now()), 3.minutes());
    for history in run.histories() {
        assert_eq!(history.names().last(), Some(&"WorkflowFailed"));
    }
}

/// A child that is tried again, a day from now.
#[workflow]
async fn tomorrow(cx: Context) -> Result<u32> {
    let child = cx.child(which()).id("which").retry(three_times());
    child.start_delay(1.days()).await
}

#[test]
fn a_child_begins_later_and_its_parent_hears_of_its_last_attempt_alone() {
    let env = shop().workflows(workflows![which]);
    env.answers(charge, [refused(), refused()]);

    let run = env.start(tomorrow());

    assert_eq!(env.attempts(charge), 0);
    assert_eq!(run.result().unwrap(), 3);
    assert_eq!(since_begin(env.now()), 1.days() + 3.minutes());
    assert_eq!(run.history().count("ChildFailed"), 0);
}

/// A child with a policy that no workflow can have.
#[workflow]
async fn parked(cx: Context) -> Result<u32> {
    let retry = Retry::default().park_when_exhausted();
    cx.child(which()).retry(retry).await
}

#[test]
fn a_policy_that_a_workflow_cannot_have_is_refused_by_name() {
    let error = shop().start(parked()).result().unwrap_err();

    assert_eq!(error.error_type(), "sagaline.InvalidOptions");
    assert!(error.message().contains("on_exhausted is park"), "{error}");
}
