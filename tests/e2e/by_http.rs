//! The command line over HTTP: the same words, the same JSON and the same exit codes as over Kafka.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Output},
    thread,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{
    http,
    process::Process,
    records::order,
    wait::until,
    world::{World, path_of},
};

/// An engine with its activities, and both ways to it.
struct Shop {
    _engine: Process,
    url: String,
    binary: &'static str,
    world: World,
}

impl Shop {
    fn of(binary: &'static str, arguments: &[&str]) -> Self {
        let world = World::new(2);
        let arguments = [&["--with-worker", "--http-port", "0"], arguments].concat();
        let engine = world.engine_of(&mut world.server(binary, &arguments));
        let address = http::address_of(&engine);
        until("the engine is ready", || {
            (http::get(&address, "/readyz").status == 200).then_some(())
        });
        Self {
            _engine: engine,
            url: format!("http://{address}"),
            binary,
            world,
        }
    }

    /// Over HTTP alone.
    fn http(&self, arguments: &[&str]) -> Output {
        let mut command = alone(self.binary, arguments);
        let output = command.args(["--address", &self.url]).output();
        output.expect("the binary runs")
    }

    /// What it prints over HTTP, or why it failed.
    #[track_caller]
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        said(&self.http(arguments), code, arguments)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        as_json(&self.says(0, &[arguments, &["-o", "json"]].concat()))
    }

    /// The same JSON both ways; what differs by when it was asked is left out.
    #[track_caller]
    fn same(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["-o", "json"]].concat();
        let kafka = self.world.says(self.binary, 0, &arguments);
        let [http, kafka] = [self.says(0, &arguments), kafka].map(|json| timeless(as_json(&json)));
        assert_eq!(http, kafka, "{arguments:?}");
        http
    }

    /// The same lines both ways.
    #[track_caller]
    fn same_text(&self, arguments: &[&str]) -> String {
        let http = self.says(0, arguments);
        let kafka = self.world.says(self.binary, 0, arguments);
        assert_eq!(http, kafka, "{arguments:?}");
        http
    }

    /// The same exit code both ways; what was said over HTTP.
    #[track_caller]
    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        self.world.says(self.binary, code, arguments);
        self.says(code, arguments)
    }
}

/// A binary that knows of no server and no brokers.
fn alone(binary: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(path_of(binary));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SAGALINE_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

#[track_caller]
fn said(output: &Output, code: i32, arguments: &[&str]) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    match code {
        0 => String::from_utf8(output.stdout.clone()).expect("it prints text"),
        _ => stderr.into_owned(),
    }
}

fn as_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Without the times of the answer itself.
fn timeless(mut json: Value) -> Value {
    if let Value::Object(members) = &mut json {
        for name in ["as_of", "server_time"] {
            members.remove(name);
        }
        members
            .values_mut()
            .for_each(|one| *one = timeless(one.take()));
    }
    if let Value::Array(all) = &mut json {
        all.iter_mut().for_each(|one| *one = timeless(one.take()));
    }
    json
}

