//! What is kept of closed runs, and what people are told of without asking.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{
    http::{self, Answer},
    process::Process,
    wait::{Watch, until},
    world::World,
};

fn serve(world: &World, variables: &[(&str, &str)]) -> (Process, String) {
    let arguments = ["--with-worker", "--http-port", "0"];
    let mut command = world.server("flaky-payment", &arguments);
    let engine = world.engine_of(command.envs(variables.iter().copied()));
    let address = http::address_of(&engine);
    until("the engine is ready", || {
        (http::get(&address, "/readyz").status == 200).then_some(())
    });
    (engine, address)
}

fn start(address: &str, id: &str, fail_times: u32) -> Answer {
    let input = json!({"fail_times": fail_times, "park": true});
    let body = json!({"workflow": "flaky-payment", "id": id, "input": input}).to_string();
    let headers = [("Content-Type", "application/json")];
    let wait = if fail_times > 6 { "" } else { "?wait=30s" };
    let line = format!("POST /api/v1/workflows{wait}");
    http::ask(address, &line, &headers, body.as_bytes())
}

/// The lines of every file of an archive.
fn archived(folder: &Path) -> Vec<Value> {
    let days = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = days.flat_map(|day| fs::read_dir(day.path()).into_iter().flatten().flatten());
    let files: Vec<PathBuf> = files.map(|file| file.path()).collect();
    let mut lines = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "gz"))
    {
        let text = Command::new("gzip")
            .arg("-dc")
            .arg(file)
            .output()
            .expect("gzip is there");
        assert!(text.status.success(), "{file:?} is whole");
        let text = String::from_utf8(text.stdout).expect("it is text");
        let read = |line: &str| serde_json::from_str::<Value>(line).expect("a line is JSON");
        lines.extend(text.lines().map(read));
    }
    lines
}

#[test]
fn closed_runs_go_to_the_archive_whole_and_are_shown_no_longer() {
    let world = World::new(2);
    let folder = world.file("archive");
    let variables = [
        ("SAGALINE_RETENTION", "5s"),
        ("SAGALINE_ARCHIVE", folder.to_str().expect("a path of ours")),
    ];
    let (_engine, address) = serve(&world, &variables);
    let path = "/api/v1/workflows/closed";

    assert_eq!(start(&address, "closed", 1).status, 200);
    let described = http::get(&address, path);
    let lines = [("Accept", "application/x-ndjson")];
    let history = http::ask(&address, &format!("GET {path}/history"), &lines, b"");
    assert_eq!((described.status, history.status), (200, 200));
    assert_eq!(start(&address, "open", 99).status, 202);
    until("it is shown no longer", || {
        (http::get(&address, path).status == 404).then_some(())
    });

    let archived = archived(&folder);
    let described: Value = serde_json::from_str(&described.body).expect("it is JSON");
    let run = &archived[0]["run"];
    for key in [
        "workflow_id",
        "run_id",
        "status",
        "result",
        "input",
        "history_events",
        "closed_at",
    ] {
        assert_eq!(run[key], described[key], "{key}");
    }
    assert_eq!(run["status"], "Completed");
    let events: Vec<&Value> = archived[1..].iter().map(|line| &line["event"]).collect();
    let read = |line: &str| serde_json::from_str::<Value>(line).expect("a line is JSON");
    let history: Vec<Value> = history.body.lines().map(read).collect();
    assert_eq!(events, history.iter().collect::<Vec<_>>());
    assert!(
        archived[1..]
            .iter()
            .all(|line| line["run_id"] == run["run_id"])
    );
    let open = http::get(&address, "/api/v1/workflows/open");
    assert_eq!(open.status, 200, "an open run stays: {open:?}");
    // Its id is still known to its owner.
    let again = start(&address, "closed", 0);
    assert!(!again.body.contains("\"started\":true"), "{again:?}");
}

/// How often the webhook fails before it takes a call.
const FAILURES: usize = 2;

/// A webhook that answers the first calls with an error: its URL, and what it is called with.
fn webhook() -> (String, mpsc::Receiver<(String, Value)>) {
    let (calls, called) = mpsc::channel();
    let mut answered = 0;
    let url = http::serve(move |request| {
        let key = request.header("idempotency-key").unwrap_or_default();
        // Who listened may have heard enough.
        let _ = calls.send((key.to_owned(), request.json()));
        answered += 1;
        let status = if answered > FAILURES { 200 } else { 500 };
        (status, Value::Null)
    });
    (format!("{url}/hook?token=secret-of-the-hook"), called)
}

