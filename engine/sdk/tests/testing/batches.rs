//! Batches: what they do is begun once all is told, counted, paced, carried from run to run, and stopped.

use std::{cell::RefCell, rc::Rc, time::Duration};

use sagaline_sdk::{
    Payload,
    batch::{Batch, Description, GO, TARGETS, Target, Told, seen},
    call_query, call_workflow,
    prelude::*,
    testing::{Env, Run, StartOptions},
};
use serde_json::{Value, json};

use crate::since_begin;

/// Ids that were acted on, step by step.
type Acted = Rc<RefCell<Vec<Vec<String>>>>;

/// Acts that are done, but on ids that begin with `bad`, which fail, and with `over`, which are skipped.
fn env() -> (Env, Acted) {
    let (env, acted) = (Env::new(), Acted::default());
    let log = Rc::clone(&acted);
    env.mock_named("sagaline.batch-act", move |chunk: Value| {
        let targets: Vec<Target> = serde_json::from_value(chunk["targets"].clone())?;
        let ids: Vec<String> = targets.into_iter().map(|one| one.workflow_id).collect();
        let count = |prefix| ids.iter().filter(|id| id.starts_with(prefix)).count();
        let (failed, skipped) = (count("bad"), count("over"));
        let errors = ids.iter().filter(|id| id.starts_with("bad"));
        let errors: Vec<Value> = errors
            .map(|id| json!({"workflow_id": id, "code": "paused"}))
            .collect();
        let first = chunk["first"].as_u64().unwrap_or_default();
        let tally = json!({
            "done": ids.len() - failed - skipped, "skipped": skipped, "failed": failed,
            "errors": errors, "errors_left_out": 0,
        });
        log.borrow_mut().push(ids);
        Ok(json!({"tally": tally, "heard_to": first}))
    });
    (env, acted)
}

fn begin(env: &Env, batch: &Batch) -> Run<Description> {
    let options = StartOptions::new().id("batch/7");
    let call = call_workflow("sagaline.batch", &json!({ "batch": batch }));
    env.start_named(options, call)
}

fn tell(run: &Run<Description>, ids: &[String]) {
    let targets = ids.iter().map(Target::workflow).collect();
    run.signal(TARGETS, &Told { targets }).unwrap();
}

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("{prefix}-{number}"))
        .collect()
}

fn cancel(matched: u64) -> Batch {
    Batch {
        matched,
        ..Batch::cancel("closed down").actor("ada")
    }
}

#[test]
fn nothing_is_done_before_everything_is_told_and_each_is_acted_on_once() {
    let (env, acted) = env();
    let run = begin(&env, &cancel(1_201));
    let all = [ids("a", 900), ids("over", 200), ids("bad", 101)];
    for some in &all {
        tell(&run, some);
    }
    assert!(acted.borrow().is_empty());

    run.signal(GO, &()).unwrap();
    let ended = run.result().unwrap();

    assert_eq!(
        (
            ended.matched,
            ended.tally.done,
            ended.tally.skipped,
            ended.tally.failed
        ),
        (1_201, 900, 200, 101)
    );
    assert_eq!(
        ended.tally.errors.len() as u64 + ended.tally.errors_left_out,
        101
    );
    assert_eq!(ended.tally.errors[0].workflow_id, "bad-1");
    assert_eq!(
        (&*ended.batch_id, &*ended.act, &*ended.actor),
        ("7", "cancel", "ada")
    );
    let acted = acted.borrow();
    // The first says only where answers will stand.
    let sizes: Vec<usize> = acted.iter().map(Vec::len).collect();
    assert_eq!(sizes, [0, 500, 400, 200, 101]);
    let acted: Vec<String> = acted.iter().flatten().cloned().collect();
    assert_eq!(acted, all.concat());
    let input = serde_json::to_vec(&run.describe()["input"]).unwrap();
    let seen = seen("batch/7", &Payload::json(input), None).unwrap();
    assert_eq!((&*seen.batch_id, seen.matched), ("7", 1_201));
    let progress = run.describe()["memo"]["progress"].clone();
    assert_eq!(
        (&progress["done"], &progress["failed"]),
        (&json!(900), &json!(101))
    );
}

#[test]
fn a_batch_of_which_not_all_is_told_does_nothing_and_says_so() {
    let (env, acted) = env();
    let run = begin(&env, &cancel(3));
    tell(&run, &ids("a", 2));

    let error = run.result().unwrap_err();

    assert!(error.message().contains("nothing was done"), "{error}");
    assert!(acted.borrow().is_empty());
    assert_eq!(since_begin(env.now()), Duration::from_secs(600));
}

