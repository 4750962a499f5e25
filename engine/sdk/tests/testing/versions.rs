//! Code that changes while runs are open, and what it says about them.

use sagaline_sdk::{
    Attribute, Attributes,
    prelude::*,
    testing::{Answer, Env, Run, replay},
};
use serde_json::json;

use crate::{charge, release, reserve, shop};

/// The order of before there was a change: it charges, and charges again a day later.
#[workflow(name = "twice")]
async fn twice(cx: Context, cents: u32) -> Result<String> {
    cx.run(charge(cents)).await?;
    cx.sleep(1.days()).await?;
    cx.run(charge(cents)).await
}

/// The same with a reservation first, and another before the second charge.
#[workflow(name = "twice")]
async fn twice_reserved(cx: Context, cents: u32) -> Result<String> {
    if cx.version("reserve-first", 0..=1) == 1 {
        cx.run(reserve("tea")).compensate_with(release).await?;
    }
    cx.run(charge(cents)).await?;
    cx.sleep(1.days()).await?;
    if cx.version("reserve-again", 0..=1) == 1 {
        cx.run(reserve("more tea")).compensate_with(release).await?;
    }
    cx.run(charge(cents)).await
}

/// The branches of before are gone.
#[workflow(name = "twice")]
async fn twice_without_branches(cx: Context, cents: u32) -> Result<String> {
    cx.run(reserve("tea")).compensate_with(release).await?;
    cx.run(charge(cents)).await?;
    cx.sleep(1.days()).await?;
    cx.run(reserve("more tea")).compensate_with(release).await?;
    cx.run(charge(cents)).await
}

/// The version of before is not supported any more, which is too early.
#[workflow(name = "twice")]
async fn twice_too_early(cx: Context, cents: u32) -> Result<String> {
    cx.version("reserve-first", 2..=3);
    cx.run(charge(cents)).await
}

/// Begins a run that has its first charge behind it.
fn first_charged<R>(env: &Env, run: &Run<R>) {
    env.skip(1.minutes());
    assert_eq!(run.status(), "Running");
}

#[test]
fn a_run_that_is_past_a_change_goes_on_as_it_began_and_meets_later_ones() {
    let env = shop();
    let run = env.start(twice(7));
    first_charged(&env, &run);

    env.deploy(workflows![twice_reserved]);
    run.result().unwrap();

    assert_eq!(run.history().attempts(), ["charge", "reserve", "charge"]);
    assert_eq!(run.history().count("MarkerRecorded"), 1);
}

#[test]
fn a_new_run_goes_by_the_newest_version_and_keeps_it() {
    let env = shop();
    env.workflows(workflows![twice_reserved]);
    let run = env.start(twice_reserved(7));
    first_charged(&env, &run);
    env.crash();

    run.result().unwrap();

    assert_eq!(
        run.history().attempts(),
        ["reserve", "charge", "reserve", "charge"]
    );
}

#[test]
fn once_no_run_needs_a_branch_it_goes_and_so_does_the_call() {
    let env = shop();
    let run = env.start(twice_reserved(7));
    first_charged(&env, &run);

    env.deploy(workflows![twice_without_branches]);
    run.result().unwrap();

    let history = run.history().to_json();
    assert_eq!(
        replay(twice_without_branches, history.as_bytes()).unwrap(),
        1
    );
    assert!(replay(twice, history.as_bytes()).is_err());
}

#[test]
fn a_version_whose_branch_is_gone_waits_for_code_that_has_it() {
    let env = shop();
    let run = env.start(twice_reserved(7));
    first_charged(&env, &run);

    env.deploy(workflows![twice_too_early]);
    let incident = run.wait_for_incident().unwrap();
    assert_eq!(incident.kind(), "nondeterminism");
    let text = "the run goes by version 1 of change `reserve-first`, the program has 2 to 3";
    assert!(incident.error().message().contains(text));

    env.deploy(workflows![twice_reserved]);
    incident.retry().unwrap();
    run.result().unwrap();
}