#[test]
fn what_is_seen_over_http_is_what_the_journal_tells() {
    let shop = Shop::of("order-saga", &[]);
    let begin = |verb, id: &str, courier| {
        let input = order(id, "visa", courier).to_string();
        let command = [
            "workflow", verb, "--type", "order", "--id", id, "-i", &input,
        ];
        shop.http(&command)
    };

    let good = begin("execute", "good", "ok");
    let bad = begin("execute", "a/b c?", "refuses");
    let used = said(&begin("start", "good", "ok"), 4, &["start"]);

    assert!(used.contains("workflow good was used before"), "{used}");
    let good = as_json(&said(&good, 0, &["execute"]));
    assert_eq!(good["charge"]["payment"], "card-good");
    let bad = said(&bad, 1, &["execute"]);
    assert!(
        bad.contains("workflow a/b c? failed: CourierRefused: "),
        "{bad}"
    );
    shop.says(
        0,
        &[
            "workflow",
            "start",
            "-t",
            "order",
            "-w",
            "..",
            "-i",
            "null",
            "--start-delay",
            "1h",
        ],
    );
    for id in ["good", "a/b c?", ".."] {
        shop.same(&["workflow", "describe", id]);
        shop.same(&["workflow", "history", id]);
        shop.same_text(&["workflow", "history", id]);
    }
    shop.same_text(&["workflow", "describe", "good"]);
    let described = shop.same_text(&["workflow", "describe", "a/b c?"]);
    assert!(
        described.contains("Compensation   release-stock undoes reserve-stock: completed"),
        "{described}"
    );
    assert_eq!(shop.same(&["workflow", "result", "good"]), good);
    shop.same_text(&["workflow", "result", "good"]);
    shop.same_text(&["workflow", "history", "good", "-o", "jsonl"]);
    shop.same_text(&["workflow", "list", "-q", "Status != \"Running\""]);
    let list = shop.same(&["workflow", "list", "-q", "Status = \"Failed\""]);
    assert_eq!(list["workflows"][0]["workflow_id"], "a/b c?");
    shop.same(&["workflow", "count", "--group-by", "WorkflowType"]);
    shop.same_text(&["workflow", "count"]);
    let none = shop.same_text(&["workflow", "list", "-q", "WorkflowId = \"none\""]);
    assert_eq!(none, "No run matches. 3 exist without this filter.\n");
    let some = shop.http(&["workflow", "list", "--limit", "2", "-o", "jsonl"]);
    assert_eq!(some.stdout.iter().filter(|byte| **byte == b'\n').count(), 2);
    assert_eq!(String::from_utf8_lossy(&some.stderr), "… more: --limit\n");
    let watched = shop.says(0, &["workflow", "watch", "good"]);
    assert!(
        watched.lines().last().unwrap().starts_with("Completed in "),
        "{watched}"
    );
    let queue = shop.json(&["task-queue", "describe", "orders"]);
    assert_eq!(queue["name"], "orders");
    let queues = shop.says(0, &["task-queue", "list"]);
    assert!(queues.contains("orders"), "{queues}");
}

#[test]
fn what_is_refused_is_refused_alike() {
    let shop = Shop::of("order-saga", &[]);
    let start = [
        "workflow",
        "start",
        "-t",
        "order",
        "-w",
        "open",
        "-i",
        "null",
        "--start-delay",
        "1h",
    ];
    shop.says(0, &start);

    for (code, arguments, said) in [
        (
            4,
            &["workflow", "describe", "nobody"][..],
            "(workflow_not_found)",
        ),
        (
            4,
            &["workflow", "history", "nobody"],
            "(workflow_not_found)",
        ),
        (4, &["workflow", "result", "nobody"], "(workflow_not_found)"),
        (4, &["workflow", "watch", "nobody"], "(workflow_not_found)"),
        (4, &["workflow", "cancel", "nobody"], "(workflow_not_found)"),
        (
            4,
            &["workflow", "signal", "nobody", "--name", "x"],
            "(workflow_not_found)",
        ),
        (
            4,
            &["workflow", "query", "nobody", "--name", "x"],
            "(workflow_not_found)",
        ),
        (4, &["workflow", "pause", "nobody"], "(workflow_not_found)"),
        (4, &["workflow", "start", "-t", "nothing"], "error: "),
        (
            4,
            &[
                "workflow",
                "start",
                "-t",
                "order",
                "-w",
                "open",
                "--id-conflict",
                "fail",
            ],
            "(workflow_open)",
        ),
        (
            4,
            &[
                "workflow",
                "describe",
                "open",
                "-r",
                "6fa459ea-ee8a-3ca4-894e-db77e160355e",
            ],
            "(workflow_not_found)",
        ),
        (
            4,
            &["activity", "retry", "open", "7"],
            "(activity_not_found)",
        ),
        (
            4,
            &[
                "incident",
                "retry",
                "6fa459ea-ee8a-3ca4-894e-db77e160355e.12",
            ],
            "(incident_not_found)",
        ),
        (
            4,
            &["schedule", "describe", "nothing"],
            "(schedule_not_found)",
        ),
        (4, &["schedule", "pause", "nothing"], "(schedule_not_found)"),
        (4, &["batch", "describe", "nothing"], "(batch_not_found)"),
        (4, &["batch", "cancel", "nothing"], "(batch_not_found)"),
        (
            4,
            &["task-queue", "describe", "nothing"],
            "(task_queue_not_found)",
        ),
        (2, &["workflow", "list", "-q", "Status ="], "invalid query"),
        (
            2,
            &["workflow", "cancel", "-q", "Open = true"],
            "there is no terminal",
        ),
        (
            5,
            &["workflow", "result", "open", "--timeout", "300ms"],
            "is still open",
        ),
        (
            5,
            &["workflow", "watch", "open", "--timeout", "300ms"],
            "is still open",
        ),
        (
            5,
            &[
                "workflow",
                "execute",
                "-t",
                "order",
                "-i",
                "null",
                "--start-delay",
                "1h",
                "--timeout",
                "900ms",
            ],
            "is still open",
        ),
    ] {
        let text = shop.refused(code, arguments);
        assert!(
            text.starts_with("error: ") && text.contains(said),
            "{arguments:?}: {text}"
        );
    }
    let again = shop.json(&[
        "workflow", "start", "-t", "order", "-w", "open", "-i", "null",
    ]);
    assert_eq!(again["started"], false, "{again}");
    for verb in [
        &["journal", "verify"][..],
        &["doctor"],
        &["workflow", "versions"],
    ] {
        let text = shop.says(2, verb);
        assert!(text.contains("hint: --kafka"), "{verb:?}: {text}");
    }
}

