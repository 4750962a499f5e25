//! Start: repeats, ids that are open, ids that were used.

use sagaline_core::Outcome;
use sagaline_journal::wire::ce_type;

use crate::harness::{
    process::Process,
    records::{Draft, order},
    wait::until,
    world::World,
};

/// An engine whose runs end at once, or stay open for want of a worker.
fn engine(world: &World) -> Process {
    world.engine_of(&mut world.server("victim", &[]))
}

/// A start of a run that stays open.
fn open<'w>(world: &'w World, id: &str, ce_id: &str) -> Draft<'w> {
    world
        .request(ce_type::WORKFLOW_START, id)
        .header("sl-workflow", "steps")
        .header("ce_source", "test")
        .header("ce_id", ce_id)
        .value("[{}]")
        .answered_as(ce_id)
}

/// A start of a run that completes at once.
fn completes<'w>(world: &'w World, id: &str, ce_id: &str) -> Draft<'w> {
    open(world, id, ce_id).value("[]")
}

/// A start of a run that fails at once: nobody can read its input.
fn fails<'w>(world: &'w World, id: &str, ce_id: &str) -> Draft<'w> {
    open(world, id, ce_id).value("\"steps\"")
}

/// The first answer to a start: its outcome, its error type and its run.
fn answer(world: &World, ce_id: &str) -> [String; 3] {
    let reply = until(&format!("an answer to {ce_id}"), || {
        world.replies(ce_id).into_iter().next()
    });
    ["sl-outcome", "sl-error-type", "sl-run-id"]
        .map(|name| String::from_utf8_lossy(reply.header(name).unwrap_or_default()).into_owned())
}

fn accepted(world: &World, ce_id: &str) -> String {
    let [outcome, error_type, run_id] = answer(world, ce_id);
    assert_eq!(
        (outcome.as_str(), error_type.as_str()),
        ("accepted", ""),
        "{ce_id}"
    );
    run_id
}

fn refused(world: &World, ce_id: &str) {
    let [outcome, error_type, _] = answer(world, ce_id);
    assert_eq!(
        (outcome.as_str(), error_type.as_str()),
        ("rejected", "sagaline.AlreadyStarted"),
        "{ce_id}"
    );
}

#[test]
fn a_repeated_start_starts_nothing_while_the_run_is_open_and_after_it_has_ended() {
    let world = World::new(1);
    let _engine = engine(&world);
    let mut journal = world.journal();

    open(&world, "a", "1").send();
    let first = accepted(&world, "1");
    open(&world, "a", "1")
        .header("sl-id-conflict", "terminate-existing")
        .send();
    open(&world, "a", "1")
        .header("sl-id-conflict", "fail")
        .send();
    let repeats = until("each repeat is answered", || {
        Some(world.replies("1")).filter(|replies| replies.len() >= 3)
    });
    for reply in &repeats {
        let words =
            ["sl-outcome", "sl-run-id"].map(|name| reply.header(name).map(String::from_utf8_lossy));
        assert_eq!(
            words,
            [Some("accepted".into()), Some(first.as_str().into())]
        );
    }
    world.request(ce_type::WORKFLOW_TERMINATE, "a").send();
    assert_eq!(journal.until_ended("a"), Outcome::Terminated);
    open(&world, "a", "1")
        .without_header("sl-correlation")
        .header("sl-correlation", "late")
        .header("sl-id-reuse", "allow-duplicate")
        .send();
    refused(&world, "late");

    journal.until_inputs_are_read();
    assert_eq!(journal.ids["a"].len(), 1);
    journal.audit();
}

#[test]
fn an_open_id_is_used_refused_or_taken_over_as_the_start_says() {
    let world = World::new(1);
    let _engine = engine(&world);
    let mut journal = world.journal();

    open(&world, "a", "1").send();
    let first = accepted(&world, "1");
    open(&world, "a", "2").send();
    assert_eq!(accepted(&world, "2"), first);
    open(&world, "a", "3")
        .header("sl-id-conflict", "fail")
        .send();
    refused(&world, "3");
    open(&world, "a", "4")
        .header("sl-id-conflict", "terminate-existing")
        .send();
    let fourth = accepted(&world, "4");
    open(&world, "a", "4")
        .header("sl-id-conflict", "terminate-existing")
        .send();

    journal.until_inputs_are_read();
    let runs = journal.ids["a"].clone();
    assert_eq!(
        runs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [first, fourth]
    );
    assert_eq!(journal.runs[&runs[0]].outcome(), Some(Outcome::Terminated));
    assert_eq!(
        journal.runs[&runs[1]].outcome(),
        None,
        "a repeat does not terminate the run that it started"
    );
    journal.audit();
}

#[test]
fn a_used_id_is_refused_or_used_again_as_the_start_says() {
    let world = World::new(1);
    let _engine = engine(&world);
    let mut journal = world.journal();
    let reuse =
        |start: Draft<'_>, rule: &'static str| drop(start.header("sl-id-reuse", rule).send());

    completes(&world, "a", "1").send();
    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    completes(&world, "a", "2").send();
    refused(&world, "2");
    reuse(completes(&world, "a", "3"), "allow-duplicate-failed-only");
    refused(&world, "3");
    reuse(fails(&world, "a", "4"), "allow-duplicate");
    let failed = accepted(&world, "4");
    reuse(completes(&world, "a", "5"), "reject-duplicate");
    refused(&world, "5");
    reuse(completes(&world, "a", "6"), "allow-duplicate-failed-only");
    let completed = accepted(&world, "6");

    journal.until_inputs_are_read();
    let outcome = |run_id: &str| {
        journal
            .runs
            .iter()
            .find(|(id, _)| id.to_string() == run_id)
            .and_then(|(_, run)| run.outcome())
    };
    assert_eq!(
        (outcome(&failed), outcome(&completed)),
        (Some(Outcome::Failed), Some(Outcome::Completed))
    );
    assert_eq!(journal.ids["a"].len(), 3);
    journal.audit();
}

#[test]
fn the_trace_of_whoever_started_a_run_reaches_its_tasks_untouched() {
    let world = World::new(1);
    let _engine = world.engine(&[]);
    let (parent, state) = (
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "shop=till-7",
    );

    let started = |id: &str| {
        let start = world.request(ce_type::WORKFLOW_START, id);
        start
            .header("sl-workflow", "order")
            .json(&order(id, "visa", "ok"))
    };
    started("traced")
        .header("traceparent", parent)
        .header("tracestate", state)
        .send();
    started("untraced").send();

    let first = world.task("traced", "reserve-stock", 1);
    assert_eq!(first.header("traceparent"), parent);
    world.complete(&first, r#"{"reservation":"r-1"}"#);
    let second = world.task("traced", "charge-card", 1);
    assert_eq!(second.header("traceparent"), parent);
    assert_eq!(second.header("tracestate"), state);
    let other = world.task("untraced", "reserve-stock", 1);
    assert!(!other.has("traceparent"));
}
