//! What people see of runs without a page: followed live, counted, refused inputs, what the doctor finds, logs.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Output},
};

use sagaline_core::Outcome;
use serde_json::{Value, json};

use crate::harness::{
    process::Process,
    python,
    records::order,
    wait::{until, until_true},
    world::{World, repository},
};

fn start(world: &World, id: &str, courier: &str) {
    let input = order(id, "visa", courier).to_string();
    let start = ["workflow", "start", "--type", "order", "--id", id];
    world.says("order-saga", 0, &[&start[..], &["-i", &input]].concat());
}

fn json_of(world: &World, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["-o", "json"]].concat();
    let said = world.says("order-saga", 0, &arguments);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Runs a command on a terminal.
fn on_terminal(columns: usize, rows: usize, command: &Command) -> Output {
    let mut pty = Command::new(python::interpreter());
    pty.arg(repository().join("tests/e2e/on_terminal.py"))
        .args([columns.to_string(), rows.to_string()])
        .arg(command.get_program())
        .args(command.get_args())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR");
    pty.output().expect("python3 is there")
}

/// What a terminal shows at last: of each line the text without colours.
fn plain(drawn: &str) -> String {
    let mut text = String::new();
    let mut rest = drawn;
    while let Some((before, escape)) = rest.split_once('\u{1b}') {
        text.push_str(before);
        let end = escape.find(|one: char| one.is_ascii_alphabetic());
        rest = end.map_or("", |end| &escape[end + 1..]);
    }
    text + rest
}

#[test]
fn a_run_is_watched_until_it_ends_as_lines_or_drawn() {
    let world = World::new(2);
    let engine = world.engine(&[]);
    let mut journal = world.journal();
    journal.until_owner(&engine);
    start(&world, "good", "ok");
    let watch = ["workflow", "watch", "good"];
    let lines = world.spawn("watch", &mut world.command("order-saga", &watch));
    let as_json = [&watch[..], &["-o", "jsonl"]].concat();
    let mut objects = world.spawn("watch-json", &mut world.command("order-saga", &as_json));
    let late = [&watch[..], &["--timeout", "300ms"]].concat();
    let said = world.says("order-saga", 5, &late);
    assert!(said.contains("workflow good is still open"), "{said}");
    until_true("the first event is seen", || {
        lines.said("WorkflowStarted") > 0
    });
    assert_eq!(lines.said("WorkflowCompleted"), 0);

    let _worker = world.worker(&[]);
    assert_eq!(journal.until_ended("good"), Outcome::Completed);

    let mut lines: Process = lines;
    assert_eq!(lines.end().code(), Some(0), "{}", lines.log());
    let log = lines.log();
    let names: Vec<&str> = log
        .lines()
        .filter_map(|line| {
            line.split_whitespace()
                .find(|word| word.starts_with("Workflow"))
        })
        .collect();
    assert_eq!(names.first(), Some(&"WorkflowStarted"), "{log}");
    assert!(names.contains(&"WorkflowCompleted"), "{log}");
    assert!(
        log.lines().last().unwrap().starts_with("Completed in "),
        "{log}"
    );
    assert!(!log.contains('\u{1b}'), "it is no terminal: {log}");
    assert_eq!(objects.end().code(), Some(0));
    let seqs: Vec<u64> = objects
        .log()
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["seq"]
                .as_u64()
                .unwrap()
        })
        .collect();
    let all: Vec<u64> = (1..=seqs.len() as u64).collect();
    assert_eq!(seqs, all, "each event once, in order");

    start(&world, "bad", "refuses");
    let drawn = on_terminal(
        70,
        20,
        &world.command("order-saga", &["workflow", "watch", "bad"]),
    );
    let text = String::from_utf8_lossy(&drawn.stdout).into_owned();
    assert_eq!(drawn.status.code(), Some(1), "{text}");
    assert!(text.contains("\u{1b}["), "{text:?}");
    let shown = plain(&text);
    assert!(shown.contains("CourierRefused"), "{shown}");
    // What stands on stderr at last is whole.
    let drawn = shown.split("error: ").next().unwrap_or_default();
    let widest = drawn.split(['\n', '\r']).map(|line| line.chars().count());
    assert!(widest.max() <= Some(70), "{shown}");
    assert_eq!(
        world
            .run("order-saga", &["workflow", "watch", "nobody"])
            .status
            .code(),
        Some(4)
    );
    journal.audit();
}