#[workflow(name = "twice", version = "2.0.0", upgrade = "auto")]
async fn twice_upgraded(cx: Context, cents: u32) -> Result<String> {
    if cx.version("reserve-first", 0..=1) == 1 {
        cx.run(reserve("tea")).compensate_with(release).await?;
    }
    cx.run(charge(cents)).await?;
    cx.sleep(1.days()).await?;
    cx.run(charge(cents + 1)).await
}

#[workflow(name = "twice", version = "2.0.0")]
async fn twice_pinned(cx: Context, cents: u32) -> Result<String> {
    cx.run(charge(cents)).await
}

#[test]
fn runs_keep_their_version_unless_the_newest_takes_over() {
    let begun = || {
        let env = shop();
        let run = env.start(twice(7));
        first_charged(&env, &run);
        (env, run)
    };

    let (env, run) = begun();
    env.deploy(workflows![twice, twice_pinned]);
    assert_eq!(run.result().unwrap(), "paid 7");
    let (env, run) = begun();
    env.deploy(workflows![twice_upgraded]);
    assert_eq!(run.result().unwrap(), "paid 8");
    assert_eq!(run.describe()["version"], "1.0.0");
}

/// Says what it does, and forgets what it said before.
#[workflow]
async fn told(cx: Context) -> Result<String> {
    cx.upsert_attributes(&json!({"state": "charging", "tries": 1}))?;
    cx.upsert_memo(&json!({"note": "by hand"}))?;
    let paid = cx.run(charge(7)).await?;
    cx.upsert_attributes(&json!({"state": "paid", "tries": null}))?;
    Ok(paid)
}

#[test]
fn what_a_workflow_says_about_its_run_is_seen() {
    let env = shop();
    env.answers(charge, [Answer::ok("paid".to_owned()).after(1.minutes())]);
    let run = env.start(told());
    env.skip(1.seconds());

    let before = run.describe();
    run.result().unwrap();
    let after = run.describe();

    let charging = json!({"state": "charging", "tries": 1});
    assert_eq!(before["attributes"], charging);
    assert_eq!(before["memo"], json!({"note": "by hand"}));
    assert_eq!(after["attributes"], json!({"state": "paid"}));
    assert_eq!(run.history().count("AttributesUpserted"), 3);
    let history = run.history().to_json();
    assert_eq!(replay(told, history.as_bytes()).unwrap(), 1);
}

const REGION: Attribute<String> = Attribute::new("region");
const TRIES: Attribute<u32> = Attribute::new("tries");

#[workflow]
async fn typed_child(_cx: Context) -> Result<()> {
    Ok(())
}

#[workflow]
async fn typed(cx: Context) -> Result<()> {
    let at_first = Attributes::new().set(&REGION, "eu").set(&TRIES, 1_u32);
    cx.upsert_attributes(&at_first)?;
    let of_child = Attributes::new().set(&TRIES, 7_u32).set(&REGION, "us");
    cx.child(typed_child())
        .id("typed-child")
        .attributes(of_child)
        .await?;
    cx.upsert_attributes(&Attributes::new().set(&TRIES, 2_u32).unset(&REGION))
}

#[test]
fn an_attribute_has_a_type_wherever_a_run_is_given_it() {
    let env = shop().workflows(workflows![typed_child]);
    let run = env.start(typed());
    run.result().unwrap();

    assert_eq!(run.describe()["attributes"], json!({"tries": 2}));
    let child = env.run::<()>("typed-child").unwrap();
    let given = json!({"region": "us", "tries": 7});
    assert_eq!(child.describe()["attributes"], given);
}

#[workflow]
async fn mistold(cx: Context) -> Result<()> {
    cx.upsert_attributes(&json!({"a b": 1}))
}

#[workflow]
async fn overtold(cx: Context) -> Result<()> {
    let large = "x".repeat(10_000);
    cx.upsert_attributes(&json!({"a": large}))?;
    cx.upsert_attributes(&json!({"b": large}))
}

#[test]
fn attributes_that_cannot_be_are_an_error_and_too_many_an_incident() {
    let error = shop().start(mistold()).result().unwrap_err();
    assert_eq!(error.error_type(), "sagaline.InvalidOptions");

    let incident = shop().start(overtold()).wait_for_incident().unwrap();
    assert_eq!(incident.kind(), "limit");
}
