//! Limited and paused task queues: how many tasks go out, whose turn it is, and that no crash loses a place.

use std::collections::BTreeSet;

use sagaline_core::{
    ActivityId, Attempt, Event, Outcome, QueueTask, RunId, Timestamp, event::RejectReason,
};
use sagaline_journal::wire::topic;
use serde_json::{Value, json};

use crate::harness::{
    http, journal::Journal, process::Process, sagas, say, wait::until, world::World,
};

const QUEUE: &str = "orders";

/// Runs a command of the app; what it printed.
fn says(world: &World, code: i32, arguments: &[&str]) -> String {
    world.says("victim", code, arguments)
}

fn describe(world: &World) -> Value {
    let json = says(world, 0, &["task-queue", "describe", QUEUE, "-o", "json"]);
    serde_json::from_str(&json).expect("it prints JSON")
}

/// The queue, once it is described so.
fn until_described(world: &World, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(what, || Some(describe(world)).filter(&is_so))
}

/// Changes the queue; returns once every partition knows.
fn change(journal: &mut Journal<'_>, verb: &str, arguments: &[&str]) -> String {
    let world = journal.world;
    let said = says(
        world,
        0,
        &[&["task-queue", verb, QUEUE], arguments].concat(),
    );
    let partitions = usize::try_from(world.partitions).expect("there are some");
    journal.until("every partition knows of the change", |journal| {
        let events = journal.apart.iter().flat_map(|one| &one.events);
        let versions = events.filter_map(|event| match event {
            Event::QueueChanged(change) => Some(change.version),
            _ => None,
        });
        let versions: Vec<u64> = versions.collect();
        let newest = versions.iter().max()?;
        let known = versions.iter().filter(|one| *one == newest).count();
        (known == partitions).then_some(())
    });
    said
}

fn limit(journal: &mut Journal<'_>, limits: &[&str]) {
    change(journal, "limit", limits);
}

fn engine(world: &World) -> Process {
    world.engine_of(&mut world.server("victim", &[]))
}

fn worker(world: &World) -> Process {
    world.spawn("worker", &mut world.command("victim", &["worker"]))
}

fn start(world: &World, ids: impl IntoIterator<Item = String>) {
    let starts = ids.into_iter().map(|id| {
        let start = world.request("sagaline.workflow.start.v1", &id);
        let start = start
            .header("sl-workflow", "steps")
            .json(&json!([{"ms": 1}]));
        start.into_record()
    });
    world.send_all(starts.collect::<Vec<_>>());
}

/// What the queue's home says, in order.
fn home<'a>(journal: &'a Journal<'_>) -> impl Iterator<Item = (Timestamp, Word<'a>)> {
    let events = journal
        .apart
        .iter()
        .flat_map(|one| one.events.iter().map(move |event| (one, event)));
    events.filter_map(|(of, event)| match (of.at, event) {
        (at, Event::QueueTaskReleased(event)) if event.at_home => {
            Some((at, Word::Released(&event.task)))
        }
        (at, Event::QueueTaskEnded(event)) if event.at_home => Some((at, Word::Ended(&event.task))),
        (at, Event::QueueChanged(event)) if event.home_partition == of.cause.partition => {
            Some((at, Word::Limited(event.max_outstanding)))
        }
        _ => None,
    })
}

