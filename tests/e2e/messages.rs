//! Queries, updates, and starts that come with a message, over Kafka: each is answered, and changes what it may.

use sagaline_core::Outcome;
use sagaline_journal::Record;
use serde_json::{Value, json};

use crate::harness::{process::Process, wait::until, world::World};

const BINARY: &str = "victim";

fn begin(world: &World) -> Process {
    let engine = world.engine_of(&mut world.server(BINARY, &["--with-worker"]));
    let start = ["workflow", "start", "--type", "basket", "--id", "b-1"];
    world.says(BINARY, 0, &start);
    engine
}

/// `workflow …` of the one basket; its words begin and end with these.
fn says(world: &World, code: i32, verb: &[&str], rest: &[&str]) -> String {
    let command = [&["workflow"], verb, &["b-1"], rest].concat();
    world.says(BINARY, code, &command).trim().to_owned()
}

fn add(world: &World, code: i32, number: &str, update_id: &str) -> String {
    let rest = ["--name", "add", "--input", number, "--update-id", update_id];
    says(world, code, &["update", "execute"], &rest)
}

fn numbers(world: &World) -> Value {
    let said = says(world, 0, &["query"], &["--name", "numbers"]);
    serde_json::from_str(&said).expect("it prints JSON")
}

/// The answers so far: outcome and error type.
fn outcomes(world: &World, correlation: &str) -> Vec<(String, String)> {
    let text = |reply: &Record, name| {
        let value = reply.header(name).unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    };
    let replies = world.replies(correlation);
    let outcome = |one| (text(one, "sl-outcome"), text(one, "sl-error-type"));
    replies.iter().map(outcome).collect()
}

/// Waits until the last answer has come.
fn until_answered(world: &World, correlation: &str) -> (String, String) {
    until(&format!("an answer to {correlation}"), || {
        let last = outcomes(world, correlation).pop();
        last.filter(|(outcome, _)| outcome != "accepted")
    })
}

#[test]
fn a_query_is_answered_and_leaves_no_event() {
    let world = World::new(2);
    let _engine = begin(&world);
    let mut journal = world.journal();
    add(&world, 0, "7", "u-1");
    journal.until_inputs_are_read();
    let before = journal.newest("b-1").unwrap().facts.len();

    assert_eq!(numbers(&world), json!([7]));
    let ask = |code, rest: &[&str]| says(&world, code, &["query"], rest);
    let unknown = ask(1, &["--name", "sum"]);
    let panicked = ask(1, &["--name", "explode"]);
    let large = ask(1, &["--name", "large", "--input", "1000000"]);
    let wrong = ask(1, &["--name", "large", "--input", "\"x\""]);
    world
        .request("sagaline.workflow.query.v1", "b-2")
        .header("sl-query", "numbers")
        .answered_as("nobody")
        .send();

    assert!(unknown.contains("sagaline.UnknownQuery"), "{unknown}");
    assert!(unknown.contains("numbers, explode, large"), "{unknown}");
    assert!(panicked.contains("the query has a bug"), "{panicked}");
    assert!(large.contains("sagaline.PayloadTooLarge"), "{large}");
    assert!(wrong.contains("input of query `large`"), "{wrong}");
    let nobody = until_answered(&world, "nobody");
    assert_eq!(nobody, ("rejected".into(), "sagaline.NotFound".into()));
    assert_eq!(numbers(&world), json!([7]));
    journal.until_inputs_are_read();
    assert_eq!(journal.newest("b-1").unwrap().facts.len(), before);

    says(&world, 0, &["signal"], &["--name", "close"]);
    assert_eq!(journal.until_ended("b-1"), Outcome::Completed);
    let closed = ask(4, &["--name", "numbers"]);
    assert!(closed.contains("is Completed"), "{closed}");
    journal.audit();
}

