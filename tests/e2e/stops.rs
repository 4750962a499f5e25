//! Cancel and terminate, as records: with what was done undone, or left.

use sagaline_core::Outcome;
use sagaline_journal::wire::ce_type;

use crate::harness::{
    journal::Journal, process::Process, records::order, wait::until, world::World,
};

/// A run whose first step is done and whose second is with a worker, which is the test.
fn half_done<'w>(world: &'w World, journal: &mut Journal<'w>) -> Process {
    let engine = world.engine(&[]);
    world
        .start_order("a", &order("a", "visa", "ok"))
        .answered_as("start")
        .send();
    world.complete(
        &world.task("a", "reserve-stock", 1),
        "{\"reservation\":\"r-1\"}",
    );
    world.task("a", "charge-card", 1);
    journal.read_on();
    engine
}

/// The outcomes told to whoever started the run.
fn told(world: &World, correlation: &str, count: usize) -> Vec<String> {
    let replies = until(&format!("{count} answers"), || {
        Some(world.replies(correlation)).filter(|replies| replies.len() >= count)
    });
    replies
        .iter()
        .map(|reply| {
            String::from_utf8_lossy(reply.header("sl-outcome").unwrap_or_default()).into_owned()
        })
        .collect()
}

#[test]
fn a_cancelled_run_undoes_what_was_done_once_the_worker_has_answered() {
    let world = World::new(1);
    let mut journal = world.journal();
    let _engine = half_done(&world, &mut journal);

    world
        .request(ce_type::WORKFLOW_CANCEL, "a")
        .header("sl-reason", "changed my mind")
        .answered_as("cancel")
        .send();
    world.request(ce_type::WORKFLOW_CANCEL, "a").send();
    journal.until_event("a", "ActivityCancelRequested");
    journal.until_inputs_are_read();
    assert!(
        journal.outcome("a").is_none() && !journal.names("a").contains(&"CompensationStarted"),
        "the worker is awaited"
    );
    world
        .answer(&world.task("a", "charge-card", 1), "canceled")
        .send();
    let release = world.task("a", "release-stock", 1);
    assert_eq!(release.value(), b"{\"reservation\":\"r-1\"}");
    world.complete(&release, "null");

    assert_eq!(journal.until_ended("a"), Outcome::Canceled);
    assert_eq!(
        journal
            .newest("a")
            .unwrap()
            .count("WorkflowCancelRequested"),
        1
    );
    assert_eq!(
        journal.newest("a").unwrap().compensations(),
        ["release-stock"]
    );
    assert_eq!(told(&world, "start", 2), ["accepted", "canceled"]);
    assert_eq!(told(&world, "cancel", 1), ["accepted"]);
    journal.audit();
}

#[test]
fn a_step_that_completes_although_it_was_cancelled_is_undone_too() {
    let world = World::new(1);
    let mut journal = world.journal();
    let _engine = half_done(&world, &mut journal);

    world.request(ce_type::WORKFLOW_CANCEL, "a").send();
    journal.until_event("a", "ActivityCancelRequested");
    world.complete(
        &world.task("a", "charge-card", 1),
        "{\"payment\":\"p-1\",\"amount\":49.9}",
    );
    world.complete(&world.task("a", "refund-card", 1), "null");
    world.complete(&world.task("a", "release-stock", 1), "null");

    assert_eq!(journal.until_ended("a"), Outcome::Canceled);
    assert_eq!(
        journal.newest("a").unwrap().compensations(),
        ["refund-card", "release-stock"]
    );
    journal.audit();
}

#[test]
fn a_run_cancelled_without_compensation_leaves_what_was_done() {
    let world = World::new(1);
    let mut journal = world.journal();
    let _engine = half_done(&world, &mut journal);

    world
        .request(ce_type::WORKFLOW_CANCEL, "a")
        .header("sl-compensate", "false")
        .send();
    journal.until_event("a", "ActivityCancelRequested");
    world
        .answer(&world.task("a", "charge-card", 1), "canceled")
        .send();

    assert_eq!(journal.until_ended("a"), Outcome::Canceled);
    assert!(journal.newest("a").unwrap().compensations().is_empty());
    journal.audit();
}

#[test]
fn a_terminated_run_ends_at_once_and_leaves_what_was_done() {
    let world = World::new(1);
    let mut journal = world.journal();
    let _engine = half_done(&world, &mut journal);

    let another = "00000000-0000-5000-8000-000000000000";
    let refused = world
        .request(ce_type::WORKFLOW_TERMINATE, "a")
        .header("sl-run-id", another)
        .send();
    world
        .request(ce_type::WORKFLOW_TERMINATE, "a")
        .header("sl-reason", "a drill")
        .send();

    assert_eq!(journal.until_ended("a"), Outcome::Terminated);
    world.complete(
        &world.task("a", "charge-card", 1),
        "{\"payment\":\"p-1\",\"amount\":49.9}",
    );
    journal.until_inputs_are_read();
    assert!(journal.rejected(&refused).is_some(), "that run is not open");
    assert_eq!(journal.names("a").last(), Some(&"WorkflowTerminated"));
    assert!(journal.newest("a").unwrap().compensations().is_empty());
    assert_eq!(told(&world, "start", 2), ["accepted", "terminated"]);
    journal.audit();
}

#[test]
fn a_run_terminated_with_compensation_undoes_what_was_done_first() {
    let world = World::new(1);
    let mut journal = world.journal();
    let _engine = half_done(&world, &mut journal);

    world
        .request(ce_type::WORKFLOW_TERMINATE, "a")
        .header("sl-compensate", "true")
        .send();
    journal.until_event("a", "ActivityCancelRequested");
    world
        .answer(&world.task("a", "charge-card", 1), "canceled")
        .send();
    world.complete(&world.task("a", "release-stock", 1), "null");

    assert_eq!(journal.until_ended("a"), Outcome::Terminated);
    assert_eq!(
        journal.newest("a").unwrap().compensations(),
        ["release-stock"]
    );
    journal.audit();
}
