//! Answers of workers: the first final one of the current attempt counts, the rest changes nothing and is no fault.

use sagaline_core::{Event, Outcome};
use sagaline_journal::wire::ce_type;
use serde_json::{Value, json};

use crate::harness::{journal::Journal, process::Process, task::Task, world::World};

/// An engine with runs of these steps, whose worker is the test.
fn begin(world: &World, runs: &[(&str, Value)]) -> Process {
    let engine = world.engine_of(&mut world.server("victim", &[]));
    for (id, steps) in runs {
        world
            .request(ce_type::WORKFLOW_START, id)
            .header("sl-workflow", "steps")
            .json(steps)
            .send();
    }
    engine
}

/// The task of this attempt of the step with this number.
fn task(world: &World, workflow_id: &str, activity_id: u32, attempt: u32) -> Task {
    crate::harness::wait::until(
        &format!("attempt {attempt} of step {activity_id} of {workflow_id}"),
        || {
            let mut tasks = world.tasks().into_iter();
            tasks.find(|task| {
                task.workflow_id() == workflow_id
                    && task.id().ends_with(&format!("/{activity_id}/{attempt}"))
            })
        },
    )
}

/// What became of everything that was sent: nothing was rejected.
fn settle(journal: &mut Journal<'_>) {
    journal.until_inputs_are_read();
    assert!(journal.apart.is_empty(), "{:?}", journal.apart);
    journal.audit();
}

/// The results of a run's steps.
fn results(journal: &Journal<'_>, workflow_id: &str) -> Vec<String> {
    let facts = &journal.newest(workflow_id).expect("it was started").facts;
    let results = facts.iter().filter_map(|fact| match &fact.event {
        Event::ActivityCompleted(completed) => {
            Some(String::from_utf8_lossy(completed.result.data()).into_owned())
        }
        _ => None,
    });
    results.collect()
}

#[test]
fn the_first_final_answer_counts() {
    let world = World::new(1);
    let _engine = begin(&world, &[("a", json!([{}, {}]))]);
    let mut journal = world.journal();

    let first = task(&world, "a", 1, 1);
    world.complete(&first, "1");
    world.complete(&first, "2");
    world
        .answer(&first, "failed")
        .header("sl-error-type", "Late")
        .send();
    world.answer(&first, "started").send();
    // A registered compensation has a number, too.
    world.complete(&task(&world, "a", 3, 1), "4");

    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    world.complete(&first, "8");
    settle(&mut journal);
    assert_eq!(results(&journal, "a"), ["1", "4"]);
    assert_eq!(
        journal.newest("a").unwrap().count("ActivityAttemptFailed"),
        0
    );
}

#[test]
fn an_answer_of_an_earlier_attempt_is_stale() {
    let world = World::new(1);
    let _engine = begin(&world, &[("a", json!([{}]))]);
    let mut journal = world.journal();

    let first = task(&world, "a", 1, 1);
    world
        .answer(&first, "failed")
        .header("sl-error-type", "Busy")
        .send();
    let second = task(&world, "a", 1, 2);
    world.complete(&first, "1");
    world.complete(&second, "2");

    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    settle(&mut journal);
    assert_eq!(results(&journal, "a"), ["2"]);
    assert_eq!(
        first.header("sl-idempotency-key"),
        second.header("sl-idempotency-key")
    );
    assert_ne!(first.header("sl-token"), second.header("sl-token"));
}

#[test]
fn an_answer_after_the_time_limit_is_stale() {
    let world = World::new(1);
    let _engine = begin(&world, &[("a", json!([{"start_to_close_ms": 500}]))]);
    let mut journal = world.journal();

    let first = task(&world, "a", 1, 1);
    assert_eq!(first.header("sl-start-to-close-ms"), "500");
    world.answer(&first, "started").send();
    let second = task(&world, "a", 1, 2);
    world.complete(&first, "1");
    world.complete(&second, "2");

    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    settle(&mut journal);
    assert_eq!(results(&journal, "a"), ["2"]);
    let failed = journal.until_event("a", "ActivityAttemptFailed");
    assert!(
        matches!(&failed, Event::ActivityAttemptFailed(failed) if failed.failure.error_type.as_str() == "sagaline.Timeout.StartToClose"),
        "{failed:?}"
    );
}

#[test]
fn attempts_that_are_used_up_fail_the_run_and_undo_what_was_done() {
    let world = World::new(1);
    let _engine = begin(
        &world,
        &[("a", json!([{}, {"start_to_close_ms": 300, "attempts": 2}]))],
    );
    let mut journal = world.journal();

    world.complete(&task(&world, "a", 1, 1), "1");
    world.answer(&task(&world, "a", 3, 1), "started").send();
    world.answer(&task(&world, "a", 3, 2), "started").send();
    world.complete(&task(&world, "a", 2, 1), "null");

    assert_eq!(journal.until_ended("a"), Outcome::Failed);
    settle(&mut journal);
    let run = journal.newest("a").unwrap();
    assert_eq!(
        (
            run.count("ActivityAttemptFailed"),
            run.count("ActivityTimedOut")
        ),
        (2, 1)
    );
    assert_eq!(run.compensations(), ["undo"]);
}

#[test]
fn an_answer_for_another_run_changes_neither() {
    let world = World::new(1);
    let _engine = begin(&world, &[("a", json!([{}])), ("b", json!([{}]))]);
    let mut journal = world.journal();

    let (of_a, of_b) = (task(&world, "a", 1, 1), task(&world, "b", 1, 1));
    world
        .answer(&of_a, "completed")
        .key(Some(b"b"))
        .value("1")
        .send();
    world
        .answer(&of_b, "completed")
        .key(Some(b"nobody"))
        .value("1")
        .send();
    journal.until_inputs_are_read();
    assert_eq!(
        (results(&journal, "a").len(), results(&journal, "b").len()),
        (0, 0)
    );
    world.complete(&of_a, "2");
    world.complete(&of_b, "3");

    assert_eq!(
        (journal.until_ended("a"), journal.until_ended("b")),
        (Outcome::Completed, Outcome::Completed)
    );
    settle(&mut journal);
    assert_eq!(
        (results(&journal, "a"), results(&journal, "b")),
        (vec!["2".to_owned()], vec!["3".to_owned()])
    );
}
