//! The command line over HTTP: the same words, the same JSON and the same exit codes as over Kafka.
//!
//! Commands are written as at a shell; what has a blank in it is in single quotes.

mod strangers;

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{
    http,
    process::Process,
    records::order,
    wait::{until, until_true},
    world::{World, path_of},
};

/// An engine with its activities, and both ways to it.
struct Shop {
    engine: Process,
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
            engine,
            url: format!("http://{address}"),
            binary,
            world,
        }
    }

    /// Over HTTP alone.
    fn http(&self, line: &str) -> Output {
        let mut command = alone(self.binary, line);
        let output = command.args(["--address", &self.url]).output();
        output.expect("the binary runs")
    }

    /// What it prints over HTTP, or why it failed.
    #[track_caller]
    fn says(&self, code: i32, line: &str) -> String {
        said(&self.http(line), code, line)
    }

    /// What it prints over Kafka alone, or why it failed.
    #[track_caller]
    fn by_kafka(&self, code: i32, line: &str) -> String {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.world.says(self.binary, code, &words)
    }

    #[track_caller]
    fn json(&self, line: &str) -> Value {
        as_json(&self.says(0, &format!("{line} -o json")))
    }

    /// The same JSON both ways; what differs by when it was asked is left out.
    #[track_caller]
    fn same(&self, line: &str) -> Value {
        let line = format!("{line} -o json");
        let said = [self.says(0, &line), self.by_kafka(0, &line)];
        let [http, kafka] = said.map(|json| timeless(as_json(&json)));
        assert_eq!(http, kafka, "{line}");
        http
    }

    /// The same lines both ways.
    #[track_caller]
    fn same_text(&self, line: &str) -> String {
        let http = self.says(0, line);
        assert_eq!(http, self.by_kafka(0, line), "{line}");
        http
    }

    /// The same exit code both ways; what was said over HTTP.
    #[track_caller]
    fn refused(&self, code: i32, line: &str) -> String {
        self.by_kafka(code, line);
        self.says(code, line)
    }
}

/// The words of a line.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// A binary that knows of no server and no brokers.
pub(crate) fn alone(binary: &str, line: &str) -> Command {
    let mut command = Command::new(path_of(binary));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SAGALINE_")) {
        command.env_remove(name);
    }
    command.args(words(line));
    command
}

#[track_caller]
pub(crate) fn said(output: &Output, code: i32, line: &str) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
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
        // Only a process that looks again knows them.
        if let Some(rates) = members.get_mut("rates") {
            *rates = Value::Null;
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
        let input = order(id, "visa", courier);
        shop.http(&format!(
            "workflow {verb} --type order --id '{id}' -i '{input}'"
        ))
    };

    let good = as_json(&said(&begin("execute", "good", "ok"), 0, "execute"));
    assert_eq!(good["charge"]["payment"], "card-good");
    let bad = said(&begin("execute", "a/b c?", "refuses"), 1, "execute");
    assert!(
        bad.contains("workflow a/b c? failed: CourierRefused: "),
        "{bad}"
    );
    let used = said(&begin("start", "good", "ok"), 4, "start");
    assert!(used.contains("workflow good was used before"), "{used}");
    shop.says(0, "workflow start -t order -w .. -i null --start-delay 1h");

    for id in ["good", "'a/b c?'", ".."] {
        shop.same(&format!("workflow describe {id}"));
        shop.same(&format!("workflow history {id}"));
        shop.same_text(&format!("workflow history {id}"));
    }
    shop.same_text("workflow describe good");
    let described = shop.same_text("workflow describe 'a/b c?'");
    let undone = "Compensation   release-stock undoes reserve-stock: completed";
    assert!(described.contains(undone), "{described}");
    assert_eq!(shop.same("workflow result good"), good);
    shop.same_text("workflow result good");
    shop.same_text("workflow history good -o jsonl");
    let followed = shop.same_text("workflow show 'a/b c?' --follow -o jsonl");
    assert!(followed.contains("WorkflowFailed"), "{followed}");
    let watched = shop.says(0, "workflow watch good");
    let last = watched.lines().last().expect("it says something");
    assert!(last.starts_with("Completed in "), "{watched}");
    shop.refused(1, "workflow watch 'a/b c?'");
}

