//! Schedules: what is due begins on time and once, whatever crashes, and people steer it by the command line.

use std::collections::BTreeMap;

use sagaline_core::Event;
use serde_json::{Value, json};

use crate::harness::{journal::Journal, process::Process, sagas, say, world::World};

const BINARY: &str = "victim";

fn server(world: &World) -> Process {
    world.engine_of(&mut world.server(BINARY, &["--with-worker"]))
}

/// `schedule VERB NAME …`
fn says(world: &World, code: i32, verb: &str, name: &str, rest: &[&str]) -> String {
    let command = [&["schedule", verb, name], rest].concat();
    world.says(BINARY, code, &command).trim().to_owned()
}

fn json_of(world: &World, verb: &str, name: &str, rest: &[&str]) -> Value {
    let said = says(world, 0, verb, name, &[&["-o", "json"], rest].concat());
    serde_json::from_str(&said).expect("it prints JSON")
}

/// A schedule each second of a workflow without steps.
fn create(world: &World, name: &str, rest: &[&str]) {
    let each_second = ["--interval", "1s", "--type", "steps", "--input", "[]"];
    let said = says(world, 0, "create", name, &[&each_second, rest].concat());
    assert_eq!(said, format!("Created schedule {name}."));
}

/// What the schedule has started: due times in milliseconds, and when each began.
fn begun(journal: &Journal<'_>, name: &str) -> BTreeMap<i64, i64> {
    let mut begun = BTreeMap::new();
    for run in journal.runs.values() {
        let due = run.workflow_id.strip_prefix(&format!("{name}/"));
        let due = due.and_then(|due| due.parse::<Instant>().ok());
        if let (Some(due), Some(first)) = (due, run.facts.first()) {
            assert!(matches!(first.event, Event::WorkflowStarted(_)));
            let before = begun.insert(due.0, first.at.as_micros());
            assert_eq!(before, None, "{name} started twice what was due at {due:?}");
        }
    }
    begun
}

/// An instant of RFC 3339 in microseconds.
#[derive(Debug)]
struct Instant(i64);

impl std::str::FromStr for Instant {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at: sagaline::schedule::Instant = serde_json::from_value(json!(text))?;
        Ok(Self(at.0.as_micros()))
    }
}

/// Waits until it has started what was due in so many seconds one behind the other, from the first on.
fn until_begun(journal: &mut Journal<'_>, name: &str, count: usize) {
    journal.until(&format!("{name} has started {count}"), |journal| {
        let begun = begun(journal, name);
        let (first, _) = begun.first_key_value()?;
        let is_begun = |second: usize| begun.contains_key(&(first + second as i64 * 1_000_000));
        (0..count).all(is_begun).then_some(())
    });
}

#[test]
fn what_is_due_each_second_begins_on_time_and_never_before() {
    let world = World::new(4);
    let _engine = server(&world);
    let names: Vec<String> = (0..5).map(|number| format!("tick-{number}")).collect();
    for name in &names {
        create(&world, name, &[]);
    }
    let mut journal = world.journal();

    let each = sagas(8, 60);
    for name in &names {
        until_begun(&mut journal, name, each);
    }

    let mut late: Vec<i64> = Vec::new();
    for name in &names {
        let begun = begun(&journal, name);
        late.extend(begun.iter().map(|(due, at)| at - due));
    }
    late.sort_unstable();
    let at = |percent: usize| late[(late.len() - 1) * percent / 100] as f64 / 1_000.0;
    say(&format!(
        "{} starts: p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms after they were due",
        late.len(),
        at(50),
        at(99),
        at(100)
    ));
    assert!(late[0] >= 0, "one began before it was due");
    // Other tests run beside: this says only that nothing waits for a tick of something.
    assert!(at(50) < 250.0, "half of all were {} ms late", at(50));
    journal.audit();
}

#[test]
fn nothing_is_missed_or_started_twice_when_the_engine_is_killed() {
    let world = World::new(4);
    let mut engine = server(&world);
    create(&world, "tick", &["--overlap", "allow_all"]);
    let mut journal = world.journal();

    for count in [3, 6, 9] {
        until_begun(&mut journal, "tick", count);
        engine.kill();
        engine = server(&world);
    }
    until_begun(&mut journal, "tick", 15);

    // More than that is not there: all are due at full seconds, and `begun` has seen none twice.
    let due = begun(&journal, "tick").into_keys();
    let odd: Vec<i64> = due.filter(|due| due % 1_000_000 != 0).collect();
    assert_eq!(odd, [0; 0]);
    journal.audit();
}

const YEARLY: [&str; 6] = ["--cron", "@yearly", "--type", "steps", "--input", "[]"];