#[test]
fn lists_fit_the_terminal_and_go_whole_into_a_pipe() {
    let world = World::new(1);
    let engine = world.engine(&[]);
    world.journal().until_owner(&engine);
    let long = format!("order/{}", "ä".repeat(90));
    start(&world, &long, "ok");
    start(&world, "\u{1b}[2Jx\u{202e}", "ok");

    let list = ["workflow", "list"];
    let piped = world.says("order-saga", 0, &list);
    let drawn = on_terminal(80, 24, &world.command("order-saga", &list));
    let grey = on_terminal(
        80,
        24,
        &world.command("order-saga", &[&list[..], &["--color", "never"]].concat()),
    );

    assert!(
        piped.contains(&long) && !piped.contains('\u{1b}'),
        "{piped}"
    );
    assert!(piped.contains("␛[2Jx⟨U+202E⟩"), "{piped}");
    let drawn = String::from_utf8_lossy(&drawn.stdout).into_owned();
    assert!(drawn.contains("\u{1b}["), "{drawn:?}");
    for line in plain(&drawn).lines() {
        assert!(line.trim_end().chars().count() <= 80, "{line}");
    }
    assert!(plain(&drawn).contains("ää…"), "{drawn}");
    let grey = String::from_utf8_lossy(&grey.stdout).into_owned();
    assert!(!grey.contains('\u{1b}'), "{grey:?}");
    assert_eq!(grey, plain(&drawn), "colours move nothing");
}

#[test]
fn runs_are_counted_by_status() {
    let world = World::new(4);
    let engine = world.engine(&[]);
    let mut journal = world.journal();
    journal.until_owner(&engine);
    for id in ["a", "b", "c"] {
        start(&world, id, "ok");
    }
    world.says("order-saga", 0, &["workflow", "terminate", "c"]);
    journal.until_ended("c");

    let counts = json_of(&world, &["workflow", "count", "--group-by", "Status"]);
    let open = world.says("order-saga", 0, &["workflow", "count", "-q", "Open = true"]);
    let table = ["workflow", "count", "--group-by", "Status"];
    let table = world.says("order-saga", 0, &table);
    let wrong = ["workflow", "count", "--group-by", "status"];
    let wrong = world.says("order-saga", 2, &wrong);

    let expected = json!({"count": 3, "exact": true, "groups": [
        {"values": ["Running"], "count": 2}, {"values": ["Terminated"], "count": 1}]});
    assert_eq!(counts, expected);
    assert_eq!(open, "2\n");
    assert!(table.contains("2      Running\n"), "{table}");
    assert!(wrong.contains("did you mean Status?"), "{wrong}");
}

#[test]
fn a_record_that_came_too_early_is_sent_again_and_then_taken_once() {
    let world = World::new(4);
    let engine = world.engine(&[]);
    let mut journal = world.journal();
    journal.until_owner(&engine);
    let early = world.request("sagaline.workflow.signal.v1", "late");
    let early = early
        .header("sl-signal", "hurry")
        .header("ce_id", "hurry-1");
    early.header("ce_source", "shop").send();
    let rejected = until("the signal is rejected", || {
        let list = json_of(&world, &["input", "list-rejected", "-w", "late"]);
        list["inputs"].as_array()?.first().cloned()
    });
    assert_eq!(rejected["reason"], "no-open-run");
    assert_eq!(rejected["cause"]["source"], "shop");
    let id = rejected["id"].as_str().unwrap();

    let again = world.says("order-saga", 4, &["input", "redrive", id]);
    assert!(again.contains("1 of 1 rejected again"), "{again}");
    start(&world, "late", "ok");
    let taken = json_of(&world, &["input", "redrive", id]);
    let repeated = json_of(&world, &["input", "redrive", id]);

    assert_eq!(taken["outcome"], "taken");
    assert_eq!(repeated["outcome"], "taken", "and it changed nothing");
    let history = json_of(&world, &["workflow", "history", "late"]);
    let events = history["events"].as_array().unwrap().iter();
    let received: Vec<&Value> = events
        .filter(|event| event["type"] == "SignalReceived")
        .map(|event| &event["cause"]["id"])
        .collect();
    assert_eq!(received, ["hurry-1"]);
    let table = world.says("order-saga", 0, &["input", "list-rejected"]);
    assert!(table.contains("no-open-run"), "{table}");
    let unknown = world.says("order-saga", 4, &["input", "redrive", "0.999999"]);
    assert!(unknown.contains("there is no rejected input"), "{unknown}");
    journal.audit();
}