#[test]
fn runs_are_asked_and_changed() {
    let shop = Shop::of("victim", &[]);
    let run = |code, rest: &[&str]| shop.says(code, &[&["workflow"], rest].concat());
    let basket = ["workflow", "start", "--type", "basket", "--id", "b-1"];

    let keyed = [&basket[..], &["--idempotency-key", "k-1"]].concat();
    assert_eq!(shop.json(&keyed)["started"], true);
    assert_eq!(
        shop.json(&keyed)["started"],
        true,
        "the same again is answered as before"
    );
    assert_eq!(shop.json(&basket)["started"], false);
    let add = |code, verb, number, id| {
        let update = [
            "update",
            verb,
            "b-1",
            "--name",
            "add",
            "-i",
            number,
            "--update-id",
            id,
        ];
        run(code, &update)
    };
    assert_eq!(add(0, "execute", "7", "u-1"), "1\n");
    assert_eq!(add(0, "execute", "7", "u-1"), "1\n", "it is done once");
    let twice = add(4, "execute", "7", "u-2");
    assert!(
        twice.contains("Twice: 7 is in there (update_rejected)"),
        "{twice}"
    );
    let slow = [
        "update",
        "start",
        "b-1",
        "--name",
        "work-and-add",
        "-i",
        "1000",
        "--update-id",
        "u-3",
    ];
    let started = run(0, &slow);
    assert!(
        started.contains("takes work-and-add, update u-3."),
        "{started}"
    );
    let of = ["update", "result", "b-1", "--update-id", "u-3"];
    let early = run(5, &[&of[..], &["--timeout", "100ms"]].concat());
    assert!(early.contains("has not ended"), "{early}");
    let pending = shop
        .world
        .says("victim", 0, &["workflow", "describe", "b-1"]);
    assert!(pending.contains("update u-3: under way"), "{pending}");
    run(0, &of);
    assert_eq!(
        run(0, &["query", "b-1", "--name", "numbers"])
            .split(',')
            .count(),
        2
    );
    let unknown = shop.refused(1, &["workflow", "query", "b-1", "--name", "sum"]);
    assert!(unknown.contains("numbers, explode, large"), "{unknown}");

    assert!(run(0, &["pause", "b-1", "--reason", "a drill"]).contains("b-1 is paused."));
    assert_eq!(
        shop.json(&["workflow", "describe", "b-1"])["status"],
        "Paused"
    );
    assert!(run(0, &["unpause", "b-1"]).contains("b-1 goes on."));
    let sent = shop.json(&["workflow", "signal", "b-1", "--name", "close"]);
    assert!(
        sent["run_id"].is_string() && sent["event_seq"].is_u64(),
        "{sent}"
    );
    let numbers = as_json(&run(0, &["result", "b-1", "--timeout", "30s"]));
    assert_eq!(numbers.as_array().map(Vec::len), Some(2));
    let closed = shop.refused(4, &["workflow", "signal", "b-1", "--name", "close"]);
    assert!(closed.contains("(workflow_closed)"), "{closed}");

    let with = [
        "--type",
        "basket",
        "--id",
        "b-2",
        "--name",
        "add",
        "--update-input",
        "3",
    ];
    assert_eq!(run(0, &[&["update-with-start"], &with[..]].concat()), "1\n");
    let close = [
        "signal-with-start",
        "--type",
        "basket",
        "--id",
        "b-2",
        "--name",
        "close",
    ];
    run(0, &close);
    assert_eq!(run(0, &["result", "b-2"]), "[3]\n");
    let told = shop.json(&["workflow", "delete", "b-2", "--reason", "a customer asked"]);
    assert!(
        told["event_seq"].is_null() || told["event_seq"].is_u64(),
        "{told}"
    );
    let deleted = run(4, &["result", "b-2"]);
    assert!(deleted.contains("(workflow_deleted)"), "{deleted}");
}

