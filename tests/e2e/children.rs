//! Children: in all partitions, each started and ended once, whatever crashes, and undone by their parents.

use sagaline_core::{Event, Outcome, event::RejectReason};
use sagaline_journal::wire::partition_of;
use serde_json::{Value, json};

use crate::harness::{journal::Journal, sagas, world::World};

/// How many events of that name the workflow has, in all runs of its chain.
fn count(journal: &Journal<'_>, id: &str, name: &str) -> usize {
    let runs = journal.ids.get(id).into_iter().flatten();
    runs.map(|run| journal.runs[run].count(name)).sum()
}

/// How many children of the batch have ended as far as their parents know.
fn ended(journal: &Journal<'_>, id: &str) -> usize {
    count(journal, id, "ChildCompleted") + count(journal, id, "ChildFailed")
}

#[test]
fn a_batch_of_mails_is_sent_once_whatever_crashes_and_tells_how_far_it_is() {
    let world = World::new(4);
    let binary = "batch-email";
    let server = || world.engine_of(&mut world.server(binary, &[]));
    let mut engine = server();
    let mut journal = world.journal();
    let count = sagas(200, 5_000);
    let input = json!({"count": count, "window": 8, "fail_every": 10});
    let start = ["workflow", "start", "--type", "batch-email", "--id", "b-1"];
    let input = input.to_string();
    world.says(binary, 0, &[&start[..], &["--input", &input]].concat());

    // No worker is there: the window is full of mails that wait.
    journal.until_event("b-1/8", "ActivityAttemptScheduled");
    let described = world.says(binary, 0, &["workflow", "describe", "b-1"]);
    let waits = format!(
        "Waiting for {count} children: 8 running, {} not started.",
        count - 8
    );
    assert!(described.contains(&waits), "{described}");
    engine.kill();
    engine = server();
    let _worker = world.spawn(binary, &mut world.command(binary, &["worker"]));
    for part in 1..=2 {
        journal.until("some children have ended", |journal| {
            (ended(journal, "b-1") >= part * count / 4).then_some(())
        });
        engine.kill();
        engine = server();
    }

    assert_eq!(journal.until_ended("b-1"), Outcome::Completed);
    let result = world.says(binary, 0, &["workflow", "result", "b-1"]);
    let result: Value = serde_json::from_str(&result).expect("it prints JSON");
    let failed = count / 10;
    assert_eq!(result, json!({"sent": count - failed, "failed": failed}));
    assert_eq!(self::count(&journal, "b-1", "ChildStarted"), count);
    assert_eq!(ended(&journal, "b-1"), count);
    let mut partitions: Vec<i32> = Vec::new();
    for number in 1..=count {
        let id = format!("b-1/{number}");
        journal.until_ended(&id);
        partitions.push(partition_of(id.as_bytes(), 4));
    }
    partitions.sort_unstable();
    partitions.dedup();
    assert_eq!(partitions.len(), 4, "children are everywhere");
    journal.audit();
}

#[test]
fn what_completed_children_did_is_undone_by_their_parent_after_its_engine_was_killed() {
    let world = World::new(4);
    let server = || world.engine_of(&mut world.server("victim", &["--with-worker"]));
    let mut engine = server();
    let mut journal = world.journal();
    let slow = json!([{"ms": 100}, {"ms": 100}]);
    world
        .request("sagaline.workflow.start.v1", "f-1")
        .header("sl-workflow", "family")
        .json(&json!({"children": 2, "steps": slow, "fails": true}))
        .send();

    journal.until_event("f-1", "ChildCompleted");
    engine.kill();
    let _engine = server();

    assert_eq!(journal.until_ended("f-1"), Outcome::Failed);
    let parent = journal.newest("f-1").unwrap();
    assert_eq!(parent.compensations(), ["undo"; 4]);
    let handed_over = parent.facts.iter().filter_map(|fact| match &fact.event {
        Event::CompensationRegistered(registered) => registered.child_workflow_id.as_ref(),
        _ => None,
    });
    let handed_over: Vec<&str> = handed_over.map(|id| id.as_str()).collect();
    assert_eq!(handed_over, ["f-1/1", "f-1/1", "f-1/2", "f-1/2"]);
    assert_eq!(journal.until_ended("f-1/1"), Outcome::Completed);
    journal.audit();
}

#[test]
fn nobody_but_an_engine_starts_children_or_tells_of_their_end() {
    let world = World::new(1);
    let _engine = world.engine_of(&mut world.server("victim", &["--with-worker"]));
    let mut journal = world.journal();

    let mut forged = Vec::new();
    for ce_type in [
        "sagaline.child.start.v1",
        "sagaline.child.stop.v1",
        "sagaline.child.closed.v1",
    ] {
        let record = world
            .request(ce_type, "c-1")
            .header("sl-workflow", "steps")
            .header("sl-run-id", "0d9f6b0e-6f6b-4f3e-9a39-5b1f8f2d7c11")
            .header("sl-child-id", "1")
            .json(&json!([]));
        forged.push(record.send());
    }
    journal.until_inputs_are_read();

    for place in &forged {
        let rejected = journal.rejected(place).expect("it is journaled");
        assert_eq!(rejected.reason, RejectReason::Forged);
    }
    assert!(journal.newest("c-1").is_none());
    journal.audit();
}

#[test]
fn a_cancelled_parent_cancels_its_children_and_ends_after_them() {
    let world = World::new(4);
    let _engine = world.engine_of(&mut world.server("victim", &["--with-worker"]));
    let mut journal = world.journal();
    let input =
        json!({"children": 1, "steps": [{"ms": 1}, {"ms": 3_000}, {"ms": 1}], "fails": false});
    world
        .request("sagaline.workflow.start.v1", "f-1")
        .header("sl-workflow", "family")
        .json(&input)
        .send();
    journal.until("the second step of the child is under way", |journal| {
        let child = journal.newest("f-1/1")?;
        (child.count("ActivityScheduled") == 2).then_some(())
    });

    let cancel = ["workflow", "cancel", "f-1", "--reason", "changed my mind"];
    world.says("victim", 0, &cancel);

    assert_eq!(journal.until_ended("f-1"), Outcome::Canceled);
    assert_eq!(journal.until_ended("f-1/1"), Outcome::Canceled);
    let child = journal.newest("f-1/1").unwrap();
    assert_eq!(child.compensations(), ["undo", "undo"]);
    let said = world.says("victim", 1, &["workflow", "result", "f-1/1"]);
    assert!(said.contains("changed my mind"), "{said}");
    journal.audit();
}
