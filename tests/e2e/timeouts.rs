//! Time-outs of activities and runs, with real workers and without any.

use sagaline_core::{Event, Outcome};
use serde_json::{Value, json};

use crate::harness::{is_full, journal::Journal, process::Process, world::World};

fn start(world: &World, id: &str, steps: &Value) {
    world
        .request("sagaline.workflow.start.v1", id)
        .header("sl-workflow", "steps")
        .json(steps)
        .send();
}

fn worker(world: &World) -> Process {
    world.spawn("worker", &mut world.command("victim", &["worker"]))
}

/// The error types of a run's failed attempts.
fn failures(journal: &Journal<'_>, id: &str) -> Vec<String> {
    let facts = journal.newest(id).map_or(&[][..], |run| &run.facts);
    let failed = facts.iter().filter_map(|fact| match &fact.event {
        Event::ActivityAttemptFailed(failed) => Some(failed.failure.error_type.to_string()),
        _ => None,
    });
    failed.collect()
}

#[test]
fn tasks_that_wait_for_a_worker_do_not_run_out_of_their_time() {
    let world = World::new(4);
    let _engine = world.engine_of(&mut world.server("victim", &[]));
    let mut journal = world.journal();
    let (runs, clocks) = if is_full() {
        (10_000, vec![60_000; 5])
    } else {
        (100, vec![3_000])
    };
    let ids: Vec<String> = (0..runs).map(|number| format!("w-{number}")).collect();
    for id in &ids {
        start(&world, id, &json!([{"start_to_close_ms": 500}]));
    }
    // By then all of them have waited for several times as long as an attempt may take.
    for (number, span_ms) in clocks.into_iter().enumerate() {
        let clock = format!("clock-{number}");
        start(&world, &clock, &json!([{"schedule_to_start_ms": span_ms}]));
        assert_eq!(journal.until_ended(&clock), Outcome::Failed);
        assert_eq!(
            failures(&journal, &clock),
            ["sagaline.Timeout.ScheduleToStart"]
        );
    }

    let _worker = worker(&world);

    for id in &ids {
        assert_eq!(journal.until_ended(id), Outcome::Completed);
        assert_eq!(failures(&journal, id), [""; 0], "{id}");
    }
    journal.audit();
}

#[test]
fn a_task_that_was_taken_and_is_not_answered_runs_out_of_its_time() {
    let world = World::new(1);
    let _engine = world.engine_of(&mut world.server("victim", &[]));
    let _worker = worker(&world);
    let mut journal = world.journal();

    start(
        &world,
        "hangs",
        &json!([{"ms": 60_000, "start_to_close_ms": 400, "attempts": 2}]),
    );

    assert_eq!(journal.until_ended("hangs"), Outcome::Failed);
    assert_eq!(
        failures(&journal, "hangs"),
        ["sagaline.Timeout.StartToClose"; 2]
    );
    journal.audit();
}

#[test]
fn a_run_that_takes_too_long_is_undone_and_ends_as_timed_out() {
    let world = World::new(1);
    let _engine = world.engine_of(&mut world.server("victim", &[]));
    let _worker = worker(&world);
    let mut journal = world.journal();

    world
        .request("sagaline.workflow.start.v1", "slow")
        .header("sl-workflow", "steps")
        .header("sl-run-timeout-ms", "1500")
        .json(&json!([{}, {"ms": 3_000}]))
        .send();

    assert_eq!(journal.until_ended("slow"), Outcome::TimedOut);
    let run = journal.newest("slow").expect("it was started");
    assert_eq!(run.compensations(), ["undo"; 2], "both steps completed");
    let Some(Event::WorkflowTimedOut(end)) = run.facts.last().map(|fact| &fact.event) else {
        panic!("{:?}", run.facts.last());
    };
    assert_eq!(end.failure.error_type.as_str(), "sagaline.Timeout.Run");
    journal.audit();
}