#[test]
fn what_waits_for_a_person_is_solved_over_http() {
    let shop = Shop::of("flaky-payment", &[]);
    let start = |id: &str| {
        let input = json!({"fail_times": 100, "park": true}).to_string();
        shop.says(
            0,
            &[
                "workflow",
                "start",
                "-t",
                "flaky-payment",
                "-w",
                id,
                "-i",
                &input,
            ],
        );
    };
    let incident = |id: &str| {
        until("the incident is there", || {
            let list = shop.json(&["incident", "list"]);
            let all = list["incidents"].as_array().expect("it is a list").clone();
            let found = all.into_iter().find(|one| one["workflow_id"] == id)?;
            Some(found["id"].as_str().expect("it has an id").to_owned())
        })
    };
    assert_eq!(
        shop.same_text(&["incident", "list"]),
        "Nothing needs you.\n"
    );
    start("p-1");
    start("p-2");
    start("p-3");
    let ids = ["p-1", "p-2", "p-3"].map(incident);

    shop.same(&["incident", "list"]);
    shop.same_text(&["incident", "list"]);
    shop.same_text(&["workflow", "list"]);
    let described = shop.same_text(&["workflow", "describe", "p-1"]);
    assert!(
        described.contains(&format!("Incident       {}", ids[0])),
        "{described}"
    );
    let done = shop.says(
        0,
        &["incident", "skip", &ids[0], "--result", "{\"$base64\":1}"],
    );
    assert_eq!(done, format!("Solved {}: p-1 goes on without.\n", ids[0]));
    let again = shop.refused(4, &["incident", "skip", &ids[0], "--result", "1"]);
    assert!(again.contains("(incident_resolved)"), "{again}");
    let query = [
        "incident",
        "fail",
        "-q",
        "WorkflowId = \"p-2\" OR WorkflowId = \"p-3\"",
    ];
    let dry = shop.says(0, &[&query[..], &["--dry-run"]].concat());
    assert_eq!(dry, "2 matched\n");
    let all = shop.says(
        0,
        &[&query[..], &["--yes", "--wait", "--reason", "a drill"]].concat(),
    );
    assert!(all.contains("2 done, 0 skipped, 0 failed"), "{all}");
    let batches = shop.same(&["batch", "list"]);
    assert_eq!(batches["batches"][0]["act"], "incident-fail");
    let batch_id = batches["batches"][0]["batch_id"]
        .as_str()
        .unwrap()
        .to_owned();
    shop.same(&["batch", "describe", &batch_id]);
    shop.same_text(&["batch", "describe", &batch_id]);
    shop.refused(1, &["workflow", "result", "p-2"]);
}