#[test]
fn people_start_and_catch_up_by_the_command_line() {
    let world = World::new(2);
    let _engine = server(&world);
    let mut journal = world.journal();
    says(&world, 0, "create", "rare", &YEARLY);

    let started = json_of(&world, "trigger", "rare", &[]);
    let workflow_id = started["workflow_id"].as_str().expect("it was started");
    assert!(workflow_id.starts_with("rare/20"), "{workflow_id}");
    journal.until_ended(workflow_id);
    let time = [
        "--from",
        "2020-01-01T00:00:00Z",
        "--to",
        "2022-06-01T00:00:00Z",
    ];
    says(&world, 0, "backfill", "rare", &time);
    for year in 2020..=2022 {
        journal.until_ended(&format!("rare/{year}-01-01T00:00:00Z"));
    }

    says(&world, 0, "pause", "rare", &["--note", "on holiday"]);
    let described = says(&world, 0, "describe", "rare", &[]);
    for text in [
        "paused",
        "on holiday",
        "@yearly",
        "rare/2021-01-01T00:00:00Z",
    ] {
        assert!(described.contains(text), "{described}");
    }
    let about = json_of(&world, "describe", "rare", &[]);
    assert_eq!(about["schedule"]["paused"], json!(true));
    assert_eq!(about["schedule"]["action"]["input"], json!([]));
    assert_eq!(about["counts"]["taken"], json!(4));
    journal.audit();
}

#[test]
fn people_change_list_and_delete_by_the_command_line() {
    let world = World::new(2);
    let _engine = server(&world);
    let mut journal = world.journal();
    says(&world, 0, "create", "rare", &YEARLY);
    says(&world, 0, "pause", "rare", &[]);

    let noon = ["--cron", "0 12 * * *", "--time-zone", "Asia/Tokyo"];
    says(&world, 0, "update", "rare", &noon);
    says(&world, 0, "resume", "rare", &["--note", "back again"]);

    let next = json_of(&world, "next", "rare", &["--count", "2"]);
    let due = next["next"][1]["due_at"].as_str().expect("it is due");
    assert!(due.ends_with("T03:00:00Z"), "{next}");
    let none = says(&world, 2, "next", "rare", &["--count", "0"]);
    assert!(none.contains("--count"), "{none}");
    let list = ["schedule", "list", "-o", "json"];
    let listed: Value = serde_json::from_str(&world.says(BINARY, 0, &list)).unwrap();
    let rare = &listed["schedules"][0];
    assert_eq!(rare["name"], json!("rare"));
    assert_eq!(rare["description"]["schedule"]["note"], json!("back again"));
    let deleted = says(&world, 0, "delete", "rare", &[]);
    assert_eq!(deleted, "Deleted schedule rare.");
    journal.until_ended("schedule/rare");
    let table = world.says(BINARY, 0, &["schedule", "list"]);
    assert!(!table.contains("rare"), "{table}");
    // Its name is free again.
    says(&world, 0, "create", "rare", &YEARLY);
    journal.audit();
}

#[test]
fn what_cannot_be_a_schedule_is_refused_with_a_reason() {
    let world = World::new(2);
    let _engine = server(&world);
    says(&world, 0, "create", "rare", &YEARLY);

    let again = says(&world, 4, "create", "rare", &YEARLY);
    let wrong = ["--cron", "99 * * * *", "--type", "steps"];
    let wrong = says(&world, 2, "create", "odd", &wrong);
    let unknown = says(&world, 4, "describe", "odd", &[]);
    let start = ["workflow", "start", "--type", "steps", "--id"];
    let reserved = world.says(BINARY, 4, &[&start[..], &["schedule/mine"]].concat());
    let batch = world.says(BINARY, 4, &[&start[..], &["batch/1"]].concat());

    for (said, expected) in [
        (again, "there is a schedule rare already"),
        (wrong, "spec: cron[0]: `99 * * * *`: minute: `99`: 0 to 59"),
        (unknown, "there is no schedule odd"),
        (reserved, "sagaline.schedule alone"),
        (batch, "sagaline.batch alone"),
    ] {
        assert!(said.contains(expected), "{said}");
    }
    world.journal().audit();
}

#[test]
fn a_schedule_whose_run_a_person_holds_up_says_so_until_it_is_resumed() {
    let world = World::new(1);
    let _engine = server(&world);
    let each_year = ["--cron", "@yearly", "--type", "steps", "--input", "49.90"];
    says(&world, 0, "create", "rare", &each_year);

    world.says(BINARY, 0, &["workflow", "pause", "schedule/rare"]);

    let listed = world.says(BINARY, 0, &["schedule", "list"]);
    assert!(listed.contains("paused run  rare"), "{listed}");
    let described = says(&world, 0, "describe", "rare", &[]);
    assert!(described.contains("paused run"), "{described}");
    let described = json_of(&world, "describe", "rare", &[]);
    assert_eq!(described["run_paused"], true);
    assert_eq!(described["schedule"]["paused"], false);

    world.says(BINARY, 0, &["workflow", "resume", "schedule/rare"]);
    let listed = world.says(BINARY, 0, &["schedule", "list"]);
    assert!(listed.contains("active  rare"), "{listed}");
    let described = json_of(&world, "describe", "rare", &[]);
    assert_eq!(described["run_paused"], false, "{described}");
}