/// Much less than the minute for which a notice is one process's to tell.
const SOON: Duration = Duration::from_secs(40);

#[test]
fn people_are_told_of_an_incident_by_webhook_and_topic_until_they_have_heard() {
    let world = World::new(2);
    let (url, called) = webhook();
    let topic = format!("notices-{}", std::process::id());
    world.make(&topic);
    let variables = [
        ("SAGALINE_NOTICES_WEBHOOK", url.as_str()),
        ("SAGALINE_NOTICES_TOPIC", topic.as_str()),
    ];
    let (engine, address) = serve(&world, &variables);

    assert_eq!(start(&address, "parked", 99).status, 202);
    let first = called.recv().expect("somebody is told");
    let since = Watch::begin();
    let mut last = first.clone();
    for _ in 0..FAILURES {
        last = called.recv().expect("who did not hear is told again");
        assert_eq!(first.0, last.0, "the same notice");
        assert_eq!(first.1["notices"], last.1["notices"]);
    }

    // After 1 s and after 2 s: so long before another process might have it.
    assert!(since.elapsed() < SOON, "told again after {since:?}");
    let notice = &last.1["notices"][0];
    assert_eq!(
        (&last.1["count"], &notice["workflow_id"]),
        (&json!(1), &json!("parked"))
    );
    let of_topic = until("the topic has it", || {
        let records = world.read(&topic);
        (!records.is_empty()).then_some(records)
    });
    assert_eq!(of_topic.len(), 1, "the topic took it at once");
    let value = of_topic[0].value().expect("it has a value");
    let value: Value = serde_json::from_slice(value).expect("it is JSON");
    assert_eq!(value["id"], notice["id"]);
    assert_eq!(
        engine.said("secret-of-the-hook"),
        0,
        "a URL may hold a secret"
    );
}

#[test]
fn the_projection_is_made_anew_while_it_serves() {
    let world = World::new(2);
    let file = world.file("projection.db");
    let url = format!("sqlite:{}", file.display());
    let (mut engine, address) = serve(&world, &[("SAGALINE_DATABASE", &url)]);
    for id in ["a", "b"] {
        assert_eq!(start(&address, id, 1).status, 200);
    }
    let list = || {
        let answer = http::get(&address, "/api/v1/workflows?sort=workflow_id");
        assert_eq!(answer.status, 200, "{answer:?}");
        let list: Value = serde_json::from_str(&answer.body).expect("it is JSON");
        list["workflows"].clone()
    };
    let before = list();

    let rebuild = ["projection", "rebuild", "--database", &url];
    world.says("flaky-payment", 0, &rebuild);

    assert_eq!(list(), before);
    assert!(
        world.file("projection.db.g1").exists(),
        "it is another file"
    );
    assert_eq!(start(&address, "c", 0).status, 200);
    assert_eq!(
        list().as_array().map(Vec::len),
        Some(3),
        "it goes on with what is new"
    );
    assert_eq!(engine.said("was made anew"), 1, "{}", engine.log());
    // What was left half-way by one that was killed is no hindrance, nor is a restart.
    engine.kill();
    fs::write(world.file("projection.db.g2"), b"half").expect("the folder is there");
    world.says("flaky-payment", 0, &rebuild);
    let (_engine, address) = serve(&world, &[("SAGALINE_DATABASE", &url)]);
    let answer = http::get(&address, "/api/v1/workflow-counts");
    assert!(answer.body.contains("\"count\":3"), "{answer:?}");
}

#[test]
fn a_server_begins_without_its_database_and_goes_on_once_there_is_one() {
    let world = World::new(2);
    let file = world.file("projection.db");
    fs::write(&file, b"this is no database").expect("the folder is there");
    let url = format!("sqlite:{}", file.display());

    let (engine, address) = serve(&world, &[("SAGALINE_DATABASE", &url)]);
    assert_eq!(start(&address, "a", 1).status, 200, "the engine runs on");
    let list = || http::get(&address, "/api/v1/workflows");
    let answer = list();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.contains("projection_unavailable"), "{answer:?}");
    assert!(engine.said("the engine runs on") > 0, "{}", engine.log());

    fs::remove_file(&file).expect("it is there");
    until("the list is there", || {
        let answer = list();
        (answer.status == 200 && answer.body.contains("\"workflow_id\":\"a\"")).then_some(())
    });
}