#[test]
fn schedules_and_queues_are_steered_over_http() {
    let shop = Shop::of("victim", &[]);
    let schedule = |code, rest: &[&str]| shop.says(code, &[&["schedule"], rest].concat());
    let create = [
        "create",
        "s-1",
        "--interval",
        "1h",
        "--type",
        "steps",
        "-i",
        "[]",
    ];

    assert_eq!(schedule(0, &create), "Created schedule s-1.\n");
    let again = schedule(4, &create);
    assert!(again.contains("there is a schedule s-1 already"), "{again}");
    assert_eq!(
        schedule(0, &["update", "s-1", "--note", "hourly"]),
        "Updated schedule s-1.\n"
    );
    assert_eq!(schedule(0, &["pause", "s-1"]), "Paused schedule s-1.\n");
    assert_eq!(schedule(0, &["resume", "s-1"]), "Resumed schedule s-1.\n");
    shop.same(&["schedule", "describe", "s-1"]);
    let described = shop.same_text(&["schedule", "describe", "s-1"]);
    assert!(
        described.contains("hourly") || described.contains("every 1h"),
        "{described}"
    );
    shop.same(&["schedule", "next", "s-1", "--count", "3"]);
    let started = schedule(0, &["trigger", "s-1"]);
    assert!(started.starts_with("Started "), "{started}");
    let list = schedule(0, &["list"]);
    assert!(list.contains("s-1") && list.contains("every 1h"), "{list}");
    let time = [
        "--from",
        "2026-01-01T00:00:00Z",
        "--to",
        "2026-01-01T01:00:00Z",
    ];
    let filled = schedule(0, &[&["backfill", "s-1"], &time[..]].concat());
    assert_eq!(filled, "Began to backfill schedule s-1.\n");
    assert_eq!(schedule(0, &["delete", "s-1"]), "Deleted schedule s-1.\n");
    schedule(4, &["describe", "s-1"]);

    let queue = |rest: &[&str]| shop.json(&[&["task-queue"], rest].concat());
    assert_eq!(
        queue(&["limit", "default", "--rate", "30/min"])["queue"],
        "default"
    );
    assert_eq!(
        queue(&["pause", "default", "--type", "work"])["queue"],
        "default"
    );
    assert_eq!(queue(&["resume", "default"])["queue"], "default");
    let kafka = shop
        .world
        .says("victim", 0, &["task-queue", "describe", "default"]);
    assert!(kafka.contains("30 a minute; work paused by "), "{kafka}");
}

#[test]
fn who_is_not_let_in_is_told_and_no_token_is_shown() {
    let world = World::new(1);
    let tokens = world.file("tokens");
    let line = |name: &str, role: &str, token: &str| {
        let hash = Sha256::digest(token.as_bytes());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{name} {role} {hash}\n")
    };
    let lines = line("ada", "operator", "s3cr3t-ada") + &line("bob", "reader", "s3cr3t-bob");
    std::fs::write(&tokens, lines).expect("it can be written");
    let tokens = tokens.to_str().expect("it is text").to_owned();
    let shop = Shop::of("order-saga", &["--tokens-file", &tokens]);
    let list = ["workflow", "list", "-o", "json"];
    let start = [
        "workflow",
        "start",
        "-t",
        "order",
        "-w",
        "o-1",
        "-i",
        "null",
        "--start-delay",
        "1h",
    ];
    let by = |token: &str, code, arguments: &[&str]| {
        shop.says(code, &[arguments, &["--token", token]].concat())
    };

    for text in [shop.says(4, &list), by("s3cr3t-eve", 4, &list)] {
        assert!(
            text.contains("(token_needed)") && text.contains("--token"),
            "{text}"
        );
        assert!(!text.contains("s3cr3t"), "{text}");
    }
    by("s3cr3t-bob", 0, &list);
    let forbidden = by("s3cr3t-bob", 4, &start);
    assert!(
        forbidden.contains("bob is a reader") && forbidden.contains("(forbidden)"),
        "{forbidden}"
    );
    by("s3cr3t-ada", 0, &start);
    let output = alone("order-saga", &["workflow", "history", "o-1", "-o", "json"])
        .env("SAGALINE_ADDRESS", &shop.url)
        .env("SAGALINE_TOKEN", "s3cr3t-ada")
        .env("SAGALINE_LOG", "trace")
        .output()
        .expect("the binary runs");
    let history = as_json(&said(&output, 0, &[]));
    assert_eq!(history["events"][0]["cause"]["source"], "sagaline.http/ada");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cr3t"));

    let config = world.file("settings.toml");
    let settings = format!(
        "[profile.shop]\naddress = '{}'\ntoken = 's3cr3t-bob'\n[profile.far]\naddress = 'http://shop.invalid'\ntoken = 't'\n",
        shop.url
    );
    std::fs::write(&config, settings).expect("it can be written");
    let config = config.to_str().expect("it is text").to_owned();
    let profile = |name: &str| {
        let flags = ["--config", &config, "--profile", name];
        alone("order-saga", &[&list[..], &flags].concat())
            .output()
            .expect("the binary runs")
    };
    assert_eq!(
        as_json(&said(&profile("shop"), 0, &[]))["workflows"][0]["workflow_id"],
        "o-1"
    );
    let plain = said(&profile("far"), 2, &[]);
    assert!(
        plain.contains("in plain sight") && plain.contains("--allow-plain-token"),
        "{plain}"
    );
    let unknown = said(&profile("none"), 2, &[]);
    assert!(unknown.contains("has far, shop"), "{unknown}");
}

