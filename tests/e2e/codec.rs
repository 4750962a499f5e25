//! Encrypted payloads: no plain text of them is in Kafka, and the app's own processes read all of it.

use std::fs;

use sagaline_core::{Event, Outcome};
use serde_json::{Value, json};

use crate::harness::{journal::Journal, world::World};

/// What the app is given, in every way in which something can be given to it.
const SECRETS: [&str; 5] = ["Lovelace", "typewriter", "Hill Street", "cellar", "Babbage"];

const APP: &str = "encrypted-order";

fn start(world: &World, id: &str, customer: &str) {
    let input = json!({"customer": customer, "item": "typewriter"}).to_string();
    let start = ["workflow", "start", "--type", APP, "--id", id, "--input"];
    world.says(APP, 0, &[&start[..], &[&input]].concat());
}

fn signal(world: &World, id: &str, address: &str) {
    let address = json!(address).to_string();
    let signal = ["workflow", "signal", id, "--name", "address", "--input"];
    world.says(APP, 0, &[&signal[..], &[&address]].concat());
}

fn printed(world: &World, command: &[&str]) -> Value {
    let printed = world.says(APP, 0, command);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// Everything of every record that holds one of these texts.
fn with_plain_text(world: &World, secrets: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for topic in world.topics() {
        for record in world.read(&topic) {
            let headers = record
                .headers()
                .flat_map(|(name, value)| [Some(name), value]);
            let parts = [record.key(), record.value()];
            for part in parts.into_iter().chain(headers).flatten() {
                let text = String::from_utf8_lossy(part);
                if secrets.iter().any(|secret| text.contains(secret)) {
                    found.push(format!("{topic}: {text}"));
                }
            }
        }
    }
    found
}

fn until_running(journal: &mut Journal<'_>, id: &str, event: &str, count: usize) {
    journal.until(&format!("{count} {event} of {id}"), |journal| {
        (journal.newest(id)?.count(event) == count).then_some(())
    });
}

/// Acts on the one order that is open, as a batch.
fn all_that_are_open(world: &World, act: &[&str]) {
    let which = ["-q", "WorkflowId = 'o-3'", "--yes", "--wait"];
    let said = world.says(APP, 0, &[act, &which].concat());
    assert!(said.starts_with("Batch "), "{said}");
    assert!(said.ends_with("1 done, 0 skipped, 0 failed\n"), "{said}");
}

/// A binary without the codec shows what is not secret of schedules and batches, and of others all.
fn is_listed_by_the_stock_binary(world: &World) {
    let says = |code, command: &[&str]| world.says("victim", code, command);
    let create = ["schedule", "create", "plain", "--cron", "@yearly"];
    says(0, &[&create[..], &["--type", "encrypted-order"]].concat());
    let encoded = "encoded with application/vnd.example.encrypted";

    // The engine has the app's codec, and encodes what any schedule answers.
    let listed = says(0, &["schedule", "list"]);
    let names = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1));
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["NAME", "plain", "yearly"],
        "{listed}"
    );
    let listed = says(0, &["schedule", "list", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("it is JSON");
    let yearly = &listed["schedules"][1];
    assert_eq!(yearly["name"], "yearly");
    assert!(yearly["description"]["$base64"].is_string(), "{listed}");
    for verb in ["describe", "next"] {
        let said = world.run("victim", &["schedule", verb, "yearly"]);
        let stderr = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.status.code(), Some(4), "{stderr}");
        assert!(
            stderr.contains(encoded) && stderr.contains("app's own binary"),
            "{stderr}"
        );
    }

    let batches = says(0, &["batch", "list", "-o", "json"]);
    let batches: Value = serde_json::from_str(&batches).expect("it is JSON");
    let batches = batches["batches"].as_array().expect("they are a list");
    assert_eq!(batches.len(), 2, "{batches:?}");
    for batch in batches {
        let why = batch["unread"].as_str();
        assert!(why.is_some_and(|why| why.contains(encoded)), "{batch}");
        assert_eq!((&batch["matched"], &batch["done"]), (&json!(1), &json!(1)));
        let id = batch["batch_id"].as_str().expect("it has an id");
        let described = says(0, &["batch", "describe", id]);
        assert!(described.contains(encoded), "{described}");
    }
}