#[derive(Clone, Copy)]
enum Word<'a> {
    Released(&'a QueueTask),
    Ended(&'a QueueTask),
    Limited(Option<u32>),
}

type Key = (RunId, ActivityId, Attempt);

const fn key(task: &QueueTask) -> Key {
    (task.run_id, task.activity_id, task.attempt)
}

/// Never were more tasks outstanding than allowed; says how many were at most.
fn check_outstanding(journal: &Journal<'_>) -> usize {
    let (mut outstanding, mut limit, mut most) = (BTreeSet::new(), None, 0);
    for (at, word) in home(journal) {
        match word {
            Word::Limited(max) => limit = max,
            Word::Ended(task) => drop(outstanding.remove(&key(task))),
            Word::Released(task) => {
                outstanding.insert(key(task));
                most = most.max(outstanding.len());
                let allowed = limit.is_none_or(|max| outstanding.len() <= max as usize);
                assert!(
                    allowed,
                    "{} outstanding at {at:?}, {limit:?} allowed",
                    outstanding.len()
                );
            }
        }
    }
    assert!(
        outstanding.is_empty(),
        "places that were lost: {outstanding:?}"
    );
    most
}

#[test]
fn no_more_tasks_go_out_than_a_queue_allows_and_the_limit_changes_while_it_works() {
    let world = World::new(4);
    let _engine = engine(&world);
    let mut journal = world.journal();
    limit(
        &mut journal,
        &["--max-outstanding", "3", "--reason", "slow it down"],
    );

    start(&world, (0..20).map(|number| format!("w{number}")));
    let seen = until_described(&world, "three are out", |seen| {
        seen["limits"]["outstanding"] == 3 && seen["limits"]["waiting"] == 17
    });

    assert_eq!(seen["backlog"], 3);
    assert_eq!(seen["workers"], json!([]));
    assert!(seen["oldest_ms"].is_u64(), "{seen}");
    assert_eq!(seen["limits"]["reason"], "slow it down");
    let table = says(&world, 0, &["task-queue", "list"]);
    assert!(table.contains("3 at once"), "{table}");
    let told = says(&world, 0, &["workflow", "describe", "w19"]);
    let waits = told.contains("limited to 3 at once") || told.contains("no worker reads it");
    assert!(waits || told.contains("was sent"), "{told}");

    limit(&mut journal, &["--max-outstanding", "5"]);
    until_described(&world, "five are out", |seen| {
        seen["limits"]["outstanding"] == 5
    });
    let _worker = worker(&world);
    journal.until_so_many_ended(20);
    until_described(&world, "no place is taken", |seen| {
        seen["limits"]["outstanding"] == 0
    });

    assert_eq!(check_outstanding(journal.audit()), 5);
}

#[test]
fn a_rate_is_kept_and_lifted() {
    let world = World::new(4);
    let _engine = engine(&world);
    let _worker = worker(&world);
    let mut journal = world.journal();
    limit(&mut journal, &["--rate", "20"]);

    start(&world, (0..60).map(|number| format!("w{number}")));
    journal.until_so_many_ended(60);

    let times = home(journal.read_on()).filter_map(|(at, word)| match word {
        Word::Released(_) => Some(at),
        Word::Ended(_) | Word::Limited(_) => None,
    });
    let times: Vec<Timestamp> = times.collect();
    assert_eq!(times.len(), 60);
    for window in times.windows(23) {
        let span = window[22].since(window[0]).0;
        assert!(span >= 1_000, "23 tasks went out in {span} ms");
    }

    // What the old rate had left to wait does not count.
    limit(&mut journal, &["--rate", "1/h"]);
    start(&world, ["first".to_owned(), "second".to_owned()]);
    until_described(&world, "one has gone and one waits", |seen| {
        seen["limits"]["waiting"] == 1
    });
    limit(&mut journal, &["--rate", "100"]);
    journal.until_so_many_ended(62);

    limit(&mut journal, &["--rate", "none"]);
    start(&world, ["free".to_owned()]);
    assert_eq!(journal.until_ended("free"), Outcome::Completed);
    let scheduled = journal.newest("free").expect("it is there");
    let held = scheduled.facts.iter().any(|fact| {
        matches!(&fact.event, Event::ActivityAttemptScheduled(one) if one.held == Some(true))
    });
    assert!(!held, "a queue without limits has no detour");
    journal.audit();
}

#[test]
fn an_activity_is_paused_on_a_queue_and_resumed() {
    let world = World::new(2);
    let engine = world.engine_of(&mut world.server("victim", &["--http-port", "0"]));
    let address = http::address_of(&engine);
    let _worker = worker(&world);
    let mut journal = world.journal();
    let of = ["--type", "work", "--reason", "the bank is down"];
    let said = change(&mut journal, "pause", &of);
    assert!(
        said.starts_with("Activity work on queue orders is paused"),
        "{said}"
    );

    start(&world, ["w".to_owned()]);
    let told = until("it waits", || {
        let told = says(&world, 0, &["workflow", "describe", "w"]);
        told.contains("which is paused by").then_some(told)
    });
    assert!(told.contains("the bank is down"), "{told}");
    for path in ["/api/v1/workflows/w", "/api/v1/workflows"] {
        let told = until("the projection has it, too", || {
            let answer = http::get(&address, path);
            let is_there = answer.body.contains("\"kind\":\"queue\"");
            is_there.then_some(answer.body)
        });
        assert!(told.contains("which is paused by"), "{path}: {told}");
        assert!(told.contains("the bank is down"), "{path}: {told}");
    }
    let seen = until_described(&world, "one is held back", |seen| {
        seen["limits"]["held_back"] == 1
    });
    assert_eq!(seen["limits"]["paused"][0]["activity"], "work");
    assert_eq!(seen["backlog"], 0);

    change(&mut journal, "resume", &of);
    assert_eq!(journal.until_ended("w"), Outcome::Completed);
    journal.audit();
}

#[test]
fn what_is_paused_while_it_waits_for_its_turn_is_not_sent_when_that_comes() {
    let world = World::new(4);
    let _engine = engine(&world);
    let _worker = worker(&world);
    let mut journal = world.journal();
    change(&mut journal, "pause", &[]);
    start(&world, ["a", "b", "c"].map(str::to_owned));
    until_described(&world, "all wait", |seen| seen["limits"]["held_back"] == 3);

    says(&world, 0, &["workflow", "pause", "a"]);
    says(&world, 0, &["activity", "pause", "b", "1"]);
    until_described(&world, "they have left the line", |seen| {
        seen["limits"]["held_back"] == 1
    });
    change(&mut journal, "resume", &[]);
    assert_eq!(journal.until_ended("c"), Outcome::Completed);
    for id in ["a", "b"] {
        let told = says(&world, 0, &["workflow", "describe", id]);
        assert!(told.to_lowercase().contains("paused by"), "{told}");
        let names = journal.names(id);
        assert!(!names.contains(&"ActivityCompleted"), "{names:?}");
    }

    says(&world, 0, &["workflow", "resume", "a"]);
    says(&world, 0, &["activity", "resume", "b", "1"]);
    for id in ["a", "b"] {
        assert_eq!(journal.until_ended(id), Outcome::Completed);
    }
    journal.read_on();
    assert_eq!(check_outstanding(&journal), 1);
    journal.audit();
}

#[test]
fn a_run_with_very_many_activities_does_not_keep_the_others_waiting() {
    let world = World::new(4);
    let _engine = engine(&world);
    let mut journal = world.journal();
    limit(&mut journal, &["--max-outstanding", "10"]);
    let many = sagas(1_000, 10_000);
    world
        .request("sagaline.workflow.start.v1", "greedy")
        .header("sl-workflow", "fan")
        .json(&json!(many))
        .send();
    until_described(&world, "most of them wait", |seen| {
        seen["limits"]["waiting"] == many - 10
    });

    let _worker = worker(&world);
    start(&world, (0..20).map(|number| format!("w{number}")));
    journal.until_so_many_ended(20);
    let waiting = describe(&world)["limits"]["waiting"]
        .as_u64()
        .unwrap_or_default();

    assert!(journal.outcome("greedy").is_none(), "it is the last to end");
    say(&format!(
        "20 small runs ended while {waiting} tasks of the large one waited"
    ));
    assert_eq!(journal.until_ended("greedy"), Outcome::Completed);
    until_described(&world, "no place is taken", |seen| {
        seen["limits"]["outstanding"] == 0
    });
    check_outstanding(journal.audit());
}

#[test]
fn no_place_of_a_limited_queue_is_lost_when_engines_are_killed() {
    let world = World::new(6);
    let mut journal = world.journal();
    let mut engines = [engine(&world), engine(&world)];
    for engine in &engines {
        journal.until_owner(engine);
    }
    let _worker = worker(&world);
    limit(&mut journal, &["--max-outstanding", "8"]);
    let half = sagas(300, 5_000) / 2;

    for (round, killed) in engines.iter_mut().enumerate() {
        let ids = round * half..(round + 1) * half;
        start(&world, ids.map(|number| format!("w{number}")));
        let ended = journal.read_on().ended();
        journal.until_so_many_ended(ended + half / 5);
        killed.kill();
        *killed = engine(&world);
    }
    journal.until_so_many_ended(2 * half);
    until_described(&world, "no place is taken", |seen| {
        seen["limits"]["outstanding"] == 0 && seen["limits"]["waiting"] == 0
    });

    check_outstanding(journal.audit());
}

#[test]
fn what_is_no_change_of_a_queue_is_refused_and_changes_nothing() {
    let world = World::new(2);
    let _engine = engine(&world);
    let mut journal = world.journal();

    for arguments in [
        &["task-queue", "limit", QUEUE][..],
        &["task-queue", "limit", QUEUE, "--rate", "0"],
        &["task-queue", "limit", QUEUE, "--max-outstanding", "-1"],
    ] {
        says(&world, 2, arguments);
    }
    let said = says(&world, 4, &["task-queue", "limit", QUEUE, "--rate", "1e9"]);
    assert!(said.contains("1000000 a second"), "{said}");
    says(&world, 4, &["task-queue", "describe", "nobody-s"]);
    let forged = world
        .request("sagaline.queue.change.v1", QUEUE)
        .header("sl-act", "pause")
        .header("sl-actor", "mallory")
        .header("sl-mac", "development:AAAA")
        .send();

    journal.until("it is rejected", |journal| {
        journal.rejected(&forged).map(|_| ())
    });
    let reason = journal.rejected(&forged).map(|one| one.reason);
    assert_eq!(reason, Some(RejectReason::Forged));
    start(&world, ["w".to_owned()]);
    until("the task is sent", || {
        let tasks = world.read(&topic::tasks(&world.namespace, QUEUE));
        (!tasks.is_empty()).then_some(())
    });
}