#[test]
fn the_doctor_looks_at_everything_and_says_what_to_do() {
    let world = World::new(2);
    let engine = world.engine(&[]);
    let mut journal = world.journal();
    journal.until_owner(&engine);
    start(&world, "a", "ok");
    journal.until_event("a", "ActivityAttemptScheduled");

    let found = until("the doctor sees the task that waits", || {
        let output = world.run("order-saga", &["doctor", "-o", "json"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap().clone();
        let waits = checks.iter().any(|check| check["finding"] == "no-worker");
        waits.then_some(checks)
    });

    let checks: BTreeSet<&str> = found
        .iter()
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    let expected = [
        "answer",
        "clock",
        "durability",
        "engine",
        "keys",
        "lag",
        "partitions",
        "protocol",
        "queue",
        "reach",
        "rights",
        "topic",
        "topics",
    ];
    assert_eq!(checks, BTreeSet::from(expected));
    let findings: BTreeSet<&str> = found
        .iter()
        .filter_map(|check| check["finding"].as_str())
        .collect();
    // A cluster of one broker, with the published key.
    let expected = ["development-key", "no-worker", "replication"];
    assert_eq!(findings, BTreeSet::from(expected), "{found:?}");
    let text_of = |check: &str| {
        let texts = found.iter().filter(|one| one["check"] == check);
        let texts: Vec<&str> = texts.map(|one| one["text"].as_str().unwrap()).collect();
        texts.join("\n")
    };
    let told = "that of Kafka ";
    assert!(
        text_of("protocol").starts_with(told),
        "{}",
        text_of("protocol")
    );
    let inbox = format!("{}.inbox: 2 partitions, 1 copy", world.namespace);
    assert!(text_of("topic").contains(&inbox), "{}", text_of("topic"));
    assert!(text_of("topic").contains("the broker's time"));
    assert!(text_of("lag").contains("all is read") || text_of("lag").contains("not read yet"));
}

#[test]
fn a_log_in_json_can_be_read_by_programs_and_names_the_workflow() {
    let world = World::new(1);
    let arguments = ["--with-worker", "--log-format", "json"];
    let engine = world.engine_of(&mut world.server("flaky-payment", &arguments));
    let input = json!({"fail_times": 9, "park": true}).to_string();
    let start = [
        "workflow",
        "start",
        "--type",
        "flaky-payment",
        "--id",
        "p-1",
    ];
    world.says("flaky-payment", 0, &[&start[..], &["-i", &input]].concat());

    until_true("the incident is logged", || {
        engine.said("a run waits for a person") > 0
    });

    let log = engine.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let incident = lines
        .iter()
        .find(|line| line["message"] == "a run waits for a person");
    let incident = incident.expect("it was said");
    assert_eq!(incident["workflow_id"], "p-1");
    assert_eq!(incident["kind"], "attempts-exhausted");
    assert_eq!(incident["activity"], "charge");
    assert!(lines.iter().all(|line| line["level"].is_string()));
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let world = World::new(1);
    let folder = world.file("man1");

    world.says("order-saga", 0, &["man", "--out", folder.to_str().unwrap()]);

    let page = |name: &str| std::fs::read_to_string(Path::new(&folder).join(name));
    assert!(page("order-saga-workflow-watch.1").unwrap().contains(".TH"));
    assert!(
        page("order-saga-input-redrive.1")
            .unwrap()
            .contains("redrive")
    );
}