#[test]
fn lists_are_the_same_and_an_address_wins_over_brokers() {
    let shop = Shop::of("order-saga", &[]);
    for id in ["a", "b", "c"] {
        shop.says(
            0,
            &format!("workflow start -t order -w {id} -i null --start-delay 1h"),
        );
    }
    shop.says(0, "workflow terminate a --reason 'a drill'");

    shop.same_text("workflow list -q 'Open = false'");
    let list = shop.same("workflow list -q 'Status = \"Terminated\"'");
    assert_eq!(list["workflows"][0]["workflow_id"], "a");
    shop.same("workflow count --group-by WorkflowType");
    assert_eq!(shop.same_text("workflow count"), "3\n");
    let none = shop.same_text("workflow list -q 'WorkflowId = \"none\"'");
    assert_eq!(none, "No run matches. 3 runs exist without this filter.\n");
    let some = shop.http("workflow list --limit 2 -o jsonl");
    assert_eq!(some.stdout.iter().filter(|byte| **byte == b'\n').count(), 2);
    assert_eq!(String::from_utf8_lossy(&some.stderr), "… more: --limit\n");
    let namespace = |name: &str, code| {
        let list = format!("workflow list --namespace {name} --kafka 127.0.0.1:1");
        let mut command = alone("order-saga", &list);
        let output = command.env("SAGALINE_ADDRESS", &shop.url).output();
        said(&output.expect("the binary runs"), code, &list)
    };
    let listed = namespace(&shop.world.namespace, 0);
    assert!(listed.contains("Terminated by "), "{listed}");
    let other = namespace("elsewhere", 4);
    assert!(other.contains("and elsewhere was asked for"), "{other}");
}

/// What is refused alike by both ways: the exit code, the command, what is said over HTTP.
#[rustfmt::skip]
const REFUSALS: &[(i32, &str, &str)] = &[
    (4, "workflow describe nobody", "(workflow_not_found)"),
    (4, "workflow history nobody", "(workflow_not_found)"),
    (4, "workflow result nobody", "(workflow_not_found)"),
    (4, "workflow watch nobody", "(workflow_not_found)"),
    (4, "workflow cancel nobody", "(workflow_not_found)"),
    (4, "workflow reset nobody --event-seq 1", "(workflow_not_found)"),
    (4, "workflow delete nobody", "(workflow_not_found)"),
    (4, "workflow signal nobody --name x", "(workflow_not_found)"),
    (4, "workflow query nobody --name x", "(workflow_not_found)"),
    (4, "workflow pause nobody", "(workflow_not_found)"),
    (4, "workflow start -t nothing", "error: "),
    (4, "workflow start -t order -w open --id-conflict fail", "(workflow_open)"),
    (4, "workflow describe open -r 6fa459ea-ee8a-3ca4-894e-db77e160355e", "(workflow_not_found)"),
    (4, "activity retry open 7", "(activity_not_found)"),
    (4, "activity pause -w open --activity-id 7", "(activity_not_found)"),
    (4, "incident retry 6fa459ea-ee8a-3ca4-894e-db77e160355e.12", "(incident_not_found)"),
    (4, "schedule describe nothing", "(schedule_not_found)"),
    (4, "schedule create none --interval 1h --type none", "would start workflow none"),
    (4, "schedule pause nothing", "(schedule_not_found)"),
    (4, "batch describe nothing", "(batch_not_found)"),
    (4, "batch cancel nothing", "(batch_not_found)"),
    (4, "task-queue describe nothing", "(task_queue_not_found)"),
    (2, "workflow list -q 'Status ='", "invalid query"),
    (2, "workflow cancel -q 'Open = true'", "there is no terminal"),
    (2, "workflow cancel -q ''", "a query that says nothing"),
    (5, "workflow result open --timeout 300ms", "is still open"),
    (5, "workflow watch open --timeout 300ms", "is still open"),
    (5, "workflow execute -t order -i null --start-delay 1h --timeout 900ms", "is still open"),
];

#[test]
fn what_is_refused_is_refused_alike() {
    let shop = Shop::of("order-saga", &[]);
    shop.says(
        0,
        "workflow start -t order -w open -i null --start-delay 1h",
    );

    for (code, line, said) in REFUSALS {
        let text = shop.refused(*code, line);
        assert!(
            text.starts_with("error: ") && text.contains(said),
            "{line}: {text}"
        );
    }
    let again = shop.json("workflow start -t order -w open -i null");
    assert_eq!(again["started"], false, "{again}");
    let metadata = shop.says(0, "workflow metadata -t order");
    assert!(metadata.starts_with("WORKFLOW  VERSIONS"), "{metadata}");
    let unknown = shop.says(4, "workflow metadata -t nothing");
    assert!(unknown.contains("has no workflow nothing"), "{unknown}");
    for line in ["journal verify", "doctor", "workflow versions"] {
        let text = shop.says(2, line);
        assert!(text.contains("hint: --kafka"), "{line}: {text}");
    }
}