#[test]
fn an_update_is_done_once_and_answered_whatever_crashes() {
    let world = World::new(1);
    let mut engine = begin(&world);
    let mut journal = world.journal();

    assert_eq!(add(&world, 0, "7", "u-1"), "1");
    let start = [
        "--name",
        "work-and-add",
        "--input",
        "1000",
        "--update-id",
        "u-2",
    ];
    let started = says(&world, 0, &["update", "start"], &start);
    assert!(
        started.contains("takes work-and-add, update u-2."),
        "{started}"
    );
    engine.kill();
    // While nobody is there both are asked for again.
    for (id, name, input) in [("u-1", "add", "7"), ("u-2", "work-and-add", "1000")] {
        world
            .request("sagaline.workflow.update.v1", "b-1")
            .header("sl-update", name)
            .header("sl-update-id", id)
            .answered_as(id)
            .value(input)
            .send();
    }
    let _engine = world.engine_of(&mut world.server(BINARY, &["--with-worker"]));

    assert_eq!(until_answered(&world, "u-1").0, "completed");
    assert_eq!(until_answered(&world, "u-2").0, "completed");
    assert_eq!(world.replies("u-1")[0].value(), Some(&b"1"[..]));
    let result = says(&world, 0, &["update", "result"], &["--update-id", "u-2"]);
    assert_eq!(result, "1");
    assert_eq!(numbers(&world), json!([7, 1]));
    says(&world, 0, &["signal"], &["--name", "close"]);
    assert_eq!(journal.until_ended("b-1"), Outcome::Completed);
    assert_eq!(journal.newest("b-1").unwrap().count("UpdateAccepted"), 2);
    assert_eq!(journal.newest("b-1").unwrap().count("UpdateCompleted"), 2);
    let result = says(&world, 0, &["update", "result"], &["--update-id", "u-2"]);
    assert_eq!(result, "1");
    journal.audit();
}

#[test]
fn an_update_that_is_refused_changes_nothing_and_stays_refused() {
    let world = World::new(1);
    let _engine = begin(&world);
    let mut journal = world.journal();

    add(&world, 0, "7", "u-1");
    let twice = add(&world, 4, "7", "u-2");
    let panicked = add(&world, 4, "13", "u-3");
    let again = add(&world, 4, "8", "u-3");
    let nameless = world
        .request("sagaline.workflow.update.v1", "b-1")
        .answered_as("nameless")
        .send();

    assert!(twice.contains("7 is in there"), "{twice}");
    let why = "update add of b-1 was refused: sagaline.Panic: the validator has a bug";
    assert!(panicked.contains(why), "{panicked}");
    assert!(panicked.contains("hint: "), "{panicked}");
    assert_eq!(again, panicked, "the same update is not asked about again");
    assert_eq!(until_answered(&world, "nameless").0, "rejected");
    assert_eq!(numbers(&world), json!([7]));
    says(&world, 0, &["signal"], &["--name", "close"]);
    assert_eq!(journal.until_ended("b-1"), Outcome::Completed);
    assert!(journal.rejected(&nameless).is_some());
    let closed = add(&world, 4, "9", "u-4");
    assert!(closed.contains("is Completed"), "{closed}");
    assert_eq!(journal.newest("b-1").unwrap().count("UpdateRejected"), 2);
    journal.audit();
}

#[test]
fn updates_that_are_under_way_when_their_run_closes_are_told() {
    let world = World::new(1);
    let _engine = world.engine_of(&mut world.server(BINARY, &[]));
    let start = ["workflow", "start", "--type", "basket", "--id", "b-1"];
    world.says(BINARY, 0, &start);
    let mut journal = world.journal();
    world
        .request("sagaline.workflow.update.v1", "b-1")
        .header("sl-update", "work-and-add")
        .header("ce_id", "u-1")
        .answered_as("u-1")
        .value("1")
        .send();
    journal.until_event("b-1", "UpdateAccepted");

    says(&world, 0, &["terminate"], &[]);

    let told = until_answered(&world, "u-1");
    assert_eq!(told, ("failed".into(), "sagaline.Closed".into()));
    let said = says(&world, 1, &["update", "result"], &["--update-id", "u-1"]);
    assert!(said.contains("the run closed before"), "{said}");
    journal.audit();
}

