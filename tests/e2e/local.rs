//! Local activities: they run in the engine's process and die with it, and none is lost.

use std::{fs, path::Path};

use sagaline_core::{LOCAL_QUEUE, Outcome};
use sagaline_journal::wire::topic;
use serde_json::json;

use crate::harness::{
    process::{Process, Signal},
    sagas, say,
    wait::until_true,
    world::World,
};

fn engine(world: &World, diary: &Path) -> Process {
    let mut server = world.server("victim", &["--max-local-in-flight", "200"]);
    world.engine_of(server.env("VICTIM_DIARY", diary))
}

/// The second of three steps takes so long.
fn start(world: &World, id: &str, ms: u64) {
    let steps = [0, ms, 0].map(|ms| json!({"ms": ms, "local": true}));
    world
        .request("sagaline.workflow.start.v1", id)
        .header("sl-workflow", "steps")
        .json(&json!(steps))
        .send();
}

/// How often the second step's first attempt has begun.
fn begun(diary: &Path, id: &str) -> usize {
    let diary = fs::read_to_string(diary).unwrap_or_default();
    let line = format!("{id} 3 1 ");
    diary.lines().filter(|one| one.starts_with(&line)).count()
}

#[test]
fn what_a_killed_engine_ran_is_run_by_the_next_and_none_is_lost() {
    let world = World::new(2);
    let diary = world.file("diary");
    let mut first = engine(&world, &diary);
    let mut journal = world.journal();
    let ids: Vec<String> = (0..sagas(20, 400))
        .map(|number| format!("l-{number}"))
        .collect();
    for id in &ids {
        start(&world, id, 3_000);
    }

    until_true("all are at the step that takes long", || {
        ids.iter().all(|id| begun(&diary, id) == 1)
    });
    first.kill();
    let second = engine(&world, &diary);

    for id in &ids {
        assert_eq!(journal.until_ended(id), Outcome::Completed, "{id}");
        let run = journal.newest(id).unwrap();
        assert_eq!(run.count("ActivityCompleted"), 3, "{id}");
        assert_eq!(run.count("ActivityAttemptFailed"), 0, "{id}");
    }
    let again = ids.iter().filter(|id| begun(&diary, id) > 1).count();
    assert!(again > 0, "a kill without work proves nothing");
    say(&format!("{again} of {} were begun again", ids.len()));
    let tasks = topic::tasks(&world.namespace, LOCAL_QUEUE);
    assert_eq!(world.partitions_of(&tasks), None, "they need no topic");
    assert_eq!(journal.workers().len(), 2, "both engines answered");
    drop(second);
    journal.audit();
}

#[test]
fn an_engine_that_is_told_to_stop_ends_what_it_has_begun() {
    let world = World::new(1);
    let diary = world.file("diary");
    let mut first = engine(&world, &diary);
    let mut journal = world.journal();
    start(&world, "a", 1_500);

    until_true("it has begun", || begun(&diary, "a") == 1);
    first.signal(Signal::Term);
    until_true("the engine has ended", || first.has_ended());
    let _second = engine(&world, &diary);

    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    assert_eq!(begun(&diary, "a"), 1);
    journal.audit();
}