#[test]
fn runs_are_started_asked_and_changed() {
    let shop = Shop::of("victim", &[]);
    let basket = "workflow start --type basket --id b-1";
    let keyed = format!("{basket} --idempotency-key k-1");

    assert_eq!(shop.json(&keyed)["started"], true);
    assert_eq!(shop.json(&keyed)["started"], true, "as the first time");
    assert_eq!(shop.json(basket)["started"], false);
    let add = "workflow update execute b-1 --name add -i 7 --update-id";
    assert_eq!(shop.says(0, &format!("{add} u-1")), "1\n");
    assert_eq!(
        shop.says(0, &format!("{add} u-1")),
        "1\n",
        "it is done once"
    );
    let twice = shop.says(4, &format!("{add} u-2"));
    assert!(
        twice.contains("Twice: 7 is in there (update_rejected)"),
        "{twice}"
    );
    let slow = "workflow update start b-1 --name work-and-add -i 1000 --update-id u-3";
    let started = shop.says(0, slow);
    assert!(
        started.contains("takes work-and-add, update u-3."),
        "{started}"
    );
    let of = "workflow update result b-1 --update-id u-3";
    let early = shop.says(5, &format!("{of} --timeout 100ms"));
    assert!(early.contains("has not ended"), "{early}");
    let pending = shop.by_kafka(0, "workflow describe b-1");
    assert!(pending.contains("update u-3: under way"), "{pending}");
    shop.says(0, of);
    let numbers = shop.json("workflow query b-1 --name numbers");
    assert_eq!(numbers.as_array().map(Vec::len), Some(2));
    let unknown = shop.refused(1, "workflow query b-1 --name sum");
    assert!(unknown.contains("numbers, explode, large"), "{unknown}");

    let paused = shop.says(0, "workflow pause b-1 --reason 'a drill'");
    assert!(paused.contains("b-1 is paused."), "{paused}");
    assert_eq!(shop.json("workflow describe b-1")["status"], "Paused");
    let resumed = shop.says(0, "workflow unpause b-1");
    assert!(resumed.contains("b-1 goes on."), "{resumed}");
    let sent = shop.json("workflow signal b-1 --name close");
    assert!(
        sent["run_id"].is_string() && sent["event_seq"].is_u64(),
        "{sent}"
    );
    assert_eq!(shop.json("workflow result b-1 --timeout 30s"), numbers);
    let closed = shop.refused(4, "workflow signal b-1 --name close");
    assert!(closed.contains("(workflow_closed)"), "{closed}");
}

#[test]
fn who_waits_goes_on_when_the_server_comes_again() {
    let mut shop = Shop::of("victim", &[]);
    shop.says(0, "workflow start --type basket --id b-1");
    let mut watch = alone("victim", "workflow watch b-1");
    let mut watch = shop
        .world
        .spawn("watch", watch.args(["--address", &shop.url]));
    until_true("it is watched", || watch.said("WorkflowStarted") > 0);

    shop.engine.kill();
    until_true("that is noticed", || {
        watch.said("does not answer; trying again") > 0
    });
    let port = shop.url.rsplit(':').next().expect("it has a port");
    let again = ["--with-worker", "--http-port", port];
    let mut again = shop.world.server("victim", &again);
    shop.engine = shop.world.engine_of(&mut again);
    until("somebody has the basket again", || {
        let close = shop.http("workflow signal b-1 --name close");
        close.status.success().then_some(())
    });

    assert_eq!(watch.end().code(), Some(0), "{}", watch.log());
    assert_eq!(watch.said("WorkflowCompleted"), 1, "{}", watch.log());
}

#[test]
fn a_start_brings_a_message_and_what_is_deleted_is_gone() {
    let shop = Shop::of("victim", &[]);
    let basket = "--type basket --id b-1";
    let add = format!("workflow update-with-start {basket} --name add --update-input 3");

    assert_eq!(shop.says(0, &add), "1\n");
    // The run ends by it, and so may have ended before the command looks.
    let close = format!("workflow signal-with-start {basket} --name close");
    shop.says(0, &close);
    assert_eq!(shop.says(0, "workflow result b-1"), "[3]\n");
    let late = shop.says(4, &close);
    assert!(late.contains("b-1 was used before"), "{late}");

    let told = shop.json("workflow delete b-1 --reason 'a customer asked'");
    assert_eq!(told["workflow_id"], "b-1", "{told}");
    let deleted = shop.refused(4, "workflow result b-1");
    assert!(deleted.contains("(workflow_deleted)"), "{deleted}");
}

