//! Runs that harm their engine: one of them may stop its process a few times, but not for ever, and nobody else's work.

use sagaline_core::{Outcome, event::IncidentKind};
use sagaline_journal::wire::{ce_type, partition_of};
use serde_json::{Value, json};

use crate::harness::{journal::Journal, process::Process, say, wait::Watch, world::World};

const PARTITIONS: i32 = 2;

/// More restarts than a poisoned run may cost.
const RESTARTS_MAX: usize = 12;

/// A run that harms its engine when it starts, with the result of a step, or when a deadline comes.
fn start_poison(world: &World, how: &str, when: When) {
    let poison = json!({"how": how, "after": u32::from(when == When::Result), "late": when == When::Deadline});
    world
        .request(ce_type::WORKFLOW_START, "poison")
        .header("sl-workflow", "poison")
        .json(&poison)
        .send();
}

/// What brings the harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Start,
    Result,
    Deadline,
}

/// Ordinary runs, some beside the poisoned one in its partition.
fn start_others(world: &World, name: &str) -> Vec<String> {
    let ids: Vec<String> = (0..8).map(|number| format!("{name}-{number}")).collect();
    for id in &ids {
        world
            .request(ce_type::WORKFLOW_START, id)
            .header("sl-workflow", "steps")
            .json(&json!([{}, {}]))
            .send();
    }
    let poisoned = partition_of(b"poison", PARTITIONS);
    assert!(
        ids.iter()
            .any(|id| partition_of(id.as_bytes(), PARTITIONS) == poisoned),
        "none is beside it"
    );
    ids
}

fn engine(world: &World) -> Process {
    world.engine_of(&mut world.server("victim", &[]))
}

fn worker(world: &World) -> Process {
    world.spawn("victim", &mut world.command("victim", &["worker"]))
}

fn until_all_completed(journal: &mut Journal<'_>, ids: &[String]) {
    for id in ids {
        assert_eq!(journal.until_ended(id), Outcome::Completed, "{id}");
    }
}

/// Restarts the engine whenever it dies, as an init system does, until the poisoned run is parked.
fn is_quarantined(how: &str, when: When) {
    let world = World::new(PARTITIONS);
    let mut engine = engine(&world);
    let _worker = worker(&world);
    let mut journal = world.journal();
    let before = start_others(&world, "before");
    until_all_completed(&mut journal, &before);
    let watch = Watch::begin();

    start_poison(&world, how, when);
    let beside = start_others(&world, "beside");
    let mut beside = beside;
    let mut restarts = 0;
    let incident = journal.until(
        &format!("the run that dies of {how} is parked"),
        |journal| {
            if engine.has_ended() {
                restarts += 1;
                assert!(restarts <= RESTARTS_MAX, "the fleet is down");
                // Work goes on to come, to the poisoned partition too.
                beside.extend(start_others(&world, &format!("beside-{restarts}")));
                engine = self::engine(&world);
            }
            journal
                .incidents("poison")
                .first()
                .map(|incident| (*incident).clone())
        },
    );

    say(&format!(
        "{how} at {when:?}: parked after {restarts} restarts, {:.0} s",
        watch.elapsed().as_secs_f64()
    ));
    assert_eq!(incident.kind, IncidentKind::Quarantined, "{incident:?}");
    assert!(restarts >= 3, "it is tried more than once: {restarts}");
    until_all_completed(&mut journal, &beside);
    let after = start_others(&world, "after");
    until_all_completed(&mut journal, &after);
    assert!(!engine.has_ended());
    assert_eq!(journal.outcome("poison"), None, "it waits for a person");
    journal.audit();
}

#[test]
fn a_run_that_overflows_the_stack_is_parked_after_a_few_restarts() {
    is_quarantined("overflow", When::Start);
}

#[test]
fn a_run_that_aborts_the_process_is_parked_after_a_few_restarts() {
    is_quarantined("abort", When::Result);
}

#[test]
fn a_run_that_aborts_the_process_at_a_deadline_is_parked_after_a_few_restarts() {
    is_quarantined("abort", When::Deadline);
}

#[test]
fn a_run_that_never_returns_is_parked_without_a_restart() {
    let world = World::new(PARTITIONS);
    let mut engine = world.engine_of(&mut world.server("victim", &["--lane-threads", "2"]));
    let _worker = worker(&world);
    let mut journal = world.journal();
    let before = start_others(&world, "before");
    until_all_completed(&mut journal, &before);
    let watch = Watch::begin();

    start_poison(&world, "hang", When::Result);
    let beside = start_others(&world, "beside");

    assert_eq!(
        journal.until_incident("poison").kind,
        IncidentKind::Quarantined
    );
    say(&format!(
        "hang: parked after {:.0} s",
        watch.elapsed().as_secs_f64()
    ));
    until_all_completed(&mut journal, &beside);
    assert!(
        !engine.has_ended() && engine.said("is silent and is abandoned") == 1,
        "one thread was given up, and nothing else"
    );
    journal.audit();
}

#[test]
fn a_run_that_panics_or_wants_too_much_is_parked_at_once() {
    for (how, kind, text) in [
        ("panic", IncidentKind::Panic, "the workflow has a bug"),
        ("commands", IncidentKind::Limit, "10000"),
    ] {
        let world = World::new(PARTITIONS);
        let mut engine = engine(&world);
        let _worker = worker(&world);
        let mut journal = world.journal();

        start_poison(&world, how, When::Result);
        let beside = start_others(&world, "beside");

        let incident = journal.until_incident("poison");
        assert_eq!(incident.kind, kind, "{incident:?}");
        assert!(incident.failure.message.contains(text), "{incident:?}");
        until_all_completed(&mut journal, &beside);
        assert!(!engine.has_ended());
        journal.audit();
    }
}

#[test]
fn a_workflow_that_changed_its_mind_is_parked_with_both_sides_and_nothing_else() {
    let world = World::new(1);
    let mut first = engine(&world);
    let mut journal = world.journal();
    world
        .request(ce_type::WORKFLOW_START, "a")
        .header("sl-workflow", "turncoat")
        .json(&Value::Null)
        .send();
    let task = world.task("a", "work", 1);
    first.kill();

    let _second = world.engine_of(world.server("victim", &[]).env("VICTIM_TURNED", "1"));
    let events = journal.read_on().names("a").len();
    world.complete(&task, "1");

    let incident = journal.until_incident("a");
    assert_eq!(incident.kind, IncidentKind::Nondeterminism, "{incident:?}");
    let message = &incident.failure.message;
    assert!(
        message.contains("work") && message.contains("undo"),
        "both sides: {message}"
    );
    assert_eq!(
        journal.names("a")[events..],
        ["ActivityCompleted", "IncidentRaised"]
    );
    journal.audit();
}