/// A schedule knows what it starts, and the command line reads what it says of itself.
fn keeps_a_schedule(world: &World) {
    let input = json!({"customer": "Lovelace", "item": "typewriter"}).to_string();
    let create = ["schedule", "create", "yearly", "--cron", "@yearly"];
    let create = [&create[..], &["--type", APP, "--input", &input]].concat();
    world.says(APP, 0, &create);

    let triggered = world.says(APP, 0, &["schedule", "trigger", "yearly"]);
    assert!(triggered.starts_with("Started yearly/"), "{triggered}");
    let described = world.says(APP, 0, &["schedule", "describe", "yearly"]);
    assert!(described.contains("Lovelace"), "{described}");
    let listed = world.says(APP, 0, &["schedule", "list"]);
    assert!(listed.contains("yearly"), "{listed}");
}

#[test]
fn no_plain_text_of_an_encrypted_app_is_on_any_topic_and_its_own_commands_read_it() {
    let world = World::new(2);
    let key = "1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
    fs::write(world.file("order.keys"), key).expect("the keys can be written");
    let _engine = world.engine_of(&mut world.server(APP, &[]));
    let mut journal = world.journal();
    let mut worker = world.spawn("worker", &mut world.command(APP, &["worker"]));

    start(&world, "o-1", "Lovelace");
    signal(&world, "o-1", "12 Hill Street");
    start(&world, "o-2", "Lovelace");
    signal(&world, "o-2", "");
    assert_eq!(journal.until_ended("o-1"), Outcome::Completed);
    assert_eq!(journal.until_ended("o-2"), Outcome::Failed);
    // A person completes what no worker does.
    worker.kill();
    start(&world, "o-3", "Babbage");
    until_running(&mut journal, "o-3", "ActivityAttemptScheduled", 1);
    let shelf = json!("cellar").to_string();
    let complete = [
        "activity",
        "complete",
        "--result",
        &shelf,
        "--even-if-running",
    ];
    all_that_are_open(&world, &complete);
    let address = json!("12 Hill Street").to_string();
    let signal = [
        "workflow", "signal", "--name", "address", "--input", &address,
    ];
    all_that_are_open(&world, &signal);
    assert_eq!(journal.until_ended("o-3"), Outcome::Completed);

    let result = printed(&world, &["workflow", "result", "o-1"]);
    let told = "Hello, Lovelace! Dear Lovelace, typewriter on the shelf of Lovelace goes to 12 Hill Street";
    assert_eq!(result, json!(told));
    let result = printed(&world, &["workflow", "result", "o-3"]);
    assert!(
        result.as_str().is_some_and(|text| text.contains("cellar")),
        "{result}"
    );
    let described = printed(&world, &["workflow", "describe", "o-2", "-o", "json"]);
    assert_eq!(described["input"]["customer"], "Lovelace", "{described}");
    assert_eq!(
        described["failure"]["details"], "shelf of Lovelace",
        "{described}"
    );
    let history = world.says(APP, 0, &["workflow", "history", "o-1", "-o", "json"]);
    assert!(history.contains("12 Hill Street"), "{history}");
    // What was told by a heartbeat came back to the next attempt.
    let told = journal
        .newest("o-1")
        .map_or(0, |run| run.count("ActivityHeartbeatRecorded"));
    assert!(told > 0, "no heartbeat is journaled");
    let task = world.task("o-1", "reserve", 2);
    let content_type = "application/vnd.example.encrypted";
    assert_eq!(task.header("content-type"), content_type);
    assert_eq!(task.header("sl-last-heartbeat-type"), content_type);

    keeps_a_schedule(&world);
    is_listed_by_the_stock_binary(&world);

    let plain = with_plain_text(&world, &SECRETS);
    assert!(plain.is_empty(), "{plain:#?}");
    // The search finds what is plain.
    assert!(!with_plain_text(&world, &["encrypted-order"]).is_empty());
    // Nor is it in anything that the journal's events hold.
    let facts = journal.newest("o-1").expect("it is there").facts.iter();
    let events: Vec<&Event> = facts.map(|fact| &fact.event).collect();
    assert!(!format!("{events:?}").contains("Lovelace"));
    journal.audit();
}
