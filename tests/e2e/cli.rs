//! The command line, over Kafka alone.

use sagaline_core::Outcome;
use serde_json::{Value, json};

use crate::harness::{
    load::{self, Load},
    records::order,
    wait::until,
    world::World,
};

/// Runs a command that ends with this code, and gives what it printed.
fn run(world: &World, code: i32, arguments: &[&str]) -> String {
    let output = world.run("order-saga", arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("it prints text")
}

fn as_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// `workflow start` or `execute` of an order.
fn begin(world: &World, code: i32, verb: &str, id: &str, courier: &str) -> String {
    let input = order(id, "visa", courier).to_string();
    let arguments = [
        "workflow", verb, "--type", "order", "--id", id, "--input", &input,
    ];
    run(world, code, &arguments)
}

#[test]
fn commands_start_workflows_and_print_how_they_ended() {
    let world = World::new(4);
    let engine = world.engine(&[]);
    let _worker = world.worker(&[]);
    let mut journal = world.journal();
    journal.until_owner(&engine);

    let good = as_json(&begin(&world, 0, "execute", "good", "ok"));
    begin(&world, 1, "execute", "bad", "refuses");

    assert_eq!(
        good["charge"],
        json!({"payment": "card-good", "amount": 49.9})
    );
    assert_eq!(
        as_json(&run(&world, 0, &["workflow", "result", "good"])),
        good
    );
    run(&world, 1, &["workflow", "result", "bad"]);
    // The same start again, when its run is over, does nothing again, and says what it came to.
    let again = |verb: &str| {
        let input = order("again", "visa", "ok").to_string();
        let start = [
            "workflow", verb, "--type", "order", "--id", "again", "--input", &input,
        ];
        as_json(&run(
            &world,
            0,
            &[&start[..], &["--idempotency-key", "k", "-o", "json"]].concat(),
        ))
    };
    let first = again("execute");
    assert_eq!(again("execute"), first);
    assert_eq!(again("start")["started"], json!(false));
    let ends = ["good", "bad"].map(|id| {
        let asked = world.request("sagaline.workflow.describe.v1", id);
        asked.answered_as(&format!("{id}-asked")).send();
        let answer = until("the engine answers", || {
            world.replies(&format!("{id}-asked")).into_iter().next()
        });
        as_json(std::str::from_utf8(answer.value().unwrap()).unwrap())["status"].clone()
    });
    assert_eq!(ends, ["Completed", "Failed"], "an owner remembers");
    run(&world, 4, &["workflow", "describe", "nobody"]);
    let history = run(&world, 0, &["workflow", "history", "bad"]);
    for word in ["CompensationStarted", "CourierRefused", "release-stock"] {
        assert!(history.contains(word), "{word}: {history}");
    }
    journal.audit();
}

#[test]
fn commands_show_open_workflows_and_stop_them() {
    let world = World::new(4);
    let engine = world.engine(&[]);
    let mut journal = world.journal();
    journal.until_owner(&engine);

    begin(&world, 0, "start", "one", "ok");
    begin(&world, 0, "start", "two", "ok");
    let one = as_json(&run(
        &world,
        0,
        &["workflow", "describe", "one", "-o", "json"],
    ));
    let arguments = ["workflow", "terminate", "two", "--reason", "a drill"];
    let told = as_json(&run(&world, 0, &[&arguments[..], &["-o", "json"]].concat()));
    let list = as_json(&run(&world, 0, &["workflow", "list", "-o", "json"]));

    assert_eq!(
        (&one["status"], &one["pending_activities"][0]["activity"]),
        (&json!("Running"), &json!("reserve-stock"))
    );
    let rows = list["workflows"].as_array().unwrap().iter();
    let mut rows: Vec<_> = rows
        .map(|row| [&row["workflow_id"], &row["status"]].map(|text| text.as_str().unwrap()))
        .collect();
    rows.sort_unstable();
    assert_eq!(rows, [["one", "Running"], ["two", "Terminated"]]);
    assert_eq!(journal.until_ended("two"), Outcome::Terminated);
    let names = journal.names("two");
    let ended = names.iter().position(|&name| name == "WorkflowTerminated");
    assert_eq!(told["event_seq"], json!(ended.unwrap() + 1), "{told}");
    journal.audit();
}

#[test]
fn what_commands_read_in_the_journal_of_a_killed_engine_is_what_the_engine_wrote() {
    let world = World::new(4);
    let mut engine = world.engine(&[]);
    let _worker = load::worker(&world);
    let mut journal = world.journal();
    let load = Load::start(&world, 60);
    journal.until_so_many_ended(10);
    engine.kill();
    let _engine = world.engine(&[]);
    load.until_ended(&mut journal);
    load.check(journal.audit());

    run(&world, 0, &["journal", "verify"]);
    let lines = run(
        &world,
        0,
        &["journal", "tail", "--from", "earliest", "--until-end"],
    );

    let mut printed: Vec<(i64, i64, usize)> = Vec::new();
    for line in lines.lines().map(as_json) {
        let events = line["events"].as_array().unwrap().len();
        printed.push((
            line["partition"].as_i64().unwrap(),
            line["offset"].as_i64().unwrap(),
            events,
        ));
    }
    printed.sort_unstable();
    let mut ours = std::collections::BTreeMap::new();
    for run in journal.runs.values() {
        for fact in &run.facts {
            *ours
                .entry((i64::from(run.partition), fact.offset))
                .or_insert(0) += 1;
        }
    }
    let ours: Vec<_> = ours
        .into_iter()
        .map(|((partition, offset), events)| (partition, offset, events))
        .collect();
    assert_eq!(printed, ours);
}

#[test]
fn search_attributes_and_memo_are_kept_as_they_were_given() {
    let world = World::new(2);
    let engine = world.engine(&[]);
    let mut journal = world.journal();
    journal.until_owner(&engine);
    let input = order("a", "visa", "ok").to_string();
    let start = [
        "workflow", "start", "--type", "order", "--id", "a", "--input", &input,
    ];
    let about = [
        "--search-attribute",
        "total=49.90",
        "--search-attribute",
        "customer=c-7",
        "--memo",
        "note={\"by\":  \"ann\"}",
    ];

    run(&world, 0, &[&start[..], &about].concat());
    world
        .start_order("b", &order("b", "visa", "ok"))
        .header("sl-attr-9", "1")
        .answered_as("b")
        .send();

    let described = run(&world, 0, &["workflow", "describe", "a", "-o", "json"]);
    let listed = run(&world, 0, &["workflow", "list", "-o", "json"]);
    for said in [&described, &listed] {
        assert!(said.contains("49.90"), "{said}");
        let row = as_json(said);
        let row = row.get("workflows").map_or(&row, |rows| &rows[0]);
        assert_eq!(
            row["attributes"],
            json!({"customer": "c-7", "total": 49.90})
        );
    }
    assert!(described.contains(r#"{"by":  "ann"}"#), "{described}");
    let text = run(&world, 0, &["workflow", "describe", "a"]);
    assert!(text.contains("Attribute      customer=\"c-7\""), "{text}");
    let history = run(&world, 0, &["workflow", "history", "a", "-o", "json"]);
    assert!(history.contains("49.90"), "{history}");
    let asked = world
        .request("sagaline.workflow.describe.v1", "a")
        .answered_as("asked");
    asked.send();
    let answer = until("the engine answers", || {
        world.replies("asked").into_iter().next()
    });
    let answer = String::from_utf8(answer.value().unwrap().to_vec()).unwrap();
    assert!(answer.contains(r#""total":49.90"#), "{answer}");
    let refused = until("b is refused", || world.replies("b").into_iter().next());
    let why = String::from_utf8_lossy(refused.header("sl-error-message").unwrap()).into_owned();
    assert!(why.contains("`9` is no name"), "{why}");
    journal.audit();
}

#[test]
fn an_act_on_a_queue_says_what_is_in_force_then() {
    let world = World::new(2);
    let engine = world.engine(&[]);
    world.journal().until_owner(&engine);
    let act = |code: i32, arguments: &[&str]| {
        let said = run(&world, code, &[&["task-queue"], arguments].concat());
        said.trim_end().to_owned()
    };

    act(0, &["pause", "q", "--reason", "the bank\u{1b}[2J\nis down"]);
    let said = act(0, &["resume", "q", "--type", "work"]);
    assert!(
        said.contains("work on queue q is not paused, but all of"),
        "{said}"
    );
    assert!(said.contains("\"the bank␛[2J␊is down\""), "{said}");
    let told = act(0, &["describe", "q"]);
    assert!(told.contains("\"the bank␛[2J␊is down\""), "{told}");

    assert_eq!(act(0, &["resume", "q"]), "Queue q is not paused.");
    act(0, &["pause", "q", "--type", "work"]);
    let said = act(0, &["resume", "q"]);
    assert!(said.contains("In force: work paused by"), "{said}");
    act(0, &["limit", "q", "--rate", "100/h"]);
    let said = act(0, &["limit", "q", "--rate", "100/h"]);
    assert!(
        said.contains("In force: 100 an hour; work paused by"),
        "{said}"
    );
    act(0, &["resume", "q", "--type", "work"]);
    let said = act(0, &["limit", "q", "--rate", "none"]);
    assert_eq!(said, "Queue q has no limit.");
    let list = act(0, &["list"]);
    assert!(!list.contains("q "), "it had limits once, no more: {list}");
    for arguments in [
        &["limit", "q", "--rate", "inf"][..],
        &["limit", "q", "--rate", "0.5/h"],
        &["pause", "a/b c"],
    ] {
        act(2, arguments);
    }
}
