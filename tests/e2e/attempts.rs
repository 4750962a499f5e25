//! Workflows that begin later than they are started, and workflows that are tried again as a whole.

use sagaline_core::{Event, Outcome, Timestamp};
use serde_json::{Value, json};

use crate::harness::{journal::Journal, world::World};

fn describe(world: &World, id: &str) -> Value {
    let described = world.says("victim", 0, &["workflow", "describe", id, "-o", "json"]);
    serde_json::from_str(&described).expect("it prints JSON")
}

/// When an event of the id's newest run happened.
fn at(journal: &Journal<'_>, id: &str, is_it: impl Fn(&Event) -> bool) -> Timestamp {
    let run = journal.newest(id).expect("there is a run");
    let fact = run.facts.iter().find(|fact| is_it(&fact.event));
    fact.expect("it has happened").at
}

#[test]
fn a_run_begins_when_it_is_to_whatever_crashes_before() {
    let world = World::new(1);
    let server = || world.engine_of(&mut world.server("victim", &[]));
    let mut engine = server();
    let _worker = world.spawn("worker", &mut world.command("victim", &["worker"]));
    let mut journal = world.journal();
    let start = |id: &str, delay: &str| {
        let what = ["workflow", "start", "-t", "steps", "-w", id, "-i", "[{}]"];
        let what = [&what[..], &["--start-delay", delay]].concat();
        let said = world.says("victim", 0, &what);
        assert!(said.contains("\nStarts "), "{said}");
    };
    start("soon", "4s");
    start("never", "30d");

    let waiting = describe(&world, "never");
    assert_eq!(waiting["situation"], "waiting");
    assert_eq!(waiting["waiting_for"]["kind"], "timer");
    assert_eq!(waiting["waiting_for"]["until"], waiting["start_at"]);
    engine.kill();
    let _engine = server();
    world.says("victim", 0, &["workflow", "cancel", "never"]);

    assert_eq!(journal.until_ended("never"), Outcome::Canceled);
    assert_eq!(journal.until_ended("soon"), Outcome::Completed);
    let first = &journal.newest("soon").expect("it has run").facts[0];
    let Event::WorkflowStarted(started) = &first.event else {
        panic!("{first:?}");
    };
    let began = at(&journal, "soon", |event| {
        matches!(event, Event::WorkflowDelayEnded(_))
    });
    assert!(Some(began) >= started.start_at, "{began:?} {started:?}");
    assert!(!journal.names("never").contains(&"ActivityScheduled"));
    journal.audit();
}

#[test]
fn a_workflow_that_fails_is_undone_and_tried_again_and_is_one_to_all_who_look() {
    let world = World::new(1);
    let server = || world.engine_of(&mut world.server("victim", &[]));
    let mut engine = server();
    let _worker = world.spawn("worker", &mut world.command("victim", &["worker"]));
    let mut journal = world.journal();
    let steps = json!([{}, {"ms": 2_000, "start_to_close_ms": 200, "attempts": 1}]).to_string();
    let retry = r#"{"initial_interval":"1s","backoff_coefficient":1.0,"maximum_attempts":3}"#;
    let what = [
        "workflow", "start", "-t", "steps", "-w", "again", "-i", &steps,
    ];
    world.says("victim", 0, &[&what[..], &["--retry", retry]].concat());

    journal.until("attempt 2 waits", |journal| {
        (journal.ids.get("again")?.len() == 2).then_some(())
    });
    let first = journal.ids["again"][0].to_string();
    engine.kill();
    let _engine = server();

    assert_eq!(journal.until_ended("again"), Outcome::Failed);
    let runs = journal.ids["again"].clone();
    assert_eq!(runs.len(), 3);
    for run in &runs {
        let run = &journal.runs[run];
        assert_eq!(run.count("CompensationCompleted"), 1);
        assert_eq!(run.count("WorkflowFailed"), 1);
    }
    let listed = world.says("victim", 0, &["workflow", "list", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("it prints JSON");
    assert_eq!(listed["workflows"].as_array().map(Vec::len), Some(1));
    let described = describe(&world, "again");
    assert_eq!(described["status"], "Failed");
    assert_eq!(described["retry"]["attempt"], 3);
    assert_eq!(described["first_run_id"], first);
    journal.audit();
}

#[test]
fn what_cannot_be_a_retry_policy_is_refused_by_name() {
    let world = World::new(1);
    let _engine = world.engine_of(&mut world.server("victim", &[]));
    let mut journal = world.journal();
    for (id, header, value) in [
        ("r-1", "sl-retry", r#"{"attempts":3}"#),
        ("r-2", "sl-retry", r#"{"on_exhausted":"park"}"#),
        ("r-3", "sl-start-at", "soon"),
    ] {
        world
            .request("sagaline.workflow.start.v1", id)
            .header("sl-workflow", "steps")
            .header(header, value)
            .json(&json!([]))
            .send();
    }
    // The command line does not even send them.
    for retry in ["{bad", r#"{"attempts":3}"#, r#"{"on_exhausted":"park"}"#] {
        let start = ["workflow", "start", "--type", "steps", "--retry", retry];
        let said = world.says("victim", 2, &start);
        assert!(said.contains("--retry"), "{said}");
    }

    let refused = journal.until("three are refused", |journal| {
        let events = journal.apart.iter().flat_map(|one| &one.events);
        let rejected = events.filter_map(|event| match event {
            Event::InputRejected(rejected) => Some(rejected.message.to_string()),
            _ => None,
        });
        let rejected: Vec<String> = rejected.collect();
        (rejected.len() == 3).then_some(rejected)
    });

    for said in [
        "unknown field `attempts`",
        "on_exhausted is park",
        "an instant in RFC 3339",
    ] {
        assert!(
            refused.iter().any(|one| one.contains(said)),
            "{said}: {refused:?}"
        );
    }
}