#[test]
fn a_batch_that_was_told_fewer_than_it_says_ends_by_saying_so() {
    let (env, _) = env();
    let run = begin(&env, &cancel(3));
    run.signal(TARGETS, &"no targets").unwrap();
    tell(&run, &ids("a", 2));
    run.signal(GO, &()).unwrap();

    let error = run.result().unwrap_err();

    assert!(error.message().contains("fewer were told"), "{error}");
    assert_eq!(run.describe()["memo"]["progress"]["done"], json!(2));
}

#[test]
fn a_rate_is_kept_to() {
    let (env, acted) = env();
    let run = begin(&env, &cancel(25).per_second(10.0));
    tell(&run, &ids("a", 25));
    run.signal(GO, &()).unwrap();

    env.skip(Duration::from_millis(1_999));
    let early: Description = run.query(call_query("describe", &())).unwrap();
    assert_eq!((early.matched, early.tally.done), (25, 20));
    run.result().unwrap();

    let sizes: Vec<usize> = acted.borrow().iter().map(Vec::len).collect();
    assert_eq!(sizes, [0, 10, 10, 5]);
    assert_eq!(since_begin(env.now()), Duration::from_secs(2));
}

#[test]
fn a_slow_rate_goes_one_by_one_over_many_runs() {
    let (env, acted) = env();
    let run = begin(&env, &cancel(2_000).per_second(0.5));
    for some in ids("a", 2_000).chunks(100) {
        tell(&run, some);
    }
    run.signal(GO, &()).unwrap();

    let ended = run.result().unwrap();

    assert_eq!((ended.tally.done, ended.tally.failed), (2_000, 0));
    assert!(run.histories().len() > 1, "it is one run");
    assert_eq!(since_begin(env.now()), Duration::from_secs(2 * 1_999));
    let acted = acted.borrow();
    let acted: Vec<&String> = acted.iter().flatten().collect();
    assert!(acted.iter().copied().eq(&ids("a", 2_000)));
}

#[test]
fn a_cancelled_batch_ends_what_it_has_begun_and_says_how_far_it_came() {
    let (env, acted) = env();
    let run = begin(&env, &cancel(30).per_second(10.0));
    tell(&run, &[ids("a", 19), ids("bad", 11)].concat());
    run.signal(GO, &()).unwrap();
    env.skip(Duration::from_millis(1_500));

    run.cancel("enough");

    assert!(run.result().unwrap_err().is_canceled());
    assert_eq!(run.status(), "Canceled");
    assert_eq!(acted.borrow().len(), 3);
    let memo = run.describe()["memo"].clone();
    assert_eq!(
        memo["progress"],
        json!({"matched": 30, "done": 19, "skipped": 0, "failed": 1, "errors_left_out": 0})
    );
    assert_eq!(
        memo["errors"],
        json!([{"workflow_id": "bad-1", "code": "paused"}])
    );
}

#[test]
fn what_is_no_batch_fails_at_once_with_the_reason() {
    for (batch, expected) in [
        (
            json!({"act": "explode", "actor": "ada", "matched": 1}),
            "act: a batch cannot do `explode`",
        ),
        (
            json!({"act": "pause", "actor": "", "matched": 1}),
            "actor: ",
        ),
        (
            json!({"act": "signal", "actor": "ada", "matched": 1}),
            "arguments: ",
        ),
        (
            json!({"act": "pause", "actor": "ada", "matched": 1, "per_second": 0}),
            "per_second: ",
        ),
        (
            json!({"act": "pause", "actor": "ada", "matched": 1, "ids": []}),
            "unknown field `ids`",
        ),
        (json!(7), "invalid type"),
    ] {
        let (env, acted) = env();
        let call = call_workflow::<()>("sagaline.batch", &json!({ "batch": batch }));
        let run = env.start_named(StartOptions::new().id("batch/7"), call);

        let error = run.result().unwrap_err();

        assert!(error.message().contains(expected), "{batch}: {error}");
        assert!(acted.borrow().is_empty());
    }
}

#[test]
fn a_step_that_is_not_answered_is_asked_again_until_it_is() {
    let env = Env::new();
    let mut attempts = 0;
    env.mock_named("sagaline.batch-act", move |_: Value| {
        attempts += 1;
        match attempts {
            // The engine that owns a partition may be away for long.
            2..=40 => Err(Error::new(
                "sagaline.NotAnswered",
                "2 of 2 acts are not answered yet",
            )),
            _ => Ok(
                json!({"tally": {"done": 2, "skipped": 0, "failed": 0, "errors": [],
                "errors_left_out": 0}, "heard_to": 5}),
            ),
        }
    });
    let run = begin(&env, &cancel(2));
    tell(&run, &ids("a", 2));
    run.signal(GO, &()).unwrap();

    assert_eq!(run.result().unwrap().tally.done, 2);
}