/// A server that answers everything with these bytes, as long as somebody reads them.
fn answering(bytes: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("it connects");
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request);
            bytes(&mut stream);
        }
    });
    format!("http://{address}")
}

fn canned(status: &'static str, body: &'static str) -> String {
    answering(move |stream| {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(body.as_bytes());
    })
}

#[test]
fn a_server_that_is_none_or_means_harm_does_none() {
    let list = ["workflow", "list", "--address"];
    let ask = |address: &str, code| {
        let arguments = [&list[..], &[address]].concat();
        let output = alone("order-saga", &arguments)
            .output()
            .expect("the binary runs");
        let text = [&output.stdout[..], &output.stderr].concat();
        let text = String::from_utf8(text).expect("it prints text");
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        text
    };

    let nobody = ask("http://127.0.0.1:1", 3);
    assert!(
        nobody.contains("cannot reach http://127.0.0.1:1: nothing listens there"),
        "{nobody}"
    );
    assert!(
        nobody.contains("hint: ") && nobody.contains("--address"),
        "{nobody}"
    );
    let html = ask(&canned("200 OK", "<html>\u{1b}[2J</html>"), 3);
    assert!(
        html.contains("does not answer as expected: it is no JSON"),
        "{html}"
    );
    ask(&canned("200 OK", r#"{"workflows":7}"#), 3);
    let moved = canned("302 Found\r\nLocation: http://127.0.0.1:1/", "");
    assert!(ask(&moved, 3).contains("answered 302"));
    let evil = canned(
        "409 Conflict",
        "{\"detail\":\"a\\u001b[2J\\nhint: run this\u{202e}\",\"code\":\"x\\u001b[1m\"}",
    );
    let evil = ask(&evil, 4);
    assert!(!evil.contains("\nhint: run this"), "{evil}");
    let names = canned(
        "200 OK",
        "{\"workflows\":[{\"workflow_id\":\"a\\u001b[2J\\nb\",\"status\":\"\\u001b[31m\",\"workflow\":\"\u{202e}w\",\
         \"waiting_for\":{\"text\":\"t\\u001b\"},\"started_at\":\"\\u001b\"}],\"next_page_token\":null}",
    );
    assert!(ask(&names, 0).contains("a␛[2J␊b"));
    let endless = answering(|stream| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(65_536));
        let mut written = stream.write_all(head.as_bytes());
        while written.is_ok() {
            written = stream.write_all(chunk.as_bytes());
        }
    });
    assert!(ask(&endless, 3).contains("more than 67108864 bytes"));
    let wrong = ask("http://ada:s3cr3t@127.0.0.1", 2);
    assert!(!wrong.contains("s3cr3t"), "{wrong}");
}
