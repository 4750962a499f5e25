//! Activities that take long: heartbeats, workers that fall silent, cancellation, and completion from another process.

use std::{collections::BTreeMap, fs, process::Command, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use sagaline::{CompletionToken, client::Client, worker::Kafka};
use sagaline_core::{Event, Outcome, event::ActivityAttemptFailed};
use sagaline_journal::{
    kafka::Group,
    wire::{ce_type, topic},
};
use serde_json::{Value, json};

use crate::harness::{
    journal::Journal,
    process::{Process, Signal},
    python,
    wait::until,
    world::{World, repository},
};

/// Heartbeat time-out of these tests.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// What a machine that is busy with other tests may add to it.
const SLACK: Duration = Duration::from_secs(8);

fn engine(world: &World) -> Process {
    world.engine_of(&mut world.server("victim", &[]))
}

fn worker(world: &World) -> Process {
    let mut command = world.command("victim", &["worker"]);
    command
        .env("VICTIM_DIARY", world.file("diary"))
        .env("SAGALINE_LOG", "info,sagaline_sdk=debug");
    world.spawn("worker", &mut command)
}

/// Starts the workflow `a`, which waits for one thing.
fn start(world: &World, patience: &Value) {
    world
        .request(ce_type::WORKFLOW_START, "a")
        .header("sl-workflow", "patient")
        .json(patience)
        .send();
}

/// A climb of so many steps, which may be silent for [`HEARTBEAT`].
fn climb(steps: u32) -> Value {
    let heartbeat = u64::try_from(HEARTBEAT.as_millis()).expect("it is short");
    json!({"steps": steps, "heartbeat_ms": heartbeat, "start_to_close_ms": 600_000, "attempts": 3})
}

/// Waits until the run has told that it is so far.
fn until_told(journal: &mut Journal<'_>, step: u32) {
    journal.until(&format!("step {step} is told"), |journal| {
        progress(journal).filter(|told| *told >= step)
    });
}

/// How far the run told that it is.
fn progress(journal: &Journal<'_>) -> Option<u32> {
    let told = journal.newest("a")?.facts.iter().rev();
    let mut told = told.filter_map(|fact| match &fact.event {
        Event::ActivityHeartbeatRecorded(event) => event.progress.as_ref(),
        _ => None,
    });
    serde_json::from_slice(told.next()?.data()).ok()
}

fn until_attempt_failed(journal: &mut Journal<'_>) -> ActivityAttemptFailed {
    match journal.until_event("a", "ActivityAttemptFailed") {
        Event::ActivityAttemptFailed(failed) => *failed,
        other => panic!("{other:?}"),
    }
}

/// What the run's activity returned.
fn result(journal: &mut Journal<'_>) -> u32 {
    match journal.until_event("a", "ActivityCompleted") {
        Event::ActivityCompleted(completed) => {
            serde_json::from_slice(completed.result.data()).expect("a number")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_next_attempt_goes_on_where_a_killed_worker_was() {
    let world = World::new(1);
    let _engine = engine(&world);
    let mut first = worker(&world);
    let mut journal = world.journal();

    start(&world, &climb(60));
    until_told(&mut journal, 10);
    first.kill();
    let failed = until_attempt_failed(&mut journal);
    let _second = worker(&world);

    assert_eq!(
        failed.failure.error_type.as_str(),
        "sagaline.Timeout.Heartbeat"
    );
    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    let begun = result(&mut journal);
    assert!((10..60).contains(&begun), "it began at {begun}");
    let told = world.task("a", "climb", 2);
    let told = BASE64.decode(told.header("sl-last-heartbeat"));
    assert_eq!(told.expect("it is base64"), begun.to_string().as_bytes());
    journal.audit();
}

#[test]
fn a_silent_worker_is_followed_by_the_next_attempt_within_the_heartbeat_time_out() {
    for kind in ["started", "heartbeat"] {
        let world = World::new(1);
        let _engine = engine(&world);
        let mut journal = world.journal();
        start(&world, &climb(60));
        let task = world.task("a", "climb", 1);
        assert_eq!(task.header("sl-heartbeat-timeout-ms"), "2000");

        world.answer(&task, kind).value("77").send();
        let failed = until_attempt_failed(&mut journal);

        assert_eq!(
            failed.failure.error_type.as_str(),
            "sagaline.Timeout.Heartbeat"
        );
        let at = |name: &str| {
            let facts = &journal.newest("a").expect("it runs").facts;
            let fact = facts.iter().find(|fact| fact.event.name() == name);
            fact.expect("it happened").at.as_micros() / 1_000
        };
        let silent = at("ActivityAttemptFailed") - at("ActivityStarted");
        let silent = Duration::from_millis(u64::try_from(silent).expect("time goes on"));
        assert!(
            (HEARTBEAT..HEARTBEAT * 3 / 2 + SLACK).contains(&silent),
            "{kind}: {silent:?}"
        );
        let second = world.task("a", "climb", 2);
        world.complete(&task, "1");
        world.complete(&second, "2");
        assert_eq!(journal.until_ended("a"), Outcome::Completed);
        assert_eq!(result(&mut journal), 2, "the first one's came too late");
        journal.audit();
    }
}

#[test]
fn a_running_activity_hears_that_its_run_is_cancelled() {
    let world = World::new(2);
    let _engine = engine(&world);
    let worker = worker(&world);
    let mut journal = world.journal();
    until("the worker hears cancellations", || {
        (worker.said("cancellations are heard") == 1).then_some(())
    });
    // An hour up, and no heartbeat time-out.
    start(
        &world,
        &json!({"steps": 36_000, "start_to_close_ms": 7_200_000, "attempts": 1}),
    );
    journal.until_event("a", "ActivityStarted");

    world.request(ce_type::WORKFLOW_CANCEL, "a").send();

    assert_eq!(journal.until_ended("a"), Outcome::Canceled);
    let names = journal.names("a");
    assert!(names.contains(&"ActivityCanceled"), "{names:?}");
    let told = world.read(&topic::control(&world.namespace));
    let task = world.task("a", "climb", 1);
    assert!(!told.is_empty());
    for record in told {
        assert_eq!(record.header("ce_subject"), Some(task.id().as_bytes()));
        assert_eq!(record.key(), Some(task.id().as_bytes()));
    }
    journal.audit();
}

/// The token that the activity left in the diary.
fn token(world: &World) -> CompletionToken {
    until("the activity leaves its token", || {
        let diary = fs::read_to_string(world.file("diary")).ok()?;
        let line = diary.lines().next()?.strip_prefix("a ")?;
        Some(line.parse().expect("it is a token"))
    })
}

/// Tells progress of the attempt and completes it, from this process, which has nothing but its token.
fn complete(world: &World, token: CompletionToken, result: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime is made");
    runtime.block_on(async {
        let kafka = Kafka::new(&*world.bootstrap, BTreeMap::new()).expect("nothing to refuse");
        let client = Client::connect(kafka, &world.namespace).await;
        let activity = client.expect("the topics are there").activity(token);
        activity.heartbeat(&99).await.expect("it is taken");
        activity.complete(&result).await.expect("it is taken");
    });
}

#[test]
fn another_process_completes_an_activity_when_its_worker_is_long_gone() {
    let world = World::new(2);
    let _engine = engine(&world);
    let mut worker = worker(&world);
    let mut journal = world.journal();
    start(
        &world,
        &json!({"start_to_close_ms": 600_000, "attempts": 1}),
    );
    let token = token(&world);
    journal.until_event("a", "ActivityStarted");
    worker.kill();

    complete(&world, token, 7);

    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    assert_eq!((progress(&journal), result(&mut journal)), (Some(99), 7));
    journal.audit();
}

#[test]
fn an_activity_that_nobody_completes_runs_out_of_its_time_and_what_comes_later_is_ignored() {
    let world = World::new(2);
    let _engine = engine(&world);
    let _worker = worker(&world);
    let mut journal = world.journal();
    start(&world, &json!({"start_to_close_ms": 2_000, "attempts": 1}));
    let token = token(&world);

    assert_eq!(journal.until_ended("a"), Outcome::Failed);
    let names = journal.names("a");
    complete(&world, token, 7);
    journal.until_inputs_are_read();

    let failed = until_attempt_failed(&mut journal);
    assert_eq!(
        failed.failure.error_type.as_str(),
        "sagaline.Timeout.StartToClose"
    );
    assert_eq!(journal.names("a"), names);
    assert!(
        journal.apart.is_empty(),
        "it is no fault: {:?}",
        journal.apart
    );
    journal.audit();
}

/// What the workers of the queue committed.
fn committed(world: &World) -> Option<i64> {
    let kafka = Kafka::new(&*world.bootstrap, BTreeMap::new()).expect("nothing to refuse");
    let name = topic::worker_group(&world.namespace, "orders");
    let group = Group::open(&kafka, &name).expect("the group is there");
    let tasks = topic::tasks(&world.namespace, "orders");
    let committed = group.committed(&tasks, &[0]).expect("it answers");
    committed.into_iter().next().flatten()
}

#[test]
fn a_long_attempt_holds_no_offset_and_no_worker_that_stops() {
    let world = World::new(1);
    let _engine = engine(&world);
    let mut first = worker(&world);
    let mut journal = world.journal();
    start(&world, &climb(400));
    until_told(&mut journal, 10);
    assert_eq!(committed(&world), None);

    let next = until("its offset is committed", || committed(&world));
    assert_eq!(next, 1);
    let told = progress(journal.read_on());
    first.signal(Signal::Term);
    assert!(first.end().success());
    assert_eq!(first.said("long attempts are left"), 1);
    assert_eq!(journal.read_on().outcome("a"), None);
    let _second = worker(&world);

    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    let begun = result(&mut journal);
    assert!(Some(begun) >= told, "{begun} is before {told:?}");
    assert_eq!(world.tasks().len(), 2, "one task for each attempt");
    journal.audit();
}

/// The plain worker of these tests.
fn python_worker(world: &World) -> Process {
    let mut command = Command::new(python::interpreter());
    command
        .arg(repository().join("tests/e2e/long_worker.py"))
        .env("SAGALINE_KAFKA", &world.bootstrap)
        .env("SAGALINE_NAMESPACE", &world.namespace)
        .env("PYTHONUNBUFFERED", "1");
    world.spawn("long_worker.py", &mut command)
}

#[test]
fn a_plain_worker_commits_early_and_is_followed_when_it_is_killed() {
    let world = World::new(1);
    let _engine = engine(&world);
    let mut first = python_worker(&world);
    let mut journal = world.journal();
    start(&world, &climb(80));
    until_told(&mut journal, 10);

    assert_eq!(committed(&world), Some(1));
    assert_eq!(journal.outcome("a"), None, "it goes on");
    first.kill();
    let _second = python_worker(&world);

    assert_eq!(journal.until_ended("a"), Outcome::Completed);
    assert!((10..80).contains(&result(&mut journal)));
    assert_eq!(
        journal
            .newest("a")
            .expect("it ran")
            .count("ActivityStarted"),
        2
    );
    assert_eq!(world.tasks().len(), 2, "one task for each attempt");
    journal.audit();
}