#[test]
fn a_start_with_a_signal_or_an_update_starts_once_and_sends_each_once() {
    let world = World::new(2);
    let _engine = world.engine_of(&mut world.server(BINARY, &[]));
    let mut journal = world.journal();
    let with_update = |id: &str, number: &str| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        world
            .request("sagaline.workflow.update-with-start.v1", "b-1")
            .header("sl-workflow", "basket")
            .header("sl-update", "add")
            .header("ce_id", id)
            .header("sl-update-input", STANDARD.encode(number))
            .answered_as(id)
    };

    with_update("u-1", "7").send();
    with_update("u-2", "8").send();
    with_update("u-1", "7").send();
    with_update("u-3", "0").send();
    assert_eq!(until_answered(&world, "u-1").0, "completed");
    assert_eq!(until_answered(&world, "u-2").0, "completed");
    assert_eq!(until_answered(&world, "u-3").0, "rejected");
    assert_eq!(numbers(&world), json!([7, 8]));
    let close = |key: &str| {
        let command = [
            ["workflow", "signal-with-start"],
            ["--type", "basket"],
            ["--id", "b-1"],
            ["--name", "close"],
            ["--id-reuse", "allow-duplicate"],
            ["--idempotency-key", key],
        ];
        world.says(BINARY, 0, command.as_flattened())
    };
    let said = close("k-1");
    assert!(said.contains("this run was open already"), "{said}");
    assert_eq!(journal.until_ended("b-1"), Outcome::Completed);

    let said = close("k-2");
    assert!(said.contains("now"), "{said}");
    until("the second run", || {
        journal.until_inputs_are_read();
        (journal.newest("b-1")?.count("UpdateAccepted") == 0).then_some(())
    });
    assert_eq!(journal.until_ended("b-1"), Outcome::Completed);
    let newest = journal.newest("b-1").unwrap();
    assert_eq!(newest.count("SignalReceived"), 1);
    assert_eq!(newest.count("UpdateAccepted"), 0);
    journal.audit();
}

#[test]
fn a_person_starts_a_run_with_an_update_and_is_told_its_answer() {
    let world = World::new(2);
    let _engine = world.engine_of(&mut world.server(BINARY, &[]));
    let mut journal = world.journal();
    let add = |code: i32, number: &str, rest: &[&str]| {
        let start = ["--type", "basket", "--id", "b-1", "--name", "add"];
        let command = ["workflow", "update-with-start", "--update-input", number];
        world.says(BINARY, code, &[&command[..], &start, rest].concat())
    };

    let first = add(0, "7", &[]);
    let second = add(
        0,
        "8",
        &["--update-id", "u-2", "--wait", "accepted", "-o", "json"],
    );
    let again = add(0, "8", &["--update-id", "u-2"]);
    let refused = add(4, "0", &[]);

    assert_eq!(first.trim(), "1");
    let second: Value = serde_json::from_str(&second).expect("it prints JSON");
    assert_eq!(
        (&second["workflow_id"], &second["update_id"]),
        (&json!("b-1"), &json!("u-2"))
    );
    assert_eq!(again.trim(), "2");
    assert!(refused.contains("0"), "{refused}");
    assert_eq!(numbers(&world), json!([7, 8]));
    journal.until_inputs_are_read();
    assert_eq!(journal.ids["b-1"].len(), 1);
    journal.audit();
}

#[test]
fn a_document_is_reviewed_by_a_person_who_sees_what_there_is_to_answer() {
    let world = World::new(2);
    let binary = "manual-review";
    let _engine = world.engine_of(&mut world.server(binary, &["--with-worker"]));
    let mut journal = world.journal();
    let workflow = |rest: &[&str]| world.says(binary, 0, &[&["workflow"], rest].concat());
    let start = ["start", "--type", "manual-review", "--id", "d-1"];
    workflow(&[&start[..], &["--input", "{\"title\": \"Catalogue\"}"]].concat());
    journal.until_event("d-1", "WaitRecorded");

    let state = workflow(&["query", "d-1", "--name", "state"]);
    let described = workflow(&["describe", "d-1"]);
    let send = ["signal", "d-1", "--name", "review-complete", "--input"];
    workflow(&[&send[..], &["{\"approved\": true}"]].concat());

    let state: Value = serde_json::from_str(&state).expect("it prints JSON");
    assert_eq!(state, json!({"title": "Catalogue", "stage": "waiting"}));
    let answer = "Answer         Approve: review-complete {\"approved\":true}";
    assert!(described.contains(answer), "{described}");
    assert_eq!(journal.until_ended("d-1"), Outcome::Completed);
    let result = workflow(&["result", "d-1"]);
    assert_eq!(result.trim(), "\"https://example.org/Catalogue\"");
    journal.audit();
}