#[test]
fn what_waits_for_a_person_is_solved_over_http() {
    let shop = Shop::of("flaky-payment", &[]);
    let start = |id: &str| {
        let input = json!({"fail_times": 100, "park": true});
        shop.says(
            0,
            &format!("workflow start -t flaky-payment -w {id} -i '{input}'"),
        );
    };
    let incident = |id: &str| {
        until("the incident is there", || {
            let list = shop.json("incident list");
            let all = list["incidents"].as_array().expect("it is a list").clone();
            let found = all.into_iter().find(|one| one["workflow_id"] == id)?;
            Some(found["id"].as_str().expect("it has an id").to_owned())
        })
    };
    assert_eq!(shop.same_text("incident list"), "Nothing needs you.\n");
    ["p-1", "p-2", "p-3"].into_iter().for_each(start);
    let [id, ..] = ["p-1", "p-2", "p-3"].map(incident);

    shop.same("incident list");
    shop.same_text("incident list");
    shop.same_text("workflow list");
    let described = shop.same_text("workflow describe p-1");
    assert!(
        described.contains(&format!("Incident       {id}")),
        "{described}"
    );
    let skip = format!("incident skip {id} --result");
    // JSON that could be mistaken for bytes is JSON.
    let done = shop.says(0, &format!("{skip} '{{\"$base64\":1}}'"));
    assert_eq!(done, format!("Solved {id}: p-1 goes on without.\n"));
    let again = shop.refused(4, &format!("{skip} 1"));
    assert!(again.contains("(incident_resolved)"), "{again}");
    let fail = "incident fail -q 'WorkflowId = \"p-2\" OR WorkflowId = \"p-3\"'";
    assert_eq!(shop.says(0, &format!("{fail} --dry-run")), "2 matched\n");
    let all = shop.says(0, &format!("{fail} --yes --wait --reason 'a drill'"));
    assert!(all.contains("2 done, 0 skipped, 0 failed"), "{all}");
    let batches = shop.same("batch list");
    assert_eq!(batches["batches"][0]["act"], "incident-fail");
    let batch_id = batches["batches"][0]["batch_id"].as_str().unwrap();
    shop.same(&format!("batch describe {batch_id}"));
    shop.same_text(&format!("batch describe {batch_id}"));
    shop.refused(1, "workflow result p-2");
}

#[test]
fn schedules_and_queues_are_steered_over_http() {
    let shop = Shop::of("victim", &[]);
    let create = "schedule create s-1 --interval 1h --type steps -i []";

    assert_eq!(shop.says(0, create), "Created schedule s-1.\n");
    let again = shop.says(4, create);
    assert!(again.contains("there is a schedule s-1 already"), "{again}");
    for (line, done) in [
        (
            "schedule update s-1 --note hourly",
            "Updated schedule s-1.\n",
        ),
        ("schedule pause s-1", "Paused schedule s-1.\n"),
        ("schedule resume s-1", "Resumed schedule s-1.\n"),
    ] {
        assert_eq!(shop.says(0, line), done);
    }
    shop.same("schedule describe s-1");
    let described = shop.same_text("schedule describe s-1");
    assert!(described.contains("every 1h"), "{described}");
    shop.same("schedule next s-1 --count 3");
    let started = shop.says(0, "schedule trigger s-1");
    assert!(started.starts_with("Started "), "{started}");
    let list = shop.same_text("schedule list");
    assert!(list.contains("active  s-1   every 1h"), "{list}");
    shop.says(0, "workflow pause schedule/s-1");
    let list = shop.same_text("schedule list");
    assert!(list.contains("paused run"), "{list}");
    let list = shop.same("schedule list");
    assert_eq!(list["schedules"][0]["run_paused"], true, "{list}");
    let described = shop.same("schedule describe s-1");
    assert_eq!(described["run_paused"], true, "{described}");
    shop.says(0, "workflow resume schedule/s-1");
    let time = "--from 2026-01-01T00:00:00Z --to 2026-01-01T01:00:00Z";
    let filled = shop.says(0, &format!("schedule backfill s-1 {time}"));
    assert_eq!(filled, "Began to backfill schedule s-1.\n");
    let deleted = shop.says(0, "schedule delete s-1");
    assert_eq!(deleted, "Deleted schedule s-1.\n");
    shop.refused(4, "schedule describe s-1");

    for line in [
        "task-queue limit default --rate 30/min",
        "task-queue pause default --type work",
        "task-queue resume default",
    ] {
        assert_eq!(shop.json(line)["queue"], "default", "{line}");
    }
    let kafka = shop.by_kafka(0, "task-queue describe default");
    assert!(kafka.contains("30 a minute; work paused by "), "{kafka}");
    let http = shop.says(0, "task-queue describe default");
    assert!(http.contains("30 a minute"), "{http}");
    let queues = shop.says(0, "task-queue list");
    assert!(queues.contains("default"), "{queues}");
    let described = shop.same("task-queue describe default");
    let limits = &described["limits"];
    assert_eq!(
        (&limits["is_paused"], &limits["paused"][0]["activity"]),
        (&json!(false), &json!("work"))
    );
    shop.same("task-queue list");
}
